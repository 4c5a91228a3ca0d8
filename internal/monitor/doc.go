// Package monitor follows a log as a stranger and says, by name and once, what
// is wrong with it. It needs nothing of the hub but what everybody may read.
//
// A round opens the checkpoint by the policy (C2SP tlog-checkpoint,
// tlog-cosignature, tlog-policy), checks that it continues the one seen before
// (RFC 6962, 2.1.2), reads the new entries and checks that entries, tiles and
// root are one tree (C2SP tlog-tiles), reads what the entries say to everybody,
// and compares with that the status lists (Token Status List) and the DID document
// (did:web) that are served, the promises that it was given, and the anchors that others keep.
//
// What always holds: what is remembered moves only to a witnessed checkpoint of
// which everything was checked, and only once it is durable. Of two checkpoints
// that contradict each other both signed notes are kept. A finding is kept
// before it is told, and is told until the telling succeeded; after a crash
// between the two it may be told twice; what was out of reach and is back is told
// no more. Of the lies of one kind that last, the first 32 are remembered and told,
// and no log can make the state longer than what is read of it again. State that cannot be read stops the
// monitor. Nothing that a log or a list says makes it read without bounds, or
// reach a private network.
//
// Left out: what entries that are commitments stand for, which only a database
// or a receipt opens (pkg/audit, pkg/consent/receipt); gossip with other
// monitors, which share evidence by its files; taking up a first walk over a
// long log where it was interrupted (idp audit does).
package monitor
