package store

// What tests of this package need of its inside.
var (
	InTx     = (*DB).inTx
	IsUnique = isUnique
)
