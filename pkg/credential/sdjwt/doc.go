// Package sdjwt issues, presents and verifies Selective Disclosure JWTs
// (RFC 9901) and the shape that SD-JWT VC gives them.
//
// It knows bytes, not policy: whose key is trusted, whether a status must be
// asked, and which claims suffice is decided by its callers. It covers the
// compact serialization (RFC 9901, 4), disclosures of object properties and
// array elements (4.2), decoys (4.2.5), key binding (4.3), the processing
// rules (7.1 to 7.3) and SD-JWT VC's rules on what must never be selectively
// disclosed (draft-ietf-oauth-sd-jwt-vc, 2.2.2.3), neither they nor their parts.
//
// It leaves out the JWS JSON serialization (RFC 9901, 8), hash functions other
// than SHA-256, type metadata, and where an issuer's key comes from.
//
// What always holds: nothing that Parse or Unverified returns has been checked
// against a signature; what Verify returns has. Each disclosure is referenced
// by exactly one digest, or the whole token is refused. A token that exceeds
// the limits of this package is refused before any cryptography.
package sdjwt
