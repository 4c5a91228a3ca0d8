package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/sequencer"
	"github.com/govmydata/mydata/pkg/tlog"
)

// LogStore is a sequencer's storage with a way to fill it.
type LogStore interface {
	sequencer.Storage
	Append(ctx context.Context, id string, digest []byte, entries [][]byte) error
}

// Log tests the contract of sequencer.Storage on an empty store; reused is
// what Append answers to an id used for something else.
func Log(t *testing.T, s LogStore, reused error) {
	ctx := t.Context()
	emptyLog(t, s)
	leaseLog(t, s)
	addLeaves(t, s, "a", 3)
	addLeaves(t, s, "a", 3) // again
	if err := s.Append(ctx, "a", []byte("other"), nil); !errors.Is(err, reused) {
		t.Errorf("another commit under one id: %v", err)
	}
	addLeaves(t, s, "b", 2)
	pending, err := s.Pending(ctx, 10)
	if err != nil || len(pending) != 5 || pending[0].Commit != "a" || pending[2].Position != 2 || string(pending[4].Entry) != "b 1" {
		t.Fatalf("pending: %+v, %v", pending, err)
	}
	if n, since, err := s.Waiting(ctx); err != nil || n != 5 || time.Since(since).Abs() > time.Minute {
		t.Errorf("waiting: %d since %v, %v", n, since, err)
	}
	if few, err := s.Pending(ctx, 2); err != nil || len(few) != 2 {
		t.Errorf("limited: %v, %v", few, err)
	}
	integrateLog(t, s, pending)
	publishLog(t, s)
}

func emptyLog(t *testing.T, s LogStore) {
	t.Helper()
	if n, since, err := s.Waiting(t.Context()); err != nil || n != 0 || !since.IsZero() {
		t.Errorf("waiting: %d since %v, %v", n, since, err)
	}
	if _, err := s.Tree(t.Context()); !errors.Is(err, sequencer.ErrNone) {
		t.Errorf("tree: %v", err)
	}
	if _, err := s.Published(t.Context()); !errors.Is(err, sequencer.ErrNone) {
		t.Errorf("published: %v", err)
	}
	if _, err := s.Index(t.Context(), tlog.Hash{}); !errors.Is(err, sequencer.ErrNone) {
		t.Errorf("index: %v", err)
	}
	for _, level := range []int{0, tlog.Entries} {
		if _, err := s.Tile(t.Context(), tlog.Tile{Level: level, Width: 1}); !errors.Is(err, sequencer.ErrNone) {
			t.Errorf("tile: %v", err)
		}
	}
}

func addLeaves(t *testing.T, s LogStore, id string, n int) {
	t.Helper()
	var entries [][]byte
	for i := range n {
		entries = append(entries, fmt.Appendf(nil, "%s %d", id, i))
	}
	if err := s.Append(t.Context(), id, []byte("digest of "+id), entries); err != nil {
		t.Fatalf("append %s: %v", id, err)
	}
}

// logGroup makes a group that is right in itself; its tile is made up.
func logGroup(from sequencer.Tree, leaves []sequencer.Leaf) sequencer.Group {
	g := sequencer.Group{From: from, Leaves: leaves}
	g.To = sequencer.Tree{Size: from.Size + int64(len(leaves)), Signed: []byte("signed")}
	g.To.Root[0] = byte(g.To.Size)
	data := bytes.Repeat([]byte{7}, int(g.To.Size)*32)
	if len(data) > 0 {
		g.Tiles = []sequencer.TileRow{{Tile: tlog.Tile{Width: int(g.To.Size)}, Data: data}}
	}
	return g
}

func integrateLog(t *testing.T, s LogStore, leaves []sequencer.Leaf) {
	t.Helper()
	ctx := t.Context()
	create := logGroup(sequencer.Tree{}, nil)
	if err := s.Integrate(ctx, create); err != nil {
		t.Fatalf("create: %v", err)
	}
	if err := s.Integrate(ctx, create); !errors.Is(err, sequencer.ErrMoved) {
		t.Errorf("create again: %v", err)
	}
	first := logGroup(create.To, leaves[:3])
	if err := s.Integrate(ctx, first); err != nil {
		t.Fatalf("integrate: %v", err)
	}
	if tree, err := s.Tree(ctx); err != nil || tree.Size != 3 || tree.Root != first.To.Root || string(tree.Signed) != "signed" {
		t.Errorf("tree: %+v, %v", tree, err)
	}
	forked := first.To
	forked.Root[1] = 9
	for name, g := range map[string]sequencer.Group{
		"the same group again":       first,
		"a group of an older tree":   logGroup(create.To, leaves[3:]),
		"a group of another root":    logGroup(forked, leaves[3:]),
		"a leaf that has a place":    logGroup(first.To, leaves[2:4]),
		"a leaf that was never kept": logGroup(first.To, []sequencer.Leaf{{Commit: "x", Entry: []byte("x")}}),
	} {
		if err := s.Integrate(ctx, g); !errors.Is(err, sequencer.ErrMoved) {
			t.Errorf("%s: %v", name, err)
		}
	}
	integratedLog(t, s, leaves, first.To)
	raceTree(t, s, first.To, leaves[3:])
}

