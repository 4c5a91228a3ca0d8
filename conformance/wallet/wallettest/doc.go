// Package wallettest is a small issuer for tests: a certificate authority, an
// authorization server and a credential issuer in one httptest server, real in
// its protocols and checks, so that a wallet and a verifier can be tested
// without the hub.
//
// It checks what a wallet sends with the same packages as the hub does. Its
// knobs bend single answers, so that a test sees the wallet refuse.
//
// Left out: people. Whoever opens the authorization page has agreed.
package wallettest
