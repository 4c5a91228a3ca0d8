package store_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/store"
)

// TestLogOnAFullDisk fills the disk under a running log: it says so, what is
// published stays, and it goes on when there is room.
func TestLogOnAFullDisk(t *testing.T) {
	db := open(t, "sqlite:"+filepath.Join(t.TempDir(), "test.db"))
	db.Pragma(t, "max_page_count = 1000000") // one connection from here on
	log, stop := lonely(t, db.Log())
	defer stop()
	placed := func(from, to int) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		for n := from; n < to; n += 50 {
			if _, err := log.WaitProof(ctx, benchEntry(n)); err != nil {
				t.Fatalf("entry %d: %v", n, err)
			}
		}
	}
	fill := func(from, to int) error {
		var entries [][]byte
		for n := from; n < to; n++ {
			entries = append(entries, benchEntry(n))
		}
		return db.Log().Append(t.Context(), "commit "+string(rune('a'+from/400)), []byte{1}, entries)
	}
	must(t, fill(0, 400))
	placed(0, 400)
	before, err := log.Checkpoint(t.Context())
	must(t, err)

	db.Pragma(t, "max_page_count = 1")
	for n := 400; n < 40_000 && err == nil; n += 400 {
		if err = fill(n, n+400); err == nil { // there was room in pages that are there
			placed(n, n+400)
			before, err = log.Checkpoint(t.Context())
			must(t, err)
		}
	}
	if !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("the disk is not full: %v", err)
	}
	if err := log.Ready(t.Context()); err != nil {
		t.Errorf("a full disk stops the log for good: %v", err)
	}
	if now, err := log.Checkpoint(t.Context()); err != nil || string(now) != string(before) {
		t.Errorf("what was published is gone: %v", err)
	}
	db.Pragma(t, "max_page_count = 1000000")
	must(t, fill(0, 400)) // again: durable already
	must(t, db.Log().Append(t.Context(), "last", []byte{1}, [][]byte{benchEntry(1 << 30)}))
	placed(1<<30, 1<<30+1)
}
