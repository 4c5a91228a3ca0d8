// Package tlog is the reader's half of the transparency log, and the words
// that its writers share with readers: entries, tiles, checkpoints,
// cosignatures, policies and proofs.
//
// It follows C2SP signed-note, tlog-checkpoint, tlog-tiles, tlog-cosignature
// (Ed25519, "cosignature/v1"), tlog-witness (the body of add-checkpoint),
// tlog-policy and tlog-proof, and RFC 6962, section 2, for the tree. It is the
// one importer of golang.org/x/mod's sumdb/tlog and sumdb/note.
//
// What always holds: nothing is taken from a checkpoint before a log key of
// the policy has signed it, and a checkpoint without the policy's quorum of
// witnesses is an error, ErrUnwitnessed, also when everything else is right.
// The zero Policy accepts nothing.
//
// Left out: ML-DSA-44 cosignatures (no key of ours makes them yet; lines of
// unknown keys are ignored as the texts ask), subtrees, pruning, and any
// transport: tiles come through the Tiles interface.
package tlog
