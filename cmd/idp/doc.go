// Command idp is the hub of the product: an OpenID provider, an issuer of
// mobile digital IDs, the consent ledger and its log, in one binary.
//
// Its commands are either offline (keygen, migrate, receipt verify, audit,
// witness) or a call to the running service over its unix socket (enrol,
// offer, revoke, client, catalogue, trust). No command opens a database that a
// service holds. Every command prints text for people, and with --json one
// JSON line for scripts; errors go to standard error and to the exit code.
//
// This package only wires: rules live in pkg, engines and pages in internal.
package main
