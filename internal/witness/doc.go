// Package witness is a small witness (C2SP tlog-witness, tlog-cosignature): it
// follows one log (Witness) or several (Several), each by its origin and with a
// state of its own, and cosigns their checkpoints, each after proof that the log
// only grew since the one before.
//
// What always holds: the checkpoint is durable (written, synced, renamed,
// folder synced) before the cosignature is answered, so a witness that lost
// its power never signs two trees; comparing and writing happen under one
// lock; a state file that cannot be read and verified stops the witness.
//
// Left out: bastions, pruning, ML-DSA-44, and any
// read interface: what was cosigned is read from the log.
package witness
