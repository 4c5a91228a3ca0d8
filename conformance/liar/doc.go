// Package liar plays the operator of the hub himself: with the hub's real keys, its
// ledger, its log, its pages and, where a row says so, with its officers and
// witnesses. Against him stand a real sdk.Provider and sdk.Consumer, and a citizen
// with a passkey, a receipt, and what audits and follows a log (pkg/audit).
//
// It leaves out what the processes of a deployment answer to strangers and to bad
// agencies; that is conformance/hostile.
//
// What always holds: each lie is refused or reported by its name by a provider, a
// consumer or a citizen, without the hub's word, or it stands among what a lying
// hub can still do, here and in docs/threat-model.md: the tests called
// TestStillPossible… succeed with it.
package liar
