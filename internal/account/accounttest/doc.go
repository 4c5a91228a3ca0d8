// Package accounttest gives tests the real accounts: a database in memory, the
// demonstration's register, two officers, a clock that the test moves, and phones
// that answer WebAuthn ceremonies (Web Authentication Level 3, 7.1 and 7.2)
// without a browser.
//
// What always holds: nothing here replaces a check; a phone only makes what an
// authenticator would, or, where a test turns one of its knobs, should not.
//
// Left out: HTTP; that is each flow's own test.
package accounttest
