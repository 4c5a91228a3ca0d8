// Package consenttest is a small world for tests: a government CA, two agencies,
// two officers, citizens with software passkeys, a catalogue, a witnessed log
// and the real ledger over a store in memory. Nothing in it is a mock: every
// signature is made and checked by the code that a service runs.
package consenttest
