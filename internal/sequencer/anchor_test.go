package sequencer_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/anchor"
	"github.com/govmydata/mydata/internal/sequencer"
	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/pkg/tlog"
	"github.com/govmydata/mydata/pkg/tlog/endorsement"
	"github.com/govmydata/mydata/pkg/tlog/endorsement/endorsementtest"
)

func keep(t *testing.T, db *store.DB, size int64, root tlog.Hash) {
	t.Helper()
	if _, err := db.Anchors().Keep(t.Context(), anchor.Kept{Size: size, Root: root, Proof: []byte("p"), At: time.Now()}); err != nil {
		t.Fatal(err)
	}
}

// TestAnchored holds the log against what is anchored, while it runs and when it
// starts.
func TestAnchored(t *testing.T) {
	for _, tt := range []struct {
		name string
		size int64
		root tlog.Hash
		says string
	}{
		{"it stops at an anchor beyond the tree", 9, tlog.Hash{9}, "size 9 of the log is anchored, and the database is at 5"},
		{"it stops at an anchor of another root than it published", 5, tlog.Hash{5}, "size 5 of the log is anchored with another root"},
		{"it stops at an anchor of another root", 3, tlog.Hash{3}, "size 3 of the log is anchored with another root"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, db := newHouse(t, 1, 1), open(t, filepath.Join(t.TempDir(), "db"))
			log, stop := h.run(t, db.Log())
			commit(t, db, 0, 5)
			h.proven(t, log, 0, 5)
			keep(t, db, tt.size, tt.root)
			eventually(t, func() bool { return errors.Is(log.Ready(t.Context()), sequencer.ErrRolledBack) })
			if err := stop(); !errors.Is(err, sequencer.ErrRolledBack) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("run: %v", err)
			}
			if _, _, err := log.AnchoredProof(t.Context(), entry(0)); !errors.Is(err, sequencer.ErrPending) {
				t.Errorf("it proves by an anchor that is not its own: %v", err)
			}
			commit(t, db, 5, 6)
			log, stop = h.run(t, db.Log())
			eventually(t, func() bool { return errors.Is(log.Ready(t.Context()), sequencer.ErrRolledBack) })
			if err := stop(); !errors.Is(err, sequencer.ErrRolledBack) {
				t.Errorf("at start: %v", err)
			}
			if tree, err := db.Log().Tree(t.Context()); err != nil || tree.Size != 5 {
				t.Errorf("it signed another tree: %d, %v", tree.Size, err)
			}
		})
	}
	t.Run("it takes tiles that it cannot read for no contradiction", func(t *testing.T) {
		h, db := newHouse(t, 1, 1), open(t, filepath.Join(t.TempDir(), "db"))
		d := &dark{Storage: db.Log()}
		log, _ := h.run(t, d)
		commit(t, db, 0, 300)
		h.proven(t, log, 299, 300)
		p, err := db.Log().Published(t.Context())
		must(t, err)
		commit(t, db, 300, 310)
		h.proven(t, log, 309, 310)
		d.tiles.Store(true)
		keep(t, db, p.Size, p.Root)
		eventually(t, func() bool { _, err := log.Delayed(); return errors.Is(err, errFault) })
		if err := log.Ready(t.Context()); err != nil {
			t.Errorf("ready: %v", err)
		}
		d.tiles.Store(false)
		eventually(t, func() bool { _, err := log.Delayed(); return err == nil })
		if _, size, err := log.AnchoredProof(t.Context(), entry(0)); err != nil || size != p.Size {
			t.Errorf("under %d: %v", size, err)
		}
	})
	t.Run("it goes on after anchors that are its beginnings, and proves under the newest", func(t *testing.T) {
		h, db := newHouse(t, 1, 1), open(t, filepath.Join(t.TempDir(), "db"))
		log, _ := h.run(t, db.Log())
		if _, _, err := log.AnchoredProof(t.Context(), entry(0)); !errors.Is(err, sequencer.ErrPending) {
			t.Errorf("before an anchor: %v", err)
		}
		for n := 3; n <= 300; n += 99 {
			commit(t, db, n-3, n)
			h.proven(t, log, n-3, n)
			p, err := db.Log().Published(t.Context())
			must(t, err)
			keep(t, db, p.Size, p.Root)
			proof, size, err := log.AnchoredProof(t.Context(), entry(0))
			must(t, err)
			c, err := h.policy.VerifyInclusion(entry(0), proof)
			if err != nil || c.Size != p.Size || size != p.Size || c.Root != p.Root {
				t.Errorf("under %d: %d, %v", p.Size, c.Size, err)
			}
			commit(t, db, 1000+n, 1001+n)
			h.proven(t, log, 1000+n, 1001+n)
			if _, _, err := log.AnchoredProof(t.Context(), entry(1000+n)); !errors.Is(err, sequencer.ErrPending) {
				t.Errorf("behind the anchor: %v", err)
			}
		}
		if err := log.Ready(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// An anchor that contradicts the log stops it though one of a greater size, or of its
// own, continues it.
func TestDisputed(t *testing.T) {
	for _, tt := range []struct {
		name string
		size int64
		want error // of the book
	}{
		{"it stops at one that is smaller than the greatest", 3, anchor.ErrContradicts},
		{"it stops at a second one of the greatest size", 8, anchor.ErrTaken},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, db := newHouse(t, 1, 1), open(t, filepath.Join(t.TempDir(), "db"))
			log, stop := h.run(t, db.Log())
			commit(t, db, 0, 8)
			h.proven(t, log, 0, 8)
			channel := endorsementtest.New(time.Now(), "Org1MSP", "Org2MSP")
			trust, err := endorsement.LoadTrust(channel.Folder())
			must(t, err)
			origin := h.policy.Logs[0].Key.Name
			book := &anchor.Book{Origin: origin, Trust: trust, Rows: db.Anchors(), Log: db.Anchors(), Now: time.Now, Logger: quiet}
			take := func(size int64, root tlog.Hash) error {
				p := channel.Prove(endorsement.Record{Origin: origin, Size: size, Root: root, Writer: "Org1MSP"})
				_, _, err := book.Take(t.Context(), p.Marshal())
				return err
			}
			p, err := db.Log().Published(t.Context())
			must(t, err)
			must(t, take(p.Size, p.Root))
			must(t, log.Ready(t.Context()))
			if err := take(tt.size, tlog.Hash{3}); !errors.Is(err, tt.want) {
				t.Fatal(err)
			}
			eventually(t, func() bool { return errors.Is(log.Ready(t.Context()), sequencer.ErrRolledBack) })
			for _, when := range []string{"while it runs", "at its next start"} {
				if err := stop(); !errors.Is(err, sequencer.ErrRolledBack) {
					t.Errorf("%s: %v", when, err)
				}
				commit(t, db, 8, 9)
				log, stop = h.run(t, db.Log())
				eventually(t, func() bool { return errors.Is(log.Ready(t.Context()), sequencer.ErrRolledBack) })
			}
			if tree, err := db.Log().Tree(t.Context()); err != nil || tree.Size != 8 {
				t.Errorf("it signed another tree: %d, %v", tree.Size, err)
			}
		})
	}
}
