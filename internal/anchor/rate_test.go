package anchor_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/anchor"
	"github.com/govmydata/mydata/internal/anchor/anchortest"
	"github.com/govmydata/mydata/internal/sequencer"
	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/internal/witness"
	"github.com/govmydata/mydata/pkg/tlog"
	"github.com/govmydata/mydata/pkg/tlog/endorsement"
)

// sequenced is a hub whose log a real sequencer makes, in SQLite, with a real
// witness; the shelf for proofs is the test's.
type sequenced struct {
	*sequencer.Log
	shelf *anchortest.Hub
	db    *store.DB
}

func (s sequenced) Newest(ctx context.Context) (endorsement.Proof, error) { return s.shelf.Newest(ctx) }

func (s sequenced) Take(ctx context.Context, p endorsement.Proof) error { return s.shelf.Take(ctx, p) }

func newSequenced(t testing.TB, trust anchor.Verifier) (sequenced, tlog.Policy) {
	t.Helper()
	s := sequenced{shelf: anchortest.New(t, trust)}
	cosigner, err := tlog.NewCosigner("witness.example/1", anchortest.Key(2), time.Now)
	ok(t, err)
	w, err := witness.New(s.shelf.Policy.Logs[0].Key, cosigner, filepath.Join(t.TempDir(), "state"), slog.New(slog.DiscardHandler))
	ok(t, err)
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	known := []tlog.Witness{{Name: "w", Key: tlog.WitnessKey("witness.example/1", anchortest.Key(2).Public().(ed25519.PublicKey)), URL: server.URL}}
	policy, err := tlog.ParsePolicy(tlog.NewPolicy(s.shelf.Policy.Logs[0], known, 1))
	ok(t, err)
	s.db, err = store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "db"))
	ok(t, err)
	ok(t, s.db.Migrate(t.Context()))
	signer, err := tlog.NewSigner(anchortest.Origin, anchortest.Key(1))
	ok(t, err)
	s.Log, err = sequencer.New(sequencer.Options{Storage: s.db.Log(), Signer: signer, Policy: policy, Sole: true, Logger: slog.New(slog.DiscardHandler)})
	ok(t, err)
	return s, policy
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// anchored runs an anchorer for so many intervals over a log that so many events
// a second are committed to, and counts its transactions and what they cover.
func anchored(t testing.TB, rate, intervals int, interval time.Duration) (transactions int, events int64) {
	t.Helper()
	l := newLedger()
	hub, policy := newSequenced(t, l)
	folder, err := anchor.OpenFolder(t.TempDir())
	ok(t, err)
	a, err := anchor.New(anchor.Options{Hub: hub, Chain: l, Outbox: folder, Policy: policy, Trust: l, Interval: interval, Logger: slog.New(slog.DiscardHandler)})
	ok(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 3)
	run := func(f func(context.Context) error) { go func() { ended <- f(ctx) }() }
	run(hub.Run)
	ok(t, hub.db.Log().Append(ctx, "first", []byte{1}, [][]byte{[]byte("first")}))
	if _, err := hub.WaitProof(ctx, []byte("first")); err != nil {
		t.Fatal(err)
	}
	run(a.Run)
	run(func(ctx context.Context) error { return commitAt(ctx, hub.db, rate) })
	time.Sleep(time.Duration(intervals) * interval)
	l.mu.Lock()
	transactions, events = len(l.blocks), l.latest
	l.mu.Unlock()
	cancel()
	for range 3 {
		<-ended
	}
	ok(t, folder.Close())
	ok(t, hub.db.Close())
	return transactions, events
}

// commitAt commits so many events a second, up to 500 in a commit.
func commitAt(ctx context.Context, db *store.DB, rate int) error {
	each := max(1, rate/20)
	ticker := time.NewTicker(time.Second * time.Duration(each) / time.Duration(rate))
	defer ticker.Stop()
	for n := 0; ; n++ {
		var entries [][]byte
		for i := range each {
			entries = append(entries, tlog.Commitment("rate", [32]byte{byte(n), byte(n >> 8), byte(n >> 16)}, [32]byte{byte(i), byte(i >> 8)}))
		}
		if err := db.Log().Append(ctx, fmt.Sprint("commit ", n), []byte{1}, entries); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// TestTransactionsDoNotGrowWithLoad: one an interval, whether ten events a second
// come or a thousand.
func TestTransactionsDoNotGrowWithLoad(t *testing.T) {
	intervals := 5
	if testing.Short() {
		intervals = 2
	}
	for _, rate := range []int{10, 1000} {
		transactions, events := anchored(t, rate, intervals, 400*time.Millisecond)
		if transactions > intervals+1 || transactions < 1 {
			t.Errorf("at %d events/s %d transactions in %d intervals", rate, transactions, intervals)
		}
		t.Logf("at %d events/s: %d transactions for %d events", rate, transactions, events)
	}
}

// BenchmarkTransactions counts an anchorer's transactions for each interval of a
// second, from 1 to 10,000 events/s.
func BenchmarkTransactions(b *testing.B) {
	for _, rate := range []int{1, 100, 1000, 10000} {
		b.Run(fmt.Sprintf("%d-events-a-second", rate), func(b *testing.B) {
			const intervals = 10
			for range b.N {
				transactions, events := anchored(b, rate, intervals, time.Second)
				b.ReportMetric(float64(transactions)/intervals, "tx/interval")
				b.ReportMetric(float64(events)/float64(max(transactions, 1)), "events/tx")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}
