// Package dpop makes and checks proofs of possession by RFC 9449: the short
// signed statement by which a client shows, with every request, that it holds
// the key its access token is bound to.
//
// Sections: 4.2 (syntax), 4.3 (the twelve checks), 7 (at a resource, with
// ath), 8 and 9 (nonces given by the server), 11.1 (a proof is good once).
//
// Left out: making proofs by algorithms other than ES256 (a Policy may accept PS256,
// EdDSA and RS256 too), and the making of nonces, which is the server's own affair
// (Policy.Nonce only asks whether one is good).
//
// What always holds: Check never accepts a proof whose jti it has seen within
// the window, whatever else is right; a Policy without Replay refuses.
package dpop
