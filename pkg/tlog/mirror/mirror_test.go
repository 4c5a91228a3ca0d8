package mirror_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/audit"
	"github.com/govmydata/mydata/pkg/tlog"
	"github.com/govmydata/mydata/pkg/tlog/mirror"
)

const origin = "log.example/test"

// source is a log in memory whose bundles a test may spoil.
type source struct {
	entries [][]byte
	signer  tlog.Signer
	witness tlog.Signer
	policy  tlog.Policy
	spoil   func(t tlog.Tile, bundle []byte) []byte
	note    []byte // instead of the true one
}

func newSource(t *testing.T, name string) *source {
	t.Helper()
	key := func(seed byte) ed25519.PrivateKey {
		return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	}
	var s source
	var err error
	if s.signer, err = tlog.NewSigner(name, key(1)); err != nil {
		t.Fatal(err)
	}
	if s.witness, err = tlog.NewCosigner("witness.example", key(2), time.Now); err != nil {
		t.Fatal(err)
	}
	s.policy, err = tlog.ParsePolicy(tlog.NewPolicy(tlog.Log{Key: tlog.LogKey(name, key(1).Public().(ed25519.PublicKey))},
		[]tlog.Witness{{Name: "w", Key: tlog.WitnessKey("witness.example", key(2).Public().(ed25519.PublicKey))}}, 1))
	if err != nil {
		t.Fatal(err)
	}
	return &s
}

func (s *source) grow(from, to int, word string) *source {
	for n := from; n < to; n++ {
		s.entries = append(s.entries, fmt.Appendf(nil, "%s %d", word, n))
	}
	return s
}

func (s *source) root() tlog.Hash {
	var edge tlog.Edge
	for _, entry := range s.entries {
		edge.Append(tlog.LeafHash(entry), nil)
	}
	return edge.Root()
}

func (s *source) Checkpoint(context.Context) ([]byte, error) {
	if s.note != nil {
		return s.note, nil
	}
	return s.sign(s.root(), true)
}

func (s *source) sign(root tlog.Hash, cosigned bool) ([]byte, error) {
	note, err := tlog.NewCheckpoint(s.signer, int64(len(s.entries)), root)
	if err != nil || !cosigned {
		return note, err
	}
	line, err := tlog.Cosign(s.witness, note)
	return append(note, line...), err
}

func (s *source) Tile(_ context.Context, t tlog.Tile) ([]byte, error) {
	if t.Level != tlog.Entries {
		return nil, errors.New("hash tiles are not asked for")
	}
	start := t.Index * tlog.TileWidth
	data, err := tlog.MarshalBundle(s.entries[start : start+int64(t.Width)])
	if err == nil && s.spoil != nil {
		data = s.spoil(t, data)
	}
	return data, err
}

func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, _ := filepath.Rel(dir, path)
			names = append(names, filepath.ToSlash(name))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func audited(t *testing.T, dir string, s *source) {
	t.Helper()
	report, err := (&audit.Audit{Log: audit.Dir{FS: os.DirFS(dir)}, Policy: s.policy}).Run(t.Context())
	if err != nil || report.Size != int64(len(s.entries)) {
		t.Fatalf("%+v, %v", report, err)
	}
	for _, f := range report.Findings {
		if f.Check != audit.Entry { // these entries are text
			t.Errorf("the auditor: %+v", f)
		}
	}
}

// TestUpdate follows a log over the edges of tiles; the auditor reads each step.
func TestUpdate(t *testing.T) {
	s, dir, before := newSource(t, origin), t.TempDir(), 0
	for _, size := range []int{0, 1, 255, 256, 257, 300, 300, 512, 700, 65536, 65537, 66000} {
		s.grow(before, size, "entry")
		before = size
		now, err := (&mirror.Mirror{Source: s, Policy: s.policy, Dir: dir}).Update(t.Context())
		if err != nil || now.Size != int64(size) {
			t.Fatalf("it does not follow to %d: %d, %v", size, now.Size, err)
		}
		if size < 1000 {
			audited(t, dir, s)
		}
	}
	audited(t, dir, s)
	for _, name := range files(t, dir) {
		if strings.Contains(name, ".p/") && !strings.Contains(name, "/257.p/") && !strings.Contains(name, "tile/1/001.p/") && !strings.Contains(name, "tile/2/") {
			t.Errorf("%s is left though the full tile is there", name)
		}
	}
	whole := t.TempDir() // one copy is like many
	if _, err := (&mirror.Mirror{Source: s, Policy: s.policy, Dir: whole}).Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, name := range files(t, whole) {
		a, err1 := os.ReadFile(filepath.Join(whole, name))
		b, err2 := os.ReadFile(filepath.Join(dir, name))
		if errors.Join(err1, err2) != nil || name != "checkpoint" && !bytes.Equal(a, b) {
			t.Errorf("%s differs: %v", name, errors.Join(err1, err2))
		}
	}
}

