// Package anchor puts witnessed checkpoints of a transparency log on a ledger
// of several organisations, at most one transaction an interval, and hands the
// portable proof of each to the log's hub. Book is the hub's side: it keeps
// the proofs, and says when one contradicts the log.
//
// The Anchorer reads what everybody may read (C2SP tlog-checkpoint, tlog-tiles)
// and keeps its outbox in a file of its own, replaced whole before each step:
// chosen, prepared (endorsed and signed, nothing sent), submitted, committed,
// read (the proof is here), and handed over, which empties it.
//
// What always holds:
//
//   - Nothing is submitted before the signed bytes are durable, and after an
//     unknown outcome the same bytes are submitted again, which is the same
//     transaction. So a fallen anchorer, peer, orderer or hub costs time; it
//     leaves no gap, and no size gets a second content.
//   - Only a checkpoint that the log's policy accepts, witnesses included, is
//     anchored, and only when what was anchored last is its beginning.
//     Otherwise ErrFork names both, keeps both in a file, and nothing is
//     anchored until a person has looked.
//   - The newest statement of each issuer key, DID, status list and catalogue
//     rides in the transaction; what does not fit rides in the next, and no more
//     waits than the outbox reads back.
//
// Left out: the ledger itself, behind the interface Chain (anchor/fabric is
// one), and anything that a login, an issuance or a consent could wait for.
package anchor
