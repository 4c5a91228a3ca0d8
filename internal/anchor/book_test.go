package anchor_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/anchor"
	"github.com/govmydata/mydata/internal/sequencer"
	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/pkg/tlog"
	"github.com/govmydata/mydata/pkg/tlog/endorsement"
	"github.com/govmydata/mydata/pkg/tlog/endorsement/endorsementtest"
)

// shelf is a book over a database whose log has some leaves.
type shelf struct {
	book    *anchor.Book
	db      *store.DB
	channel *endorsementtest.Channel
	edge    tlog.Edge
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	channel := endorsementtest.New(time.Now(), "Org1MSP", "Org2MSP")
	trust, err := endorsement.LoadTrust(channel.Folder())
	if err != nil {
		t.Fatal(err)
	}
	s := &shelf{db: db, channel: channel}
	s.book = &anchor.Book{Origin: origin, Trust: trust, Rows: db.Anchors(), Log: db.Anchors(), Now: time.Now, Logger: slog.New(slog.DiscardHandler)}
	return s
}

// grow integrates entries as the sequencer does.
func (s *shelf) grow(t *testing.T, n int) {
	t.Helper()
	from := sequencer.Tree{Size: s.edge.Size(), Root: s.edge.Root()}
	if from.Size == 0 {
		if err := s.db.Log().Integrate(t.Context(), sequencer.Group{To: sequencer.Tree{Root: tlog.EmptyRoot, Signed: []byte("x")}}); err != nil {
			t.Fatal(err)
		}
	}
	from.Signed = []byte("x")
	var entries [][]byte
	for i := range n {
		entries = append(entries, personal(int(from.Size)+i))
	}
	if err := s.db.Log().Append(t.Context(), time.Now().String(), []byte{1}, entries); err != nil {
		t.Fatal(err)
	}
	leaves, err := s.db.Log().Pending(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	g := sequencer.Group{From: from, Leaves: leaves}
	keep := func(tile tlog.Tile, hashes []tlog.Hash) {
		var data []byte
		for _, h := range hashes {
			data = append(data, h[:]...)
		}
		g.Tiles = append(g.Tiles, sequencer.TileRow{Tile: tile, Data: data})
	}
	for _, leaf := range leaves {
		s.edge.Append(tlog.LeafHash(leaf.Entry), keep)
	}
	s.edge.Partial(keep)
	g.To = sequencer.Tree{Size: s.edge.Size(), Root: s.edge.Root(), Signed: []byte("x")}
	if err := s.db.Log().Integrate(t.Context(), g); err != nil {
		t.Fatal(err)
	}
}

func (s *shelf) proof(about string, size int64, root tlog.Hash) []byte {
	p := s.channel.Prove(endorsement.Record{Origin: about, Size: size, Root: root, Writer: "Org1MSP"})
	return p.Marshal()
}

func TestBook(t *testing.T) {
	s := newShelf(t)
	s.grow(t, 5)
	five := s.edge.Root()
	s.grow(t, 300)
	good := s.proof(origin, 5, five)
	size, fresh, err := s.book.Take(t.Context(), good)
	if err != nil || size != 5 || !fresh {
		t.Fatalf("%d, %v, %v", size, fresh, err)
	}
	if _, fresh, err := s.book.Take(t.Context(), s.proof(origin, 5, five)); err != nil || fresh {
		t.Errorf("another proof of the same: %v, %v", fresh, err)
	}
	if kept, err := s.book.Of(t.Context(), 5); err != nil || string(kept) != string(good) {
		t.Errorf("it replaced the proof: %v", err)
	}
	if p, found, err := s.book.Anchor(t.Context(), 5); err != nil || !found || string(p.Marshal()) != string(good) {
		t.Errorf("for a receipt: %v, %v", found, err)
	}
	if _, found, err := s.book.Anchor(t.Context(), 6); err != nil || found {
		t.Errorf("of no anchor: %v, %v", found, err)
	}
	broken := []byte(string(good))
	broken[len(broken)/2] ^= 1
	for _, tt := range []struct {
		name  string
		proof []byte
		want  error
	}{
		{"another log's", s.proof("log.example/other", 5, five), anchor.ErrOrigin},
		{"a second root of a size", s.proof(origin, 5, tlog.Hash{9}), anchor.ErrTaken},
	} {
		t.Run("it does not take "+tt.name, func(t *testing.T) {
			if _, _, err := s.book.Take(t.Context(), tt.proof); !errors.Is(err, tt.want) {
				t.Errorf("%v, want %v", err, tt.want)
			}
		})
	}
	if _, _, err := s.book.Take(t.Context(), broken); err == nil {
		t.Error("it takes a broken proof")
	} else if _, ok := errors.AsType[*endorsement.Error](err); !ok {
		t.Errorf("a broken proof: %v", err)
	}
	lag, err := s.book.Lag(t.Context())
	if err != nil || lag.Size != 5 || !lag.Since.IsZero() {
		t.Errorf("%+v, %v", lag, err)
	}
	published := time.UnixMilli(1_800_000_000_000)
	if err := s.db.Log().Publish(t.Context(), sequencer.Published{Size: 305, Root: s.edge.Root(), Note: []byte("n"), At: published}); err != nil {
		t.Fatal(err)
	}
	if lag, err := s.book.Lag(t.Context()); err != nil || !lag.Since.Equal(published) {
		t.Errorf("%+v, %v", lag, err)
	}
}

// TestBookContradicted: what contradicts the log is kept, for the log stops by it.
func TestBookContradicted(t *testing.T) {
	for name, size := range map[string]int64{"it keeps an anchor beyond the tree": 9, "it keeps an anchor of another root": 3} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t)
			s.grow(t, 5)
			if _, _, err := s.book.Take(t.Context(), s.proof(origin, size, tlog.Hash{7})); !errors.Is(err, anchor.ErrContradicts) {
				t.Fatal(err)
			}
			if a, err := s.db.Log().Anchored(t.Context()); err != nil || a.Size != size || a.Root != (tlog.Hash{7}) {
				t.Errorf("%+v, %v", a, err)
			}
		})
	}
}

