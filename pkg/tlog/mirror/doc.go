// Package mirror copies a published log into a folder of files, laid out as its
// addresses (C2SP tlog-tiles, APIs): checkpoint, tile/…, tile/entries/…. Any
// web server, or any object store the folder is copied to, then serves the log;
// every file but the checkpoint may be cached for ever.
//
// It trusts its source with nothing: hash tiles are computed from the entries,
// the tree has to continue the one in the folder, and its root has to be that
// of a checkpoint that the log signed and a quorum of witnesses cosigned.
//
// Left out: serving, and keeping two writers apart: the caller holds a lock.
//
// What always holds: the checkpoint in the folder is written last, whole, and
// every tile below it is there; a failure at any point leaves the log that was
// there before. Partial tiles are deleted once the full one is there and the
// checkpoint that needs it is written.
package mirror
