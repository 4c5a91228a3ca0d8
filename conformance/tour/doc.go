// Command tour walks the whole story as a person would, in Chromium with the
// DevTools virtual authenticator (W3C Web Authentication Level 3, 11) in place
// of a phone's biometrics, at phone size, in Korean and in English: enrol, put a
// mobile ID into the wallet, prove it to a verifier, renew a licence with one
// fact from the insurer, see it in the history, withdraw, be refused the second
// use, check the receipt offline, audit the log. Beside the story: be known at a
// kiosk, log in at a service and out, agree to a payment whose number is typed
// back, refuse a request and keep the proof, wait for an operator's decision.
//
// And it has people meet what goes wrong: a used code, a phone that does not know
// them, no network, no passkeys, no scripts, a login that ends in the middle.
//
// On each page it runs axe-core, looks for sideways scrolling on a phone, and on
// the smallest with text of twice the size, for controls that a finger misses, for
// several of one name, for dates and words that only programs write, and keeps a
// screenshot. Throughout it listens: no request may leave
// this machine, no page may offend its own content security policy. Everything
// that passes between the services goes through recording proxies, so that the
// test can say what the hub received and sent.
//
// It is a stranger to the product: it knows pages, addresses and commands, no
// package of the hub. It leaves out real authenticators and other browsers.
//
// What always holds: it starts the story in a folder of its own on free ports,
// and ends what it started.
package main
