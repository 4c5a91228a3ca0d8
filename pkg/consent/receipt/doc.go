// Package receipt puts together what happened to a grant, complete, and checks
// it offline: request, terms, approval, events with their places in the log,
// commits and countersignatures, and the hub's signature over all of it.
//
// The citizen's copy opens the approval; a consumer's copy holds its salted
// digest only, because a passkey's public key shown to every agency would
// identify one person across them (ISO/IEC TS 27560:2023 names the parts).
//
// A receipt may carry what peers of a Fabric channel said about the checkpoints
// that it leads to. WithFabric asks that each of them is anchored; what that
// claims, pkg/tlog/endorsement says. A receipt without anchors is the same bytes
// and the same digest as before there were any.
//
// Left out: asking a peer now (Receipt.Anchored says what to ask); the values that were passed on, which the hub never had.
//
// What always holds: Verify asks nobody; every check is named in the Report,
// also those that pass; an event outside a witnessed checkpoint fails; a receipt
// differing in any byte from the one that the hub closed fails.
package receipt
