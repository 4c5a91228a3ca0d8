// Package credential issues verifiable credentials and verifies them.
//
// The Issuer turns what is known of a person into an SD-JWT VC
// (draft-ietf-oauth-sd-jwt-vc) bound to the holder's key, with an x5c chain, an
// expiry and an entry in a Token Status List
// (draft-ietf-oauth-status-list), and makes the issuance, or a revocation,
// durable in one commit together with its leaf of the log. The Offers keep what
// was offered to whom (OpenID4VCI 1.0, 4 and 6), the Nonces what a proof must
// show (OpenID4VCI 1.0, 7).
//
// The Verifier checks one presentation and lists every check it made, in order,
// by name. It leaves queries (DCQL) and transport to openid4vp, other formats
// to their own packages, and DIDs as a trust path to later.
//
// What always holds: trust is a policy, empty by default, so that nothing is
// accepted that was not asked for; the verifier fails closed, so that a status
// that cannot be learned is a failed check; claims are returned only when every
// check passed; a status index is never given twice; nothing personal reaches
// the log, only salted commitments and digests of status lists.
package credential