// TestUpdateUnderARetiredKey goes on from a folder whose checkpoint was signed by
// a key that was retired since.
func TestUpdateUnderARetiredKey(t *testing.T) {
	s, dir := newSource(t, origin), t.TempDir()
	s.grow(0, 300, "entry")
	if _, err := (&mirror.Mirror{Source: s, Policy: s.policy, Dir: dir}).Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{3}, ed25519.SeedSize))
	s.policy.Logs = []tlog.Log{
		{Key: s.policy.Logs[0].Key, Until: time.Now().Add(-time.Hour)}, {Key: tlog.LogKey(origin, private.Public().(ed25519.PublicKey))},
	}
	s.grow(300, 310, "entry")
	if _, err := (&mirror.Mirror{Source: s, Policy: s.policy, Dir: dir}).Update(t.Context()); !errors.Is(err, tlog.ErrRetired) {
		t.Errorf("a checkpoint of the retired key: %v", err)
	}
	var err error
	if s.signer, err = tlog.NewSigner(origin, private); err != nil {
		t.Fatal(err)
	}
	if now, err := (&mirror.Mirror{Source: s, Policy: s.policy, Dir: dir}).Update(t.Context()); err != nil || now.Size != 310 {
		t.Errorf("it does not go on: %d, %v", now.Size, err)
	}
}

func changed(f func(entries [][]byte) [][]byte) func(tlog.Tile, []byte) []byte {
	return func(t tlog.Tile, bundle []byte) []byte {
		entries, _ := tlog.ParseBundle(bundle, t.Width)
		out, _ := tlog.MarshalBundle(f(entries))
		return out
	}
}

// TestUpdateRefuses has a source lie: nothing but files that no checkpoint
// covers is written, and the folder goes on with a source that tells the truth.
func TestUpdateRefuses(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(t *testing.T, s *source)
		want  error
	}{
		{"it refuses a truncated bundle", func(_ *testing.T, s *source) {
			s.spoil = func(_ tlog.Tile, b []byte) []byte { return b[:len(b)-1] }
		}, mirror.ErrContradicts},
		{"it refuses a bundle that goes on", func(_ *testing.T, s *source) {
			s.spoil = func(_ tlog.Tile, b []byte) []byte { return append(b, 0, 1, 'x') }
		}, mirror.ErrContradicts},
		{"it refuses entries in another order", func(_ *testing.T, s *source) {
			s.spoil = changed(func(e [][]byte) [][]byte { e[0], e[1] = e[1], e[0]; return e })
		}, mirror.ErrContradicts},
		{"it refuses a forged entry", func(_ *testing.T, s *source) {
			s.spoil = changed(func(e [][]byte) [][]byte { e[len(e)-1] = []byte("forged"); return e })
		}, mirror.ErrContradicts},
		{"it refuses a root that is signed and not that of the entries", func(t *testing.T, s *source) {
			s.note, _ = s.sign(tlog.Hash{1}, true)
		}, mirror.ErrContradicts},
		{"it refuses a log that was set back", func(_ *testing.T, s *source) { s.entries = s.entries[:299] }, mirror.ErrContradicts},
		{"it refuses another history of the same size", func(_ *testing.T, s *source) {
			s.entries = nil
			s.grow(0, 300, "other")
		}, mirror.ErrContradicts},
		{"it refuses another history that is longer", func(_ *testing.T, s *source) {
			s.entries = nil
			s.grow(0, 600, "other")
		}, mirror.ErrContradicts},
		{"it refuses a checkpoint without witnesses", func(t *testing.T, s *source) { s.note, _ = s.sign(s.root(), false) }, tlog.ErrUnwitnessed},
		{"it refuses another log", func(t *testing.T, s *source) {
			other := newSource(t, "other.example/log")
			s.note, _ = other.grow(0, 400, "entry").Checkpoint(t.Context())
		}, tlog.ErrUnsigned},
		{"it refuses a checkpoint that is none", func(_ *testing.T, s *source) { s.note = []byte("hello\n\n— x\n") }, tlog.ErrCheckpoint},
		{"it refuses a checkpoint that is too long", func(_ *testing.T, s *source) { s.note = make([]byte, tlog.MaxCheckpoint+1) }, tlog.ErrCheckpoint},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, dir := newSource(t, origin).grow(0, 300, "entry"), t.TempDir()
			m := &mirror.Mirror{Source: s, Policy: s.policy, Dir: dir}
			if _, err := m.Update(t.Context()); err != nil {
				t.Fatal(err)
			}
			lying := newSource(t, origin).grow(0, 700, "entry")
			tt.spoil(t, lying)
			m.Source = lying
			if _, err := m.Update(t.Context()); !errors.Is(err, tt.want) {
				t.Errorf("%v", err)
			}
			audited(t, dir, s)
			m.Source = s.grow(300, 700, "entry")
			if _, err := m.Update(t.Context()); err != nil {
				t.Error(err)
			}
			audited(t, dir, s)
		})
	}
}

