// Package audit walks a whole log and says the first lie it finds, by name.
//
// From the log alone (C2SP tlog-checkpoint, tlog-tiles, tlog-cosignature): the
// checkpoint's signature and witnesses; that it continues the checkpoint seen
// last time; that the entries, the tiles and the root are one tree. With the
// service's events (the Events interface): that each event has its leaf, that
// each leaf has its event or a tombstone, that no promise is overdue, and that
// each grant's history is legal under consent.Apply, the same rule the service
// decides with. With a bundle of receipts: every check of pkg/consent/receipt,
// and that the checkpoints they carry are of the log. With proofs of anchors:
// that each is a beginning of the log.
//
// Walk and Continues are the parts for who follows a log (internal/monitor).
// A walk from the log alone that ends early leaves a Progress, from whose edge
// another goes on, after the log has kept to the checkpoint of the first. With
// events each walk begins at the first entry. Memory is bounded at any size:
// leaves and events are joined bucket by bucket, in a temporary folder.
//
// What always holds: a report without findings means that all checks of its
// list ran. What is remembered is replaced only after such a report, so that
// the evidence of a fork stays. Anything unreadable is a finding too.
//
// What an auditor cannot tell from here: whether other people are shown the
// same log (witnesses vouch for that), whether an entry that nobody opens is
// true, and what was never committed.
package audit
