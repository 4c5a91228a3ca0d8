// Package statuslist builds, signs, reads and fetches Token Status Lists as JWT
// and as CWT (draft-ietf-oauth-status-list-21, 4 to 9), with aggregations and
// lists of times that have passed.
//
// OpenID4VCI 1.0 pins draft 12, of which this is a superset on the wire: what
// changed since is that a historical request for a time that is not kept is
// answered 404, no longer 406. Both are understood.
//
// It leaves out tokens under a MAC (draft, 11.6: whom they serve has no third
// party to convince), other algorithms than ES256, and the CoAP content format,
// whose number is not assigned yet. It knows bytes, not policy: whether the
// signer of a list may speak about a credential is asked of the caller, each
// time, through Trust.
//
// What always holds: a list is decompressed to at most MaxList, and nothing
// follows it; a status beyond the end of a list is an error, never "valid"; a
// list past its exp, or about another URI than the one asked for, is an error;
// an answer from the cache is never older than the list's ttl and exp allow,
// whatever HTTP says; a list that is older than one seen before, by more than a
// minute, is refused by name (ErrRollback); however many ask at once, a list is
// fetched once.
package statuslist
