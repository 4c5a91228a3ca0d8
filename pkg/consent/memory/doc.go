// Package memory is the ledger's store in memory, for tests and for the fake
// hub of agencies' tests. It passes the storage suite that the SQL store passes.
//
// Left out: durability. What always holds: what it answers shares nothing with
// what it keeps, so a caller cannot change history by writing to a slice.
package memory
