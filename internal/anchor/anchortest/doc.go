// Package anchortest is a log with a shelf for proofs, in memory: the Hub of
// tests of anchorers. Its checkpoints are signed and witnessed by keys that
// anybody knows, its tiles are those of its entries.
//
// What always holds: what it publishes is one tree, unless a test alters it.
// Left out: everything that a hub keeps, and time.
package anchortest
