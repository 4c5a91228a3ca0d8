// Package public serves what everybody may read: the log's checkpoint, its
// tiles and entry bundles (C2SP tlog-tiles), inclusion proofs (C2SP tlog-proof)
// for who knows a leaf's hash, the proofs that checkpoints are anchored, which
// anybody may bring, the signed catalogue, the newest and by number, with the
// officers' signatures, and of it a page for people; the OpenAPI 3.1 document of
// what agencies call; and the counts of internal/tally.
//
// What always holds: nothing is served beyond the published, cosigned
// checkpoint; full tiles may be cached for ever and say so, the checkpoint may
// not; every origin may read; nobody is told apart: no cookie is read or set,
// save the language's by the pages. The pages need no script.
//
// The status lists and the credential issuer's documents are served by the
// flow that owns them.
package public
