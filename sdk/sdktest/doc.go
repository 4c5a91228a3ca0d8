// Package sdktest is a hub for an agency's own tests: the real ledger over a
// store in memory, a test government CA with two agencies, a witnessed log, and
// citizens with software passkeys, served on this machine. sdk.Provider and
// sdk.Consumer run against it unchanged, with a Trust made as a trust folder is.
//
//	hub := sdktest.New(t)
//	kim := hub.MustCitizen("kim")
//	consumer := hub.MustConsumer()
//	hub.MustProvider(map[string]sdk.DataSet{sdktest.DataSet: {Load: …}})
//	release := kim.MustRelease(consumer, hub.Need(kim))
//
// Break makes the hub go down, be slow, lose answers or lie; Skew and Advance
// move its clock; DuringRelease acts between a provider's checks and its commit.
// TestJournal is the suite of a Journal. Suite walks one story through any
// Deployment: it gets the same answers from this hub and from the real one.
//
// Specifications: RFC 9126, RFC 9101, RFC 9396, RFC 9449, RFC 7523, as far as
// the SDK uses them.
//
// Left out: the pages, sessions and limits of a hub, its database, and every
// client but one. A citizen decides by a method call, and never reads a page.
//
// What always holds: each decision is consent.Ledger's, each signature real.
// Nothing listens beyond this machine, and all of it ends with the test.
package sdktest
