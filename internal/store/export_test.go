package store

import (
	"context"
	"testing"
	"time"
)

// What tests of this package need of its inside.
var (
	InTx     = (*DB).inTx
	IsUnique = isUnique
	ReasonOf = reasonOf
)

// Pragma sets one on the only connection that there will be from now on.
func (db *DB) Pragma(t *testing.T, pragma string) {
	t.Helper()
	db.db.SetMaxOpenConns(1)
	db.db.SetMaxIdleConns(1)
	if _, err := db.db.ExecContext(context.Background(), "PRAGMA "+pragma); err != nil {
		t.Fatal(err)
	}
}

// SetClock gives the database another clock to compare with its server's.
func (db *DB) SetClock(now func() time.Time) { db.now = now }

// Forget what Ready knows, as if a second had passed.
func (db *DB) Forget() { db.health.at = time.Time{} }
