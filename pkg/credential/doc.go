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
// by name, with the key, the trust anchor, the status and the times that it went
// by. Whom it believes is the Policy's: certificate chains (HAIP 1.0, 6.1.1), what
// an issuer publishes (SD-JWT VC, JWT VC Issuer Metadata), or a DID. It leaves
// queries (DCQL) and transport to openid4vp, other formats to their own packages.
// TypeMetadata finds what issuers call a type and its claims (SD-JWT VC, Type
// Metadata); its rules on `sd` and `mandatory`, pictures and templates are left out.
//
// What always holds: trust is a policy, empty by default, so that nothing is
// accepted that was not asked for; the verifier fails closed, so that a status
// that cannot be learned is a failed check; claims are returned only when every
// check passed; a status index is never given twice; nothing personal reaches
// the log, only salted commitments and digests of status lists.
package credential
