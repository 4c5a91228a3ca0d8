package audit_test

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/govmydata/mydata/pkg/audit"
	"github.com/govmydata/mydata/pkg/tlog"
)

// bent is a log in front of whose tiles something happens.
type bent struct {
	audit.Source
	tile func(t tlog.Tile) error
}

func (b bent) Tile(ctx context.Context, t tlog.Tile) ([]byte, error) {
	if err := b.tile(t); err != nil {
		return nil, err
	}
	return b.Source.Tile(ctx, t)
}

func edgeOf(size int) *tlog.Edge {
	var e tlog.Edge
	for n := range size {
		e.Append(tlog.LeafHash(entryOf(n)), nil)
	}
	return &e
}

// TestWalkEnds: what ends a walk is an error, and accuses nobody.
func TestWalkEnds(t *testing.T) {
	refused := errors.New("refused")
	for _, tt := range []struct {
		name  string
		alter func(w *audit.Walk, stop func())
		want  error // nil: any
	}{
		{"it does not begin amid a bundle", func(w *audit.Walk, _ func()) { w.From = edgeOf(300) }, nil},
		{"it does not begin past the end", func(w *audit.Walk, _ func()) { w.From = edgeOf(1024) }, nil},
		{"it ends with who takes its entries", func(w *audit.Walk, _ func()) {
			w.Each = func(index int64, _ []byte, _ tlog.Hash) error {
				if index > 300 {
					t.Errorf("it gives entry %d", index)
				}
				if index == 300 {
					return refused
				}
				return nil
			}
		}, refused},
		{"it ends with who keeps how far it is", func(w *audit.Walk, _ func()) {
			w.Kept = func(e *tlog.Edge) error {
				if e.Size() > 256 {
					t.Errorf("it goes on to %d", e.Size())
				}
				return refused
			}
		}, refused},
		{"it ends before it begins", func(_ *audit.Walk, stop func()) { stop() }, context.Canceled},
		{"it ends while it reads a bundle", func(w *audit.Walk, stop func()) {
			w.Log = bent{w.Log, func(name tlog.Tile) error {
				if name.Level == tlog.Entries && name.Index > 1 {
					t.Errorf("it goes on to %s", name.Path())
				}
				if name.Level == tlog.Entries && name.Index == 1 {
					stop()
				}
				return nil
			}}
		}, context.Canceled},
		{"it ends while it reads the last tiles", func(w *audit.Walk, stop func()) {
			w.Log = bent{w.Log, func(name tlog.Tile) error {
				if name.Level != 1 {
					return nil
				}
				stop()
				return context.Canceled
			}}
		}, context.Canceled},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newLog(t)
			c, err := p.policy.Open(p.publish(t, size, entryOf))
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			w := audit.Walk{Log: audit.Dir{FS: os.DirFS(p.folder)}, To: c}
			tt.alter(&w, stop)
			edge, found, err := w.Run(ctx)
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) || edge != nil || found != nil {
				t.Errorf("%v, %v, %v", edge, found, err)
			}
		})
	}
}

// TestOutOfReach: a tile that cannot be read now was not altered, on any level.
func TestOutOfReach(t *testing.T) {
	for _, tt := range []struct {
		name  string
		level int
	}{
		{"it does not call entries altered that are out of reach", tlog.Entries},
		{"it does not call a lowest tile altered that is out of reach", 0},
		{"it does not call a higher tile altered that is out of reach", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newLog(t)
			p.publish(t, size, entryOf)
			source := bent{audit.Dir{FS: os.DirFS(p.folder)}, func(name tlog.Tile) error {
				if name.Level == tt.level {
					return errors.New("no route")
				}
				return nil
			}}
			a := audit.Audit{Log: source, Policy: p.policy}
			report, err := a.Run(t.Context())
			if err != nil || len(report.Findings) != 1 {
				t.Fatalf("%+v, %v", report, err)
			}
			expect(t, report, audit.Unreadable, "no route")
		})
	}
	t.Run("it does not call a log another whose tiles are out of reach", func(t *testing.T) {
		small, p := newLog(t), newLog(t)
		before, err := p.policy.Open(small.publish(t, 300, entryOf))
		if err != nil {
			t.Fatal(err)
		}
		now, err := p.policy.Open(p.publish(t, size, entryOf))
		if err != nil {
			t.Fatal(err)
		}
		source := audit.Dir{FS: os.DirFS(p.folder)}
		if f := audit.Continues(t.Context(), source, before, now); f != nil {
			t.Fatal(f)
		}
		away := bent{source, func(tlog.Tile) error { return errors.New("no route") }}
		if f := audit.Continues(t.Context(), away, before, now); f == nil || f.Check != audit.Unreadable || f.Evidence != nil {
			t.Errorf("%+v", f)
		}
	})
}
