// Package expiry ends by the clock what nothing else has ended: a grant whose
// time is over, or an offer that nobody decided, gets its event and its leaf in
// the log though no agency and no citizen comes by (ISO/IEC TS 27560:2023 calls
// the state "expired"; a reader saw it before, by consent.Record.Reading).
//
// After the end the same sweep reminds a consumer who has not said in time, by a
// signed statement, that it deleted what it learned: a signal (deletion-due) once
// a week, eight times.
//
// Its neighbours, each behind an interface declared here or in consent: the
// ledger, which alone judges, and the deadlines that the store keeps beside the
// events.
//
// Left out: a leader. Replicas sweep independently and in random order; the
// ledger's commit of one grant's expiry has one id, so that any number of them
// leaves one event.
//
// What always holds: nothing is expired that the ledger would still let be used,
// by this clock and a grace for others'; while somebody sets the clock, nothing
// is; what cannot be expired waits behind the rest and stops nobody; a sweep is
// bounded.
package expiry