// torn are rows whose next write of a contradiction breaks.
type torn struct {
	anchor.Rows
	lost, kept bool
}

func (r *torn) Dispute(ctx context.Context, k anchor.Kept) error {
	switch {
	case r.lost:
		r.lost = false
		return errTorn
	case r.kept:
		r.kept = false
		return errors.Join(r.Rows.Dispute(ctx, k), errTorn)
	}
	return r.Rows.Dispute(ctx, k)
}

var errTorn = errors.New("the connection broke")

// TestBookContradictedTorn: what contradicts the log is not taken for said before it is
// durable, so that whoever brings it brings it again.
func TestBookContradictedTorn(t *testing.T) {
	for name, r := range map[string]*torn{"it was lost": {lost: true}, "it was kept all the same": {kept: true}} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t)
			s.grow(t, 5)
			r.Rows = s.book.Rows
			s.book.Rows = r
			proof := s.proof(origin, 3, tlog.Hash{7})
			if _, fresh, err := s.book.Take(t.Context(), proof); fresh || !errors.Is(err, errTorn) || errors.Is(err, anchor.ErrContradicts) {
				t.Fatalf("%t, %v", fresh, err)
			}
			if _, _, err := s.book.Take(t.Context(), proof); !errors.Is(err, anchor.ErrContradicts) {
				t.Fatal(err)
			}
			if all, err := s.db.Log().Disputed(t.Context()); err != nil || len(all) != 1 || all[0] != (sequencer.Anchor{Size: 3, Root: tlog.Hash{7}}) {
				t.Errorf("%v, %v", all, err)
			}
		})
	}
}
