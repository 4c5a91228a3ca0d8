// Package openid4vci holds the messages and the checks of OpenID for
// Verifiable Credential Issuance 1.0, for an issuer and for a wallet.
//
// What is here:
//   - Metadata, the issuer's description of itself (section 12.2);
//   - Offer, by value and by reference (section 4.1);
//   - CredentialRequest, DeferredRequest, CredentialResponse, NonceResponse,
//     Notification (sections 7, 8, 9 and 11), each with its strict reader;
//   - Encryption and Open, encrypted requests and responses (section 10);
//   - VerifyProofs, the check of key proofs of type jwt and attestation
//     (appendices F.1, F.3 and F.4), with ReadKeyAttestation (appendix D);
//   - ReadWalletAttestation and ReadAttestationPoP, by which a wallet shows who
//     vouches for it (appendix E; attestation-based client authentication);
//   - Error, the codes a wallet may rely on (section 8.3.1).
//
// What is left out on purpose: HTTP (internal/idp/issuance serves it, a wallet
// calls it), the authorization server, attestations whose key is found otherwise
// than by x5c (kid, trust_chain), the proof type di_vp, and compression. A request
// that asks for one of these is refused by name.
//
// What always holds: a message is read from at most MaxMessage bytes, an
// unknown parameter is ignored and a parameter given twice is refused; a nonce
// is spent only by proofs that are otherwise good; no function here answers
// with a key whose private half the sender did not prove to hold, save those
// that a trusted attester vouches for where the issuer asked for that; nobody
// is trusted unless he is named.
package openid4vci
