// Package approval is what the phone signs, and how it is checked again by
// anybody, offline.
//
// A citizen approves terms by a WebAuthn assertion (W3C Web Authentication
// Level 3, 7.2) whose challenge is derived from the digests of the terms and a
// fresh nonce. The assertion is kept. Whoever holds its opening can check it
// with the passkey's public key; that key is explained by the passkey history:
// additions and removals, each signed by an existing passkey or, first and
// after loss, by two officers. Two officers also order what ends a person's
// account: a Measure.
//
// The package uses the standard library's cryptography and go-jose's JWK and
// JWS, nothing else of ours: a stranger can read it in one sitting.
//
// Left out: registration (COSE, attestation), which internal/account does with
// go-webauthn and hands on as JWKs; inclusion of history events in the log,
// which the caller checks (LeafDomain).
//
// What always holds: parsing refuses what it does not understand; every refusal
// is a *CheckError naming the check; a history is accepted whole or not at all.
package approval
