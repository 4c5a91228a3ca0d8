// Package sequencer gives the leaves of durable commits their places in the
// log, signs checkpoints, has them cosigned by witnesses, and publishes them
// (C2SP tlog-checkpoint, tlog-tiles, tlog-witness).
//
// Every tick, at most 200 ms apart, one group of pending leaves is integrated
// in one write; then, when the tree has grown past what is published, its
// checkpoint goes to the witnesses with a consistency proof from what each of
// them last saw, and is published once the policy's quorum has cosigned.
//
// What always holds:
//
//   - A size has one root. The tree moves by compare-and-swap, and a signed
//     checkpoint leaves this process only after the write that holds it is
//     durable; after an unknown outcome the state is read again, not guessed.
//   - The lease spares work, nothing else: two leaders at once are slow, and
//     the compare-and-swap keeps them right.
//   - Nothing is integrated before the state was found whole (tiles, root,
//     signature, published checkpoint) and a quorum of witnesses agreed that
//     they know nothing newer, and nothing is signed before the tree was found
//     to continue the last anchor, and each that contradicted it when it came: a
//     database restored from a backup stops the log with ErrRolledBack, it does not
//     fork it.
//   - Witnesses out of reach delay publishing. They never touch commits.
//
// Left out: anchoring (internal/anchor), and pruning.
package sequencer
