// Package did reads and writes DID documents and resolves the methods did:jwk,
// did:key (P-256 and Ed25519) and did:web (W3C DID Core 1.0; the method
// specifications of each).
//
// A DID names a key here; whether that key is trusted for anything is decided
// by its user's policy, which may also judge a document of did:web as it was
// fetched. Kept keeps documents a while. It leaves out did:webvh, services, key agreement,
// controllers other than the subject, and parameters in DID URLs.
//
// What always holds: a resolved document is about the DID that was asked for;
// keys are public; did:jwk and did:key need no network; did:web is fetched over
// https (loop-back excepted, in development alone), within limits of time and
// size, never from a private network, and from no other host than the one that the
// DID names, wherever it redirects.
package did
