package sequencer_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/sequencer"
	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/internal/witness"
	"github.com/govmydata/mydata/pkg/audit"
	"github.com/govmydata/mydata/pkg/tlog"
)

const origin = "log.example/test"

var quiet = slog.New(slog.DiscardHandler)

// house is a log's surroundings: its key, its witnesses, its policy.
type house struct {
	signer    tlog.Signer
	policy    tlog.Policy
	witnesses []*httptest.Server
	down      atomic.Bool  // all witnesses out of reach
	missed    atomic.Int32 // asked meanwhile
}

func newHouse(t *testing.T, n, k int) *house {
	t.Helper()
	h := &house{}
	private := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	var err error
	if h.signer, err = tlog.NewSigner(origin, private); err != nil {
		t.Fatal(err)
	}
	key := tlog.LogKey(origin, private.Public().(ed25519.PublicKey))
	var known []tlog.Witness
	for i := range n {
		name := fmt.Sprintf("w%d", i+1)
		folder := filepath.Join(t.TempDir(), name)
		vkey, err := witness.Generate(folder, "witness.example/"+name)
		if err != nil {
			t.Fatal(err)
		}
		private, _, err := witness.Load(folder)
		if err != nil {
			t.Fatal(err)
		}
		signer, err := tlog.NewCosigner(vkey.Name, private, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		w, err := witness.New(key, signer, filepath.Join(folder, "state"), quiet)
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if h.down.Load() {
				h.missed.Add(1)
				http.Error(rw, "down", http.StatusServiceUnavailable)
				return
			}
			w.ServeHTTP(rw, r)
		}))
		t.Cleanup(server.Close)
		h.witnesses = append(h.witnesses, server)
		known = append(known, tlog.Witness{Name: name, Key: vkey, URL: server.URL})
	}
	if h.policy, err = tlog.ParsePolicy(tlog.NewPolicy(tlog.Log{Key: key}, known, k)); err != nil {
		t.Fatal(err)
	}
	return h
}

// run starts a log; stop ends it and answers what Run answered.
func (h *house) run(t *testing.T, s sequencer.Storage) (log *sequencer.Log, stop func() error) {
	t.Helper()
	return h.start(t, sequencer.Options{Storage: s})
}

func (h *house) start(t *testing.T, o sequencer.Options) (log *sequencer.Log, stop func() error) {
	t.Helper()
	o.Signer, o.Policy, o.Interval, o.Logger = h.signer, h.policy, 5*time.Millisecond, quiet
	log, err := sequencer.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- log.Run(ctx) }()
	stop = func() error {
		cancel()
		err := <-ended
		ended <- err
		return err
	}
	t.Cleanup(func() { _ = stop() })
	return log, stop
}

func open(t *testing.T, path string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), "sqlite:"+path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db
}

func entry(n int) []byte {
	return tlog.Commitment("test", [32]byte{byte(n), byte(n >> 8)}, [32]byte{})
}

func commit(t *testing.T, db *store.DB, from, to int) {
	t.Helper()
	var entries [][]byte
	for n := from; n < to; n++ {
		entries = append(entries, entry(n))
	}
	if err := db.Log().Append(t.Context(), fmt.Sprintf("commit %d to %d", from, to), []byte{1}, entries); err != nil {
		t.Fatal(err)
	}
}

// proven waits until each entry has a proof that counts.
func (h *house) proven(t *testing.T, log *sequencer.Log, from, to int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for n := from; n < to; n++ {
		proof, err := log.WaitProof(ctx, entry(n))
		if err != nil {
			t.Fatalf("entry %d: %v", n, err)
		}
		if _, err := h.policy.VerifyInclusion(entry(n), proof); err != nil {
			t.Fatalf("entry %d: %v", n, err)
		}
		if _, err := h.policy.VerifyInclusion(entry(n+100000), proof); !errors.Is(err, tlog.ErrNotIncluded) {
			t.Fatalf("another entry than %d: %v", n, err)
		}
	}
}

// audited walks the published log as a stranger does.
func (h *house) audited(t *testing.T, log *sequencer.Log, before []byte) audit.Report {
	t.Helper()
	a := audit.Audit{Log: log, Policy: h.policy, Before: before}
	report, err := a.Run(t.Context())
	if err != nil || report.First() != nil {
		t.Fatalf("%v, %v", err, report.First())
	}
	return report
}

//clause:log the sequencer publishes what witnesses cosigned, and nothing else
func TestLog(t *testing.T) {
	h := newHouse(t, 3, 2)
	db := open(t, filepath.Join(t.TempDir(), "db"))
	log, stop := h.run(t, db.Log())
	commit(t, db, 0, 3)
	h.proven(t, log, 0, 3)
	first, err := log.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	commit(t, db, 3, 700)
	h.proven(t, log, 3, 10)
	h.proven(t, log, 690, 700)
	if report := h.audited(t, log, first); report.Size != 700 || report.Since != 3 {
		t.Errorf("%+v", report)
	}
	if _, err := log.Proof(t.Context(), entry(5000)); !errors.Is(err, sequencer.ErrPending) {
		t.Errorf("an entry that is not there: %v", err)
	}
	if _, err := log.Tile(t.Context(), tlog.Tile{Level: 0, Index: 2, Width: 256}); !errors.Is(err, sequencer.ErrNone) {
		t.Errorf("a tile that is not full: %v", err)
	}
	if err := stop(); !errors.Is(err, context.Canceled) {
		t.Errorf("run: %v", err)
	}
	if err := log.Ready(t.Context()); err == nil {
		t.Error("ready though it does not run")
	}
	again, _ := h.run(t, db.Log()) // a restart goes on
	commit(t, db, 700, 701)
	h.proven(t, again, 700, 701)
}

