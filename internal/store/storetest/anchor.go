package storetest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/anchor"
	"github.com/govmydata/mydata/internal/sequencer"
	"github.com/govmydata/mydata/pkg/tlog"
)

// Anchors is what every anchor.Rows must do, and what the log's storage says of
// them. s is empty.
func Anchors(t *testing.T, s anchor.Rows, log sequencer.Anchors) {
	ctx := t.Context()
	at := time.UnixMilli(1_800_000_000_123)
	five := anchor.Kept{Size: 5, Root: tlog.Hash{5}, Proof: []byte("proof of 5"), At: at}
	t.Run("it has none at first", func(t *testing.T) {
		_, err1 := s.Newest(ctx)
		_, err2 := s.Of(ctx, 5)
		if _, err := log.Anchored(ctx); !errors.Is(err, sequencer.ErrNone) || !errors.Is(err1, anchor.ErrNotFound) || !errors.Is(err2, anchor.ErrNotFound) {
			t.Errorf("%v, %v, %v", err, err1, err2)
		}
		if _, err := log.Checkpoint(ctx, 5); !errors.Is(err, sequencer.ErrNone) {
			t.Errorf("checkpoint: %v", err)
		}
	})
	t.Run("it keeps the first proof of a size", func(t *testing.T) {
		kept, err := s.Keep(ctx, five)
		if err != nil || !kept {
			t.Fatalf("%v, %v", kept, err)
		}
		again := five
		again.Proof, again.At = []byte("another proof"), at.Add(time.Hour)
		if kept, err := s.Keep(ctx, again); err != nil || kept {
			t.Errorf("again: %v, %v", kept, err)
		}
		got, err := s.Of(ctx, 5)
		if err != nil || string(got.Proof) != "proof of 5" || got.Root != five.Root || got.Size != 5 || !got.At.Equal(at) {
			t.Errorf("%+v, %v", got, err)
		}
	})
	t.Run("it refuses another root of a size", func(t *testing.T) {
		other := five
		other.Root[1] = 9
		if kept, err := s.Keep(ctx, other); !errors.Is(err, anchor.ErrTaken) || kept {
			t.Errorf("%v, %v", kept, err)
		}
	})
	t.Run("it knows the newest, also when an older one comes later", func(t *testing.T) {
		for _, size := range []int64{9, 7} {
			if _, err := s.Keep(ctx, anchor.Kept{Size: size, Root: tlog.Hash{byte(size)}, Proof: []byte{byte(size)}, At: at}); err != nil {
				t.Fatal(err)
			}
		}
		newest, err := s.Newest(ctx)
		if err != nil || newest.Size != 9 {
			t.Errorf("%+v, %v", newest, err)
		}
		if a, err := log.Anchored(ctx); err != nil || a.Size != 9 || a.Root != newest.Root {
			t.Errorf("%+v, %v", a, err)
		}
	})
	disputes(t, s, log)
	raceAnchors(t, s)
}

// disputes is what contradicts the tree, beside the anchors kept so far.
func disputes(t *testing.T, s anchor.Rows, log sequencer.Anchors) {
	t.Run("it keeps what contradicts the tree, also of a size that has a proof, once", func(t *testing.T) {
		if all, err := log.Disputed(t.Context()); err != nil || len(all) != 0 {
			t.Errorf("at first: %v, %v", all, err)
		}
		for _, k := range []anchor.Kept{{Size: 7, Root: tlog.Hash{70}}, {Size: 5, Root: tlog.Hash{50}}, {Size: 7, Root: tlog.Hash{70}}} {
			if k.Proof, k.At = []byte("p"), time.Now(); s.Dispute(t.Context(), k) != nil {
				t.Fatal("not kept")
			}
		}
		if all, err := log.Disputed(t.Context()); err != nil || !slices.Equal(all, []sequencer.Anchor{{Size: 5, Root: tlog.Hash{50}}, {Size: 7, Root: tlog.Hash{70}}}) {
			t.Errorf("%v, %v", all, err)
		}
		if k, err := s.Of(t.Context(), 7); err != nil || k.Root != (tlog.Hash{7}) {
			t.Errorf("it replaced an anchor: %+v, %v", k, err)
		}
	})
}

// raceAnchors has several keep a size at once, with two roots: one is kept.
func raceAnchors(t *testing.T, s anchor.Rows) {
	t.Run("it keeps one of many at once", func(t *testing.T) {
		var all sync.WaitGroup
		var mu sync.Mutex
		kept, taken := 0, 0
		for n := range 8 {
			all.Go(func() {
				k := anchor.Kept{Size: 20, Root: tlog.Hash{byte(n % 2)}, Proof: []byte{byte(n)}, At: time.Now()}
				fresh, err := s.Keep(context.WithoutCancel(t.Context()), k)
				mu.Lock()
				defer mu.Unlock()
				if fresh {
					kept++
				}
				if errors.Is(err, anchor.ErrTaken) {
					taken++
				} else if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if kept != 1 || taken != 4 {
			t.Errorf("%d kept, %d refused", kept, taken)
		}
	})
}