// TestNoRoom has the folder take no more files at some point: the checkpoint
// there stays true, and what lacked comes later.
func TestNoRoom(t *testing.T) {
	for _, blocked := range []string{"tile/entries/001", "tile/0/000", "tile/0/002.p", "tile/1/000.p/2", "tile/entries/002.p"} {
		t.Run("it keeps the log when it cannot write "+blocked, func(t *testing.T) {
			s, dir := newSource(t, origin).grow(0, 200, "entry"), t.TempDir()
			m := &mirror.Mirror{Source: s, Policy: s.policy, Dir: dir}
			if _, err := m.Update(t.Context()); err != nil {
				t.Fatal(err)
			}
			held := filepath.Join(dir, filepath.FromSlash(blocked), "held")
			if strings.HasSuffix(blocked, ".p") { // no folder there
				held = strings.TrimSuffix(held, "/held")
				if err := os.WriteFile(held, nil, 0o600); err != nil {
					t.Fatal(err)
				}
			} else if err := os.MkdirAll(held, 0o700); err != nil {
				t.Fatal(err)
			}
			grown := newSource(t, origin).grow(0, 700, "entry")
			m.Source = grown
			if _, err := m.Update(t.Context()); err == nil || !strings.Contains(err.Error(), "write ") {
				t.Errorf("%v", err)
			}
			audited(t, dir, s)
			for _, name := range files(t, dir) {
				if strings.Contains(name, ".new-") {
					t.Errorf("%s is left", name)
				}
			}
			if err := os.RemoveAll(filepath.Join(dir, filepath.FromSlash(blocked))); err != nil {
				t.Fatal(err)
			}
			if _, err := m.Update(t.Context()); err != nil {
				t.Error(err)
			}
			audited(t, dir, grown)
		})
	}
}

// TestDamaged has somebody alter the folder.
func TestDamaged(t *testing.T) {
	for name, damage := range map[string]func(dir string) error{
		"it finds an altered tile": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "tile/1/000.p/1"), make([]byte, 32), 0o600)
		},
		"it finds a tile that is gone":    func(dir string) error { return os.RemoveAll(filepath.Join(dir, "tile/1")) },
		"it finds a checkpoint of nobody": func(dir string) error { return os.WriteFile(filepath.Join(dir, "checkpoint"), []byte("x"), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			s, dir := newSource(t, origin).grow(0, 256, "entry"), t.TempDir()
			m := &mirror.Mirror{Source: s, Policy: s.policy, Dir: dir}
			if _, err := m.Update(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := damage(dir); err != nil {
				t.Fatal(err)
			}
			s.grow(256, 300, "entry")
			if _, err := m.Update(t.Context()); err == nil {
				t.Error("it goes on")
			}
		})
	}
}