func TestTheEmptyLogIsPublished(t *testing.T) {
	h := newHouse(t, 3, 2)
	log, _ := h.run(t, open(t, filepath.Join(t.TempDir(), "db")).Log())
	eventually(t, func() bool { _, err := log.Checkpoint(t.Context()); return err == nil })
	if report := h.audited(t, log, nil); report.Size != 0 {
		t.Errorf("%+v", report)
	}
}

//clause:log the sequencer publishes what witnesses cosigned, and nothing else
func TestWitnessesOutOfReachDelayPublishingOnly(t *testing.T) {
	h := newHouse(t, 3, 2)
	db := open(t, filepath.Join(t.TempDir(), "db"))
	log, _ := h.run(t, db.Log())
	commit(t, db, 0, 1)
	h.proven(t, log, 0, 1)
	h.down.Store(true)
	commit(t, db, 1, 2)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := log.WaitProof(ctx, entry(1)); !errors.Is(err, sequencer.ErrPending) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("without witnesses: %v", err)
	}
	if err := log.Ready(t.Context()); err != nil {
		t.Errorf("witnesses out of reach make it unready: %v", err)
	}
	eventually(t, func() bool { tree, err := db.Log().Tree(t.Context()); return err == nil && tree.Size == 2 })
	if _, err := log.Tile(t.Context(), tlog.Tile{Width: 2}); !errors.Is(err, sequencer.ErrNone) {
		t.Errorf("a tile of what no witness cosigned: %v", err)
	}
	if _, err := log.Tile(t.Context(), tlog.Tile{Width: 1}); err != nil {
		t.Errorf("a tile of what they did: %v", err)
	}
	commit(t, db, 2, 3)
	h.down.Store(false)
	h.proven(t, log, 0, 3)
}

// A witness that is out of reach is asked less and less often.
func TestWitnessesOutOfReachAreLeftAlone(t *testing.T) {
	h := newHouse(t, 1, 1)
	h.down.Store(true)
	began := time.Now()
	h.run(t, open(t, filepath.Join(t.TempDir(), "db")).Log())
	eventually(t, func() bool { return h.missed.Load() >= 9 })
	if took := time.Since(began); took < 1275*time.Millisecond { // 5 ms, 10, 20 … between nine
		t.Errorf("asked %d times within %s", h.missed.Load(), took)
	}
}

// Before the first checkpoint there is none, and that is no failure.
func TestNothingIsPublished(t *testing.T) {
	h := newHouse(t, 1, 1)
	log, err := sequencer.New(sequencer.Options{
		Storage: open(t, filepath.Join(t.TempDir(), "db")).Log(), Signer: h.signer, Policy: h.policy, Interval: time.Millisecond, Logger: quiet,
	})
	must(t, err)
	if _, err := log.Checkpoint(t.Context()); !errors.Is(err, sequencer.ErrPending) {
		t.Error(err)
	}
}

// TestRollBack sets the database back under witnesses that remember.
func TestRollBack(t *testing.T) {
	for _, tt := range []struct {
		name string
		then int // what is committed after the database was set back
	}{
		{"it stops when the database is behind", 2}, {"it stops when the database grew again", 9},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t, 3, 2)
			folder := t.TempDir()
			old, path := filepath.Join(folder, "old"), filepath.Join(folder, "db")
			db := open(t, path)
			log, stop := h.run(t, db.Log())
			commit(t, db, 0, 2)
			h.proven(t, log, 0, 2)
			_ = stop()
			must(t, db.Close())
			duplicate(t, path, old)
			db = open(t, path)
			log, stop = h.run(t, db.Log())
			commit(t, db, 2, 7)
			h.proven(t, log, 2, 7)
			_ = stop()

			back := open(t, old)
			commit(t, back, 100, 100+tt.then)
			log, stop = h.run(t, back.Log())
			eventually(t, func() bool { return errors.Is(log.Ready(t.Context()), sequencer.ErrRolledBack) })
			if err := stop(); !errors.Is(err, sequencer.ErrRolledBack) || !strings.Contains(err.Error(), "restored from an old backup: restore the newest one") {
				t.Errorf("run: %v", err)
			}
			if tree, err := back.Log().Tree(t.Context()); err != nil || tree.Size != 2 {
				t.Errorf("it signed another tree: %d, %v", tree.Size, err)
			}
		})
	}
}

func TestOptions(t *testing.T) {
	h := newHouse(t, 1, 1)
	h.policy.Witnesses[0].URL = ""
	if _, err := sequencer.New(sequencer.Options{Policy: h.policy}); err == nil {
		t.Error("a witness without an address")
	}
	if _, err := sequencer.New(sequencer.Options{Interval: time.Second}); err == nil {
		t.Error("groups a second apart")
	}
}

func duplicate(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	must(t, err)
	must(t, os.WriteFile(to, data, 0o600))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func eventually(t *testing.T, f func() bool) {
	t.Helper()
	for range 1000 {
		if f() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("it did not come")
}
