package sequencer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/govmydata/mydata/pkg/tlog"
)

// term is what a replica knows of the lease. Times are of its own monotonic
// clock.
type term struct {
	lease   Lease     // as last read or written
	since   time.Time // since when it is so
	looked  time.Time
	renewed time.Time // by us
	size    int64     // that was published when we last looked
}

func same(a, b Lease) bool {
	return a.Holder == b.Holder && a.Epoch == b.Epoch && a.Expires.Equal(b.Expires)
}

// lead says whether this replica leads. A leader writes the lease anew four
// times before it runs out; a step that hangs loses it. Others look, and take a
// lease that has run out by their clock, or that stayed as it is for its whole
// time: so a leader whose clock is wrong neither keeps it for ever nor loses it
// again and again.
func (l *Log) lead(ctx context.Context) (bool, error) {
	now := time.Now()
	switch {
	case l.leads && now.Sub(l.term.renewed) < l.o.Lease/4:
		return true, nil
	case !l.leads && now.Sub(l.term.looked) < l.o.Lease/8:
		return false, nil
	}
	l.term.looked = now
	have, err := l.o.Storage.Lease(ctx)
	if err != nil && !errors.Is(err, ErrNone) {
		l.follows()
		return false, fmt.Errorf("read lease: %w", err)
	}
	if !same(have, l.term.lease) || l.term.since.IsZero() {
		l.term.lease, l.term.since = have, now
	}
	ours := have.Holder == l.o.Holder
	if !ours && !l.o.Sole && l.o.Now().Before(have.Expires) && now.Sub(l.term.since) < l.o.Lease {
		l.follows()
		return false, nil
	}
	return l.take(ctx, have, now)
}

// take writes the lease anew, with the next epoch when it was another's.
func (l *Log) take(ctx context.Context, have Lease, now time.Time) (bool, error) {
	next := Lease{l.o.Holder, have.Epoch, time.UnixMilli(l.o.Now().Add(l.o.Lease).UnixMilli())}
	if have.Holder != next.Holder {
		next.Epoch++
	}
	err := l.o.Storage.Take(ctx, have, next)
	if err != nil {
		l.follows() // also when it was kept: the next look finds it ours
		l.term.looked = time.Time{}
		if errors.Is(err, ErrMoved) {
			return false, nil
		}
		return false, fmt.Errorf("take lease: %w", err)
	}
	l.term.lease, l.term.since, l.term.renewed = next, now, now
	if !l.leads {
		l.o.Logger.InfoContext(ctx, "log led by this replica", "holder", next.Holder, "epoch", next.Epoch)
		l.leading(true)
	}
	return true, nil
}

func (l *Log) follows() {
	if l.leads {
		l.o.Logger.Info("log led by another replica, or nobody", "holder", l.term.lease.Holder)
		l.leading(false)
	}
}

func (l *Log) leading(yes bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.leads = yes
}

// Leads says whether this replica gives leaves their places. Those that do not
// are as ready as it is: commits and proofs need no leader of their own.
func (l *Log) Leads() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.leads
}

// follow looks what the leader published.
func (l *Log) follow(ctx context.Context) error {
	p, err := l.o.Storage.Published(ctx)
	if err != nil && !errors.Is(err, ErrNone) {
		return fmt.Errorf("read checkpoint: %w", err)
	}
	if err == nil && p.Size != l.term.size {
		l.term.size = p.Size
		l.wake()
	}
	return nil
}

// resign gives up the lease at the end, so that another need not wait.
func (l *Log) resign() {
	if !l.leads {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	gone := l.term.lease
	gone.Expires = time.UnixMilli(0)
	if err := l.o.Storage.Take(ctx, l.term.lease, gone); err != nil {
		l.o.Logger.Debug("lease not given up", "error", err) // it runs out
	}
	l.leading(false)
}

// holds takes the tree that the storage holds, not compared with an anchor so far.
// Where this process knew more, the storage was set back while it ran, as when a
// copy of the database that lacks the last commits takes over: then the witnesses
// are asked what they know, as at the beginning.
func (l *Log) holds(tree Tree, edge *tlog.Edge) {
	if tree.Size < l.known.Size || tree.Size == l.known.Size && tree.Root != l.known.Root {
		l.agreed, l.began = false, false
	}
	l.tree, l.known, l.edge, l.anchored = &tree, tree, edge, Anchor{}
}

// explain says what a person has to find out and do.
func (l *Log) explain(err error) error {
	switch {
	case errors.Is(err, ErrRolledBack) && l.began:
		return fmt.Errorf("%w: nothing more is signed. Most likely another service signs with this log's key on another database: "+
			"stop one of them, and see docs/operations.md, Two services with one log key", err)
	case errors.Is(err, ErrRolledBack):
		return fmt.Errorf("%w: nothing was signed. Most likely the database was restored from an old backup: "+
			"restore the newest one or, if nothing newer is left, fill it in by idp log import; see docs/operations.md, Restore a backup; "+
			"if it was not, another service signs with this log's key: stop one of them", err)
	case errors.Is(err, ErrCorrupt):
		return fmt.Errorf("%w: nothing was signed. Restore the database from a backup, and see docs/operations.md, Restore a backup", err)
	}
	return err
}
