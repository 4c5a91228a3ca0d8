// Package statuslist builds, signs, reads and fetches Token Status Lists in
// their JWT form (draft-ietf-oauth-status-list, 4, 5.1, 8).
//
// It leaves out the CBOR form, status aggregation and historical resolution.
// It knows bytes, not policy: whether the signer of a list may speak about a
// credential is asked of the caller, each time, through Trust.
//
// What always holds: a list is decompressed to at most a fixed size; a status
// beyond the end of a list is an error, never "valid"; a list past its exp, or
// about another URI than the one asked for, is an error; an answer from the
// cache is never older than the list's ttl and exp allow.
package statuslist
