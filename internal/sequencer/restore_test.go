package sequencer_test

import (
	"context"
	"crypto/ed25519"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/sequencer"
	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/pkg/tlog"
)

// setBack is a log whose database was set back, and the newest copy of it.
type setBack struct {
	*house
	back *store.DB // at 2 leaves, 3 of the later ones waiting, and one that was never published
	now  *store.DB // at the size
	note []byte
	old  string // the file of back
}

func newSetBack(t *testing.T, size int) setBack {
	t.Helper()
	s := setBack{house: newHouse(t, 3, 2)}
	folder := t.TempDir()
	s.now = open(t, filepath.Join(folder, "db"))
	log, stop := s.run(t, s.now.Log())
	commit(t, s.now, 0, 2)
	s.proven(t, log, 0, 2)
	_ = stop()
	commit(t, s.now, 2, 5) // in the backup these wait
	must(t, s.now.Close())
	duplicate(t, filepath.Join(folder, "db"), filepath.Join(folder, "old"))
	s.now = open(t, filepath.Join(folder, "db"))
	log, stop = s.run(t, s.now.Log())
	commit(t, s.now, 5, size)
	s.proven(t, log, size-1, size)
	var err error
	s.note, err = log.Checkpoint(t.Context())
	must(t, err)
	_ = stop()
	s.old = filepath.Join(folder, "old")
	s.back = open(t, s.old)
	commit(t, s.back, 90000, 90001)
	return s
}

func (s setBack) options() sequencer.Options {
	return sequencer.Options{Signer: s.signer, Policy: s.policy, Logger: quiet}
}

// TestRestore fills in what was lost, and the log goes on with one root a size.
func TestRestore(t *testing.T) {
	s := newSetBack(t, 9000)
	log, stop := s.run(t, s.back.Log())
	eventually(t, func() bool { return errors.Is(log.Ready(t.Context()), sequencer.ErrRolledBack) })
	_ = stop()
	done, err := sequencer.Restore(t.Context(), s.options(), s.back.Log(), s.now.Log(), s.note)
	if err != nil || done != (sequencer.Restored{From: 2, To: 9000, Lost: 8995}) {
		t.Fatalf("%+v, %v", done, err)
	}
	if done, err = sequencer.Restore(t.Context(), s.options(), s.back.Log(), s.now.Log(), s.note); err != nil || done.From != 9000 || done.Lost != 0 {
		t.Errorf("again: %+v, %v", done, err)
	}
	log, _ = s.run(t, s.back.Log())
	commit(t, s.back, 9000, 9010)
	s.proven(t, log, 0, 5)
	s.proven(t, log, 8999, 9010)
	s.proven(t, log, 90000, 90001)
	if report := s.audited(t, log, s.note); report.Size != 9011 {
		t.Errorf("a leaf that waited was lost, or came twice: size %d", report.Size)
	}
	lost := 0
	must(t, s.back.Audit().Lost(t.Context(), func(tlog.Hash) error { lost++; return nil }))
	if lost != 8995 {
		t.Errorf("%d leaves are told as lost", lost)
	}
}

// altered is a copy that one tile of is wrong.
type altered struct {
	tlog.Tiles
	alter func(t tlog.Tile, data []byte) []byte
}

func (a altered) Tile(ctx context.Context, t tlog.Tile) ([]byte, error) {
	data, err := a.Tiles.Tile(ctx, t)
	return a.alter(t, data), err
}

