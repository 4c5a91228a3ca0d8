// Package sandbox lets agencies try the hub by themselves: a hub of its own on
// one machine, with synthetic citizens, where an agency registers without asking
// anybody. It sends a certificate request (RFC 2986) and gets a certificate of
// the sandbox's own CA, an OAuth client (RFC 7591 names) and the trust folder;
// then it lists itself with its data sets and purposes, signed with that
// certificate.
//
// Left out: everything by which a real hub makes sure who somebody is. Nothing
// that comes from here is worth anything elsewhere: the CA says SANDBOX and no
// trust folder but the sandbox's own holds it.
//
// What always holds: an agency adds and changes its own entry, data sets and
// purposes, and nobody else's; it lists the issuer's address that it was certified
// for, and no other; there are quotas on agencies, data sets and requests; a refusal
// is a problem document (RFC 9457). The package is mounted by `idp serve --sandbox`
// alone.
package sandbox
