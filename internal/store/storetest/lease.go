package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/sequencer"
)

// leaseLog tests the lease on an empty store.
func leaseLog(t *testing.T, s LogStore) {
	t.Helper()
	ctx := t.Context()
	if _, err := s.Lease(ctx); !errors.Is(err, sequencer.ErrNone) {
		t.Errorf("lease: %v", err)
	}
	at := time.UnixMilli(1_800_000_000_123)
	first := sequencer.Lease{Holder: "a", Epoch: 1, Expires: at}
	raceLease(t, s, sequencer.Lease{}, first)
	first, err := s.Lease(ctx)
	if err != nil || first.Epoch != 1 || !first.Expires.Equal(at) {
		t.Fatalf("lease: %+v, %v", first, err)
	}
	other, older, later := first, first, first
	other.Holder, older.Epoch, later.Expires = "other", 9, at.Add(time.Millisecond)
	next := sequencer.Lease{Holder: "b", Epoch: 2, Expires: at}
	for name, from := range map[string]sequencer.Lease{
		"no lease": {}, "another holder's": other, "another epoch": older, "another time": later,
	} {
		if err := s.Take(ctx, from, next); !errors.Is(err, sequencer.ErrMoved) {
			t.Errorf("from %s: %v", name, err)
		}
	}
	if now, err := s.Lease(ctx); err != nil || now.Holder != first.Holder || now.Epoch != 1 {
		t.Errorf("a refused lease was written: %+v, %v", now, err)
	}
	raceLease(t, s, first, next)
}

// raceLease has several replicas take one lease at once: one does.
func raceLease(t *testing.T, s LogStore, from, to sequencer.Lease) {
	t.Helper()
	var wait sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		wait.Go(func() {
			mine := to
			mine.Holder = fmt.Sprint(to.Holder, i)
			errs[i] = s.Take(context.WithoutCancel(t.Context()), from, mine)
		})
	}
	wait.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !errors.Is(err, sequencer.ErrMoved) {
			t.Errorf("replica: %v", err)
		}
	}
	if won != 1 {
		t.Errorf("%d replicas took the lease", won)
	}
}
