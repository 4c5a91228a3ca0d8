// Package public serves what everybody may read: the log's checkpoint, its
// tiles and entry bundles (C2SP tlog-tiles), inclusion proofs (C2SP tlog-proof)
// for who knows a leaf's hash, the signed catalogue, and the proofs that
// checkpoints are anchored, which anybody may bring.
//
// What always holds: nothing is served beyond the published, cosigned
// checkpoint; full tiles may be cached for ever and say so, the checkpoint may
// not; every origin may read; nobody is told apart: no cookie is read or set.
//
// The status lists and the credential issuer's documents are served by the
// flow that owns them.
package public
