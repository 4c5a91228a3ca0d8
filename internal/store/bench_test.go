package store_test

import (
	"context"
	"crypto/ed25519"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/sequencer"
	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/pkg/tlog"
)

const writers = 32

// eachStore is each for benchmarks.
func eachStore(b *testing.B, f func(b *testing.B, open func() *store.DB)) {
	b.Helper()
	opened := func(b *testing.B, dsn string) *store.DB {
		db, err := store.Open(context.Background(), dsn)
		if err == nil {
			err = db.Migrate(context.Background())
		}
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = db.Close() })
		return db
	}
	b.Run("sqlite", func(b *testing.B) {
		f(b, func() *store.DB { return opened(b, "sqlite:"+filepath.Join(b.TempDir(), "test.db")) })
	})
	b.Run("postgres", func(b *testing.B) { f(b, func() *store.DB { return opened(b, emptyPostgres(b)) }) })
}

// lonely is a log that asks no witness: what the database and the arithmetic
// cost, not the network.
func lonely(tb testing.TB, s sequencer.Storage) (log *sequencer.Log, stop func()) {
	tb.Helper()
	private := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	signer, err := tlog.NewSigner("log.example/bench", private)
	if err != nil {
		tb.Fatal(err)
	}
	key := tlog.LogKey("log.example/bench", private.Public().(ed25519.PublicKey))
	policy, err := tlog.ParsePolicy([]byte("log " + key.String() + "\nquorum none\n"))
	if err != nil {
		tb.Fatal(err)
	}
	if log, err = sequencer.New(sequencer.Options{Storage: s, Signer: signer, Policy: policy, Logger: slog.New(slog.DiscardHandler)}); err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- log.Run(ctx) }()
	return log, func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			tb.Error(err)
		}
	}
}

func benchEntry(n int) []byte {
	return tlog.Commitment("bench", [32]byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)}, [32]byte{})
}

// BenchmarkAppend has 32 writers append commits of one leaf each, SQL
// transaction included, while one sequencer gives them places. The ratio is to
// one loop that writes the same rows in bare transactions of 32 commits, and
// moves them in groups of 4096 at most: 1 is as fast as that. Both take turns,
// so that a machine with other work is as slow for one as for the other.
func BenchmarkAppend(b *testing.B) {
	const turn = 4096
	eachStore(b, func(b *testing.B, open func() *store.DB) {
		db, other := open(), open()
		_, stop := lonely(b, db.Log())
		defer stop()
		floor := newBare(b, other)
		var took, bare time.Duration
		b.ResetTimer()
		for from := 0; from < b.N; from += turn {
			to := min(from+turn, b.N)
			b.StartTimer()
			took += appendAll(b, db, from, to)
			b.StopTimer()
			bare += floor.write(b, from, to)
		}
		b.ReportMetric(float64(b.N)/took.Seconds(), "leaves/s")
		b.ReportMetric(bare.Seconds()/took.Seconds(), "of-bare")
		b.ReportMetric(float64(db.Retries()), "retries")
	})
}

