// Package inspect tries an identity provider and a verifier from outside, over
// HTTP alone, against any deployment: what its documents say, and whether each
// door refuses what the specifications want refused, by the code that they name.
//
// IDP tries the authorization server (RFC 6749 with 9700, 7636, 8414, 9101, 9126,
// 9207, 9449; OpenID Connect Discovery 1.0; FAPI 2.0 and HAIP 1.0 where a client
// is given), the issuer (OpenID4VCI 1.0) and its status lists (Token Status
// List). Verifier tries the doors of a verifier (OpenID4VP 1.0, HAIP 1.0).
//
// Left out: what only a signed-in citizen sees; the wallet and the relying
// parties of strangers, which conformance/irmago and conformance/relyingparty
// run; anything that would spend what belongs to somebody. A case that needs a
// registered client, or a request of the verifier, is skipped without one.
//
// What always holds: no case is passed by an answer that never came; a report
// shows names of checks and codes, never a token; at most a few hundred requests
// are sent, one at a time.
package inspect
