// Package irmago points a stranger's wallet at the hub and at the verifier: the
// wallet-side packages of github.com/privacybydesign/irmago, unchanged
// (OpenID4VCI 1.0, OpenID4VP 1.0, SD-JWT VC, Token Status List), against the
// processes of conformance/stage. The wallet takes a mobile ID by pre-authorized
// code, shows it, and learns of its revocation; by authorization code it comes as
// far as its own use of authorization_details lets it.
//
// It is a module of its own, so that what the stranger links reaches none of our
// programs. Nothing of ours takes part on the wallet's side; the citizen who
// clicks is conformance/citizen.
//
// Left out: what this wallet does not do, which is DPoP, wallet and key
// attestations, deferred issuance and encrypted responses of an issuer. It is a
// public client with bearer tokens, and registered so.
//
// What always holds: every process started here ends with its test.
package irmago