// appendAll has all writers append these commits, and waits for their places.
func appendAll(b *testing.B, db *store.DB, from, to int) time.Duration {
	b.Helper()
	var next atomic.Int64
	next.Store(int64(from))
	began := time.Now()
	var wait sync.WaitGroup
	for range writers {
		wait.Go(func() {
			for n := next.Add(1) - 1; n < int64(to); n = next.Add(1) - 1 {
				id := fmt.Sprint("commit ", n)
				if err := db.Log().Append(context.Background(), id, []byte(id), [][]byte{benchEntry(int(n))}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wait.Wait()
	for {
		if tree, err := db.Log().Tree(context.Background()); err == nil && tree.Size == int64(to) {
			return time.Since(began)
		}
		time.Sleep(time.Millisecond)
	}
}

// bare is a loop that does the database's work alone.
type bare struct {
	db   *store.DB
	tree sequencer.Tree
	edge *tlog.Edge
}

func (f *bare) do(b *testing.B, do func(ctx context.Context, tx *sql.Tx) error) {
	b.Helper()
	if err := store.InTx(f.db, context.Background(), do); err != nil {
		b.Fatal(err)
	}
}

func newBare(b *testing.B, db *store.DB) *bare {
	b.Helper()
	f := &bare{db, sequencer.Tree{Signed: []byte("x"), Root: tlog.EmptyRoot}, new(tlog.Edge)}
	f.do(b, func(ctx context.Context, tx *sql.Tx) error {
		return db.Log().MovePlaces(ctx, tx, sequencer.Group{To: f.tree})
	})
	return f
}

// write writes the rows of these commits in transactions of 32, and moves them.
func (f *bare) write(b *testing.B, from, to int) time.Duration {
	b.Helper()
	began := time.Now()
	var waiting []sequencer.Leaf
	for ; from < to; from += writers {
		var commits, pending [][]any
		for i := from; i < min(to, from+writers); i++ {
			id := fmt.Sprint("commit ", i)
			leaf := sequencer.Leaf{Commit: id, Entry: benchEntry(i)}
			commits, pending = append(commits, []any{id, []byte(id)}), append(pending, []any{id, 0, 0, leaf.Entry})
			waiting = append(waiting, leaf)
		}
		f.do(b, func(ctx context.Context, tx *sql.Tx) error {
			if err := store.Bulk(ctx, tx, `INSERT INTO commits (id, digest) VALUES `, 2, commits); err != nil {
				return err
			}
			return store.Bulk(ctx, tx, `INSERT INTO log_pending (commit_id, position, added, entry) VALUES `, 4, pending)
		})
	}
	g := sequencer.Group{From: f.tree, Leaves: waiting}
	keep := func(t tlog.Tile, hashes []tlog.Hash) {
		var data []byte
		for _, h := range hashes {
			data = append(data, h[:]...)
		}
		g.Tiles = append(g.Tiles, sequencer.TileRow{Tile: t, Data: data})
	}
	for _, leaf := range waiting {
		f.edge.Append(tlog.LeafHash(leaf.Entry), keep)
	}
	f.edge.Partial(keep)
	g.To = sequencer.Tree{Size: f.edge.Size(), Root: f.edge.Root(), Signed: []byte("x")}
	f.do(b, func(ctx context.Context, tx *sql.Tx) error { return f.db.Log().MovePlaces(ctx, tx, g) })
	f.tree = g.To
	return time.Since(began)
}

// BenchmarkPublish commits at 3,000 leaves a second and measures how long each
// waits for a published checkpoint that holds it.
func BenchmarkPublish(b *testing.B) {
	eachStore(b, func(b *testing.B, open func() *store.DB) {
		db := open()
		log, stop := lonely(b, db.Log())
		defer stop()
		const rate, batch = 3000, 10 // ten commits at each tick
		var mu sync.Mutex
		var waits []time.Duration
		var wait sync.WaitGroup
		b.ResetTimer()
		began := time.Now()
		for n := 0; n < b.N; n += batch {
			time.Sleep(time.Until(began.Add(time.Duration(n) * time.Second / rate)))
			for i := n; i < min(n+batch, b.N); i++ {
				wait.Go(func() {
					id := fmt.Sprint("commit ", i)
					ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
					defer cancel()
					if err := db.Log().Append(ctx, id, []byte(id), [][]byte{benchEntry(i)}); err != nil {
						b.Error(err)
						return
					}
					durable := time.Now()
					if i%100 != 0 { // a proof of each would be another load
						return
					}
					if _, err := log.WaitProof(ctx, benchEntry(i)); err != nil {
						b.Error(err)
						return
					}
					mu.Lock()
					defer mu.Unlock()
					waits = append(waits, time.Since(durable))
				})
			}
		}
		wait.Wait()
		b.StopTimer()
		slices.Sort(waits)
		b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "leaves/s")
		b.ReportMetric(float64(waits[len(waits)*99/100].Milliseconds()), "p99-ms")
		b.ReportMetric(waits[len(waits)*99/100].Seconds()/0.5, "of-goal")
		b.ReportMetric(float64(db.Retries()), "retries")
	})
}