// integratedLog looks at the rows after three leaves, and that refused groups
// wrote nothing.
func integratedLog(t *testing.T, s LogStore, leaves []sequencer.Leaf, tree sequencer.Tree) {
	t.Helper()
	ctx := t.Context()
	if now, err := s.Tree(ctx); err != nil || now.Root != tree.Root {
		t.Errorf("tree: %+v, %v", now, err)
	}
	if left, err := s.Pending(ctx, 10); err != nil || len(left) != 2 {
		t.Errorf("pending: %v, %v", left, err)
	}
	if index, err := s.Index(ctx, tlog.LeafHash(leaves[1].Entry)); err != nil || index != 1 {
		t.Errorf("index: %d, %v", index, err)
	}
	if _, err := s.Index(ctx, tlog.LeafHash(leaves[3].Entry)); !errors.Is(err, sequencer.ErrNone) {
		t.Errorf("index of a pending leaf: %v", err)
	}
	bundle, err := s.Tile(ctx, tlog.Tile{Level: tlog.Entries, Width: 2})
	if err != nil || string(bundle) != "\x00\x03a 0\x00\x03a 1" {
		t.Errorf("bundle: %q, %v", bundle, err)
	}
	if hashes, err := s.Tile(ctx, tlog.Tile{Width: 2}); err != nil || len(hashes) != 64 {
		t.Errorf("tile: %x, %v", hashes, err)
	}
	for _, level := range []int{0, tlog.Entries} {
		if _, err := s.Tile(ctx, tlog.Tile{Level: level, Width: 4}); !errors.Is(err, sequencer.ErrNone) {
			t.Errorf("a tile wider than the tree: %v", err)
		}
	}
}

// raceTree has several writers move one tree at once: one does.
func raceTree(t *testing.T, s LogStore, from sequencer.Tree, leaves []sequencer.Leaf) {
	t.Helper()
	var wait sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		wait.Go(func() {
			g := logGroup(from, leaves)
			g.To.Root[2] = byte(i)
			errs[i] = s.Integrate(context.WithoutCancel(t.Context()), g)
		})
	}
	wait.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !errors.Is(err, sequencer.ErrMoved) {
			t.Errorf("writer: %v", err)
		}
	}
	if tree, err := s.Tree(t.Context()); won != 1 || err != nil || tree.Size != 5 {
		t.Errorf("%d writers moved the tree to %d, %v", won, tree.Size, err)
	}
}

func publishLog(t *testing.T, s LogStore) {
	t.Helper()
	ctx := t.Context()
	at := time.UnixMilli(1_800_000_000_123)
	p := sequencer.Published{Size: 3, Root: tlog.Hash{3}, Note: []byte("note"), At: at}
	for range 2 { // the second changes nothing
		if err := s.Publish(ctx, p); err != nil {
			t.Fatalf("publish: %v", err)
		}
	}
	other, smaller := p, p
	other.Root[1] = 9
	smaller.Size = 2
	for name, bad := range map[string]sequencer.Published{"another root": other, "a smaller size": smaller} {
		if err := s.Publish(ctx, bad); !errors.Is(err, sequencer.ErrMoved) {
			t.Errorf("%s: %v", name, err)
		}
	}
	greater := sequencer.Published{Size: 5, Root: tlog.Hash{5}, Note: []byte("later"), At: at}
	if err := s.Publish(ctx, greater); err != nil {
		t.Errorf("publish: %v", err)
	}
	got, err := s.Published(ctx)
	if err != nil || got.Size != 5 || got.Root != greater.Root || string(got.Note) != "later" || !got.At.Equal(at) {
		t.Errorf("published: %+v, %v", got, err)
	}
}
