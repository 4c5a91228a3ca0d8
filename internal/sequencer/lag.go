package sequencer

import (
	"context"
	"errors"
	"time"
)

// Lag is how far the published log is behind what is durable.
type Lag struct {
	Pending   int64     // leaves without a place
	Size      int64     // of the tree: leaves with a place
	Published int64     // of these, in the published checkpoint
	At        time.Time // of the last publication; zero before the first
	Since     time.Time // since when the oldest unpublished leaf waits; zero when none does
}

// Lag reads how far publishing is behind. The time that leaves with a place wait
// is known since this process began.
func (l *Log) Lag(ctx context.Context) (lag Lag, err error) {
	var tree Tree
	if lag.Pending, lag.Since, err = l.o.Storage.Waiting(ctx); err != nil {
		return lag, err
	}
	if tree, err = l.o.Storage.Tree(ctx); err != nil && !errors.Is(err, ErrNone) {
		return lag, err
	}
	published, err := l.o.Storage.Published(ctx)
	if err != nil && !errors.Is(err, ErrNone) {
		return lag, err
	}
	lag.Size = tree.Size
	if err == nil {
		lag.Published, lag.At = published.Size, published.At
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.behind.IsZero() && (lag.Since.IsZero() || l.behind.Before(lag.Since)) {
		lag.Since = l.behind
	}
	return lag, nil
}

// waits notes that leaves with a place wait for a checkpoint.
func (l *Log) waits() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.behind.IsZero() {
		l.behind = l.o.Now()
	}
}
