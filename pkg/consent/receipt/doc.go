// Package receipt puts together what happened to a grant, complete, and checks
// it offline: request, terms, approval, events with their places in the log,
// commits and countersignatures, and the hub's signature over all of it.
//
// The citizen's copy opens the approval; a consumer's copy holds its salted
// digest only, because a passkey's public key shown to every agency would
// identify one person across them (ISO/IEC TS 27560:2023 names the parts).
//
// Left out: anchors; the values that were passed on, which the hub never had.
//
// What always holds: Verify asks nobody; every check is named in the Report,
// also those that pass; an event outside a witnessed checkpoint fails; a receipt
// differing in any byte from the one that the hub closed fails.
package receipt
