// Package openid4vci holds the messages and the checks of OpenID for
// Verifiable Credential Issuance 1.0, for an issuer and for a wallet.
//
// What is here:
//   - Metadata, the issuer's description of itself (section 12.2);
//   - Offer, by value and by reference (section 4.1);
//   - CredentialRequest, CredentialResponse, NonceResponse, Notification
//     (sections 7, 8 and 11), each with its strict reader;
//   - VerifyProofs, the check of key proofs of type jwt (appendix F.1 and F.4);
//   - Error, the codes a wallet may rely on (section 8.3.1).
//
// What is left out on purpose: HTTP (internal/idp/issuance serves it, a wallet
// calls it), the authorization server, deferred issuance, encrypted requests
// and responses, key attestations, and the proof types di_vp and attestation.
// A request that asks for one of these is refused by name.
//
// What always holds: a message is read from at most MaxMessage bytes, an
// unknown parameter is ignored and a parameter given twice is refused; a nonce
// is spent only by proofs that are otherwise good; no function here answers
// with a key whose private half the sender did not prove to hold.
package openid4vci
