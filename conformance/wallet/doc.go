// Package wallet is a scripted phone: it accepts credential offers
// (OpenID4VCI 1.0), keeps credentials with a key of their own each, and answers
// presentation requests (OpenID4VP 1.0, HAIP 1.0). The command
// `conformance wallet` and the page of examples/wallet are its two faces.
//
// It is a stranger to the hub: it stands on pkg alone and meets services only
// over HTTP, so that it tests any deployment.
//
// Covered: offers by value and by reference; the pre-authorized code with
// transaction code; the authorization code with PAR, PKCE S256 and iss
// (RFC 9126, 7636, 9207); DPoP with a nonce when asked (RFC 9449); the nonce
// endpoint and key proofs; notification; DCQL with the choice of claims; key
// binding; the encrypted answer; declining.
//
// Left out: client attestation (the client is public), deferred issuance,
// batches, encrypted credential responses, the Digital Credentials API, mdoc.
//
// What always holds: a holder key signs for one credential alone and never
// leaves the store; nothing is shared that Present was not told to share, and
// nothing that the request did not ask for; a refusal is a *Refusal that names
// the check, what a server refused is an *Answer; no HTTP redirect is followed;
// addresses are https, or, in development alone, http on the loop-back; answers
// are read to a limit and within a time.
package wallet
