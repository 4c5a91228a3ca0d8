// Command verifier asks wallets for presentations and judges them.
//
// `verifier serve` is the service; `verifier ask` and `verifier result`
// reach it through its unix socket. Every command prints text for people, and
// with --json one JSON line for scripts; errors go to standard error and to the
// exit code.
//
// Settings are flags and MYDATA_VERIFIER_* variables; one that is unknown is
// refused. Plain http is for development on the loop-back alone.
//
// This package only wires: rules live in pkg, pages in internal/verifier.
package main
