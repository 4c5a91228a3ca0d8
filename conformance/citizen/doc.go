// Package citizen is a person on a phone without a browser: a cookie jar, eyes
// for forms and links, a software passkey (W3C Web Authentication Level 3; the
// library virtualwebauthn), and the scripted wallet. It enrols, logs in, looks
// at the dashboard, approves, withdraws and renews a licence as the pages'
// scripts and forms would, through the public doors alone.
//
// Every step may be repeated after an error: what had already happened is
// noticed, nothing is done twice.
//
// It leaves out style sheets and scripts; conformance/tour walks in a real
// browser. Attestation other than "none" is not made.
//
// What always holds: redirects are followed by hand, so that every address on
// the way can be looked at.
package citizen
