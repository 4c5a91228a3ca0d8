// Package logtools reads the hub's log with other people's tools, unchanged:
// filippo.io/torchwood and github.com/transparency-dev/formats, over C2SP
// tlog-checkpoint, tlog-tiles, tlog-cosignature and tlog-proof. Its tests start
// a hub and witnesses as processes, ask them by HTTP, and read the same
// log again from the files that `idp log export` writes.
//
// It is a module of its own: nothing of ours is linked here, and what it links
// reaches none of our programs.
//
// Left out: the witness's protocol, which the hub's own tests speak, and
// anything that the two libraries do not read.
//
// What always holds: every process started here ends with its test.
package logtools
