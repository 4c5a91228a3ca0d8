// Package relyingparty points a stranger's relying party at the hub: openid-client
// (npm, certified by the OpenID Foundation), unchanged, against the processes of
// conformance/stage. Its library checks what the authorization server says: the
// metadata, iss, state, nonce, the id_token, DPoP, refresh and revocation.
//
// The script is ours and does what a line on its standard input says; the citizen
// who clicks is conformance/citizen.
//
// Left out: the library's ways that FAPI 2.0 forbids (implicit and hybrid flows,
// JARM, client_secret_jwt).
//
// What always holds: every process started here ends with its test.
package relyingparty