// TestRestoreRefuses takes nothing from a copy that is not witnessed, not of
// this log, not whole, or not a continuation of what is there.
func TestRestoreRefuses(t *testing.T) {
	s := newSetBack(t, 300)
	good := s.now.Log()
	entries := func(alter func(data []byte) []byte) tlog.Tiles {
		return altered{good, func(t tlog.Tile, data []byte) []byte {
			if t.Level == tlog.Entries && t.Index == 1 {
				return alter(append([]byte(nil), data...))
			}
			return data
		}}
	}
	alone, err := tlog.Peek(s.note)
	must(t, err)
	unwitnessed, err := tlog.NewCheckpoint(s.signer, alone.Size, alone.Root)
	must(t, err)
	other := newSetBack(t, 20)
	stranger, err := tlog.NewSigner("other.example", ed25519.NewKeyFromSeed(append(make([]byte, 31), 7)))
	must(t, err)
	foreign := s.options()
	foreign.Signer = stranger
	for _, tt := range []struct {
		it    string
		o     sequencer.Options
		tiles tlog.Tiles
		note  []byte
		want  error
	}{
		{"it wants witnesses", s.options(), good, unwitnessed, tlog.ErrUnwitnessed},
		{"it wants the log's signature", s.options(), good, []byte("x"), tlog.ErrCheckpoint},
		{"it wants this log's", foreign, good, s.note, sequencer.ErrNotACopy},
		{"it wants entries that are whole", s.options(), entries(func(d []byte) []byte { return d[:len(d)-1] }), s.note, sequencer.ErrNotACopy},
		{"it wants entries that are the log's", s.options(), entries(func(d []byte) []byte { d[9] ^= 1; return d }), s.note, sequencer.ErrNotACopy},
		{"it wants tiles of this tree", s.options(), other.now.Log(), s.note, sequencer.ErrNotACopy},
	} {
		if _, err := sequencer.Restore(t.Context(), tt.o, s.back.Log(), tt.tiles, tt.note); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", tt.it, err)
		}
		if tree, err := s.back.Log().Tree(t.Context()); err != nil || tree.Size != 2 {
			t.Errorf("%s, and it wrote: %d, %v", tt.it, tree.Size, err)
		}
	}
	if _, err := sequencer.Restore(t.Context(), s.options(), s.back.Log(), good, s.note); err != nil {
		t.Error(err)
	}
	// Nothing is added to a storage that contradicts itself.
	corrupt := newSetBack(t, 20)
	must(t, corrupt.back.Close())
	raw, err := sql.Open("sqlite", corrupt.old)
	must(t, err)
	_, err = raw.ExecContext(t.Context(), `UPDATE log_tree SET root = zeroblob(32)`)
	must(t, errors.Join(err, raw.Close()))
	if _, err := sequencer.Restore(t.Context(), corrupt.options(), open(t, corrupt.old).Log(), corrupt.now.Log(), corrupt.note); !errors.Is(err, sequencer.ErrCorrupt) {
		t.Errorf("a corrupt storage: %v", err)
	}
	// A storage that went on by itself has another tree: nothing can be added.
	fork := newHouse(t, 0, 0)
	db := open(t, filepath.Join(t.TempDir(), "fork"))
	log, stop := fork.run(t, db.Log())
	commit(t, db, 500, 503)
	fork.proven(t, log, 500, 503)
	_ = stop()
	for name, note := range map[string][]byte{"longer": s.note, "shorter": first(t, s)} {
		if _, err := sequencer.Restore(t.Context(), s.options(), db.Log(), good, note); !errors.Is(err, sequencer.ErrNotACopy) {
			t.Errorf("another tree, the copy %s: %v", name, err)
		}
	}
}

// first is the checkpoint of the log at 2 leaves.
func first(t *testing.T, s setBack) []byte {
	t.Helper()
	p, err := s.now.Log().Checkpoint(t.Context(), 2)
	must(t, err)
	return p.Note
}

// TestRestoreFaults breaks each write, lost, and kept but called lost: run again,
// it comes to the same log.
func TestRestoreFaults(t *testing.T) {
	for _, write := range []string{"append", "integrate", "publish"} {
		for _, kept := range []bool{false, true} {
			t.Run(fmt.Sprintf("it survives %s, kept %v", write, kept), func(t *testing.T) {
				s := newSetBack(t, 40)
				f := &faultyRestorer{&faulty{Storage: s.back.Log(), write: write, at: 1, kept: kept}, s.back.Log()}
				if _, err := sequencer.Restore(t.Context(), s.options(), f, s.now.Log(), s.note); !errors.Is(err, errFault) {
					t.Errorf("broken: %v", err)
				}
				if _, err := sequencer.Restore(t.Context(), s.options(), f, s.now.Log(), s.note); err != nil {
					t.Fatal(err)
				}
				log, _ := s.run(t, s.back.Log())
				commit(t, s.back, 40, 41)
				s.proven(t, log, 0, 41)
				eventually(t, func() bool { n, _, err := s.back.Log().Waiting(t.Context()); return err == nil && n == 0 })
				time.Sleep(20 * time.Millisecond)
				if report := s.audited(t, log, s.note); report.Size != 42 {
					t.Errorf("size %d", report.Size)
				}
			})
		}
	}
}

type faultyRestorer struct {
	*faulty
	log *store.Log
}

func (f *faultyRestorer) Append(ctx context.Context, id string, digest []byte, entries [][]byte) error {
	return f.broken("append", func() error { return f.log.Append(ctx, id, digest, entries) })
}
