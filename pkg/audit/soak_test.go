package audit_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/audit"
	"github.com/govmydata/mydata/pkg/tlog"
)

// endless is a log of any size that is made while it is read: the lowest tiles
// and bundles from the index, those above kept, a 256th of the hashes.
type endless struct {
	note   []byte
	higher map[string][]byte
}

func leafOf(n int64) []byte {
	var salt [32]byte
	binary.BigEndian.PutUint64(salt[:], uint64(n))
	return tlog.Commitment("soak", salt, [32]byte{})
}

func newEndless(t testing.TB, p *published, size int64) endless {
	t.Helper()
	e := endless{higher: map[string][]byte{}}
	var edge tlog.Edge
	keep := func(tile tlog.Tile, hashes []tlog.Hash) {
		if tile.Level > 0 {
			e.higher[tile.Path()] = joined(hashes)
		}
	}
	for n := range size {
		edge.Append(tlog.LeafHash(leafOf(n)), keep)
	}
	edge.Partial(keep)
	e.note = p.signed(t, size, edge.Root())
	return e
}

func joined(hashes []tlog.Hash) []byte {
	data := make([]byte, 0, len(hashes)*32)
	for _, h := range hashes {
		data = append(data, h[:]...)
	}
	return data
}

func (e endless) Checkpoint(context.Context) ([]byte, error) { return e.note, nil }

func (e endless) Tile(_ context.Context, t tlog.Tile) ([]byte, error) {
	if t.Level > 0 {
		if data, ok := e.higher[t.Path()]; ok {
			return data, nil
		}
		return nil, fs.ErrNotExist
	}
	var entries [][]byte
	var hashes []tlog.Hash
	for n := range int64(t.Width) {
		entry := leafOf(t.Index*tlog.TileWidth + n)
		entries, hashes = append(entries, entry), append(hashes, tlog.LeafHash(entry))
	}
	if t.Level == 0 {
		return joined(hashes), nil
	}
	return tlog.MarshalBundle(entries)
}

// soakSize is the size of the log: MYDATA_SOAK=1 takes the ten million that are
// promised.
func soakSize() int64 {
	if os.Getenv("MYDATA_SOAK") != "" {
		return 10_000_000
	}
	return 200_000
}

// maxHeap is what a walk may hold beside the log that is made for it, at any
// size: a hash for each of ten million leaves would be ten times as much.
const maxHeap = 32 << 20

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestBoundedMemory walks a log from the log alone, and with a database that
// has an event for each leaf, and looks at the heap on the way.
func TestBoundedMemory(t *testing.T) {
	p, size := newLog(t), soakSize()
	e := newEndless(t, p, size)
	for _, tt := range []struct {
		name   string
		events *everyEvent
	}{
		{"it walks the log alone", nil},
		{"it joins the log with a database", &everyEvent{size: size}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			before, most, looked := heap(), uint64(0), 0
			look := func(done, all int64) {
				if done%(all/16/256*256) == 0 {
					most, looked = max(most, heap()), looked+1
				}
			}
			a := audit.Audit{Log: e, Policy: p.policy, Moved: look}
			if tt.events != nil {
				tt.events.look, a.Events = look, tt.events
			}
			began := time.Now()
			report, err := a.Run(t.Context())
			if err != nil || report.First() != nil || report.Size != size || tt.events != nil && report.Events != size {
				t.Fatalf("%+v, %v", report, err)
			}
			if looked < 10 || most > before+maxHeap {
				t.Errorf("looked %d times, at most %d MiB over %d MiB", looked, (most-min(most, before))>>20, before>>20)
			}
			if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) != 0 {
				t.Errorf("it leaves behind %v, %v", left, err)
			}
			t.Logf("%d leaves in %s, at most %d KiB of heap more than before", size, time.Since(began).Round(time.Millisecond), (most-min(most, before))>>10)
		})
	}
}

// everyEvent is a database with the event of each leaf.
type everyEvent struct {
	rows
	size int64
	look func(done, all int64)
}

func (e *everyEvent) Stored(_ context.Context, each func(audit.Stored) error) error {
	for n := range e.size {
		e.look(n, e.size)
		if err := each(audit.Stored{Name: fmt.Sprint("event ", n), Entry: leafOf(n)}); err != nil {
			return err
		}
	}
	return nil
}

func (e *everyEvent) Passkeys(context.Context, func(audit.Keys) error) error {
	e.look(0, e.size)
	return nil
}

// BenchmarkAudit walks a log; the floor is one hash for each leaf.
func BenchmarkAudit(b *testing.B) {
	p, size := newLog(b), int64(100_000)
	e := newEndless(b, p, size)
	floor := time.Now()
	for n := range size {
		tlog.LeafHash(leafOf(n))
	}
	alone := time.Since(floor)
	for b.Loop() {
		a := audit.Audit{Log: e, Policy: p.policy}
		if report, err := a.Run(b.Context()); err != nil || report.First() != nil {
			b.Fatal(report, err)
		}
	}
	perWalk := b.Elapsed() / time.Duration(b.N)
	b.ReportMetric(float64(size)/perWalk.Seconds(), "leaves/s")
	b.ReportMetric(float64(perWalk)/float64(alone), "x-hashing")
	b.ReportMetric(0, "ns/op")
}
