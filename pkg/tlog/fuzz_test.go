package tlog_test

import (
	"bytes"
	"testing"

	"github.com/govmydata/mydata/pkg/tlog"
)

func FuzzOpen(f *testing.F) {
	f.Add(witnessed(f, 7, tlog.Hash{1}, 11, 12))
	f.Add([]byte("log.example\n0\n\n\n\n— a b\n"))
	policy := twoOfThree(f)
	f.Fuzz(func(t *testing.T, note []byte) {
		c, err := policy.Open(note)
		if err == nil && (c.Origin != signedOrigin || len(c.Witnesses) < 2) {
			t.Errorf("opened %+v", c)
		}
		_, _ = tlog.Peek(note)
		_, _ = tlog.Merge(note, note)
	})
}

func FuzzParsePolicy(f *testing.F) {
	f.Add([]byte(twoLevels))
	f.Add([]byte("quorum none\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := tlog.ParsePolicy(text)
		if err == nil {
			p.Quorum(nil)
		}
	})
}

func FuzzParseKey(f *testing.F) {
	f.Add(logVKey(1))
	f.Add(witnessVKey(2))
	f.Fuzz(func(t *testing.T, vkey string) {
		if k, err := tlog.ParseKey(vkey); err == nil {
			if again, err := tlog.ParseKey(k.String()); err != nil || again.String() != k.String() {
				t.Errorf("%q: %v", vkey, err)
			}
		}
	})
}

func FuzzParseProof(f *testing.F) {
	_, all := proofs(f, 7)
	for _, p := range all {
		f.Add(p.Marshal())
	}
	f.Add([]byte("c2sp.org/tlog-proof@v1\nextra AA==\nindex 0\n\na\n0\nAA==\n\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := tlog.ParseProof(text)
		if err != nil {
			return
		}
		if len(p.Extra) > 0 && !bytes.Equal(p.Marshal(), text) {
			t.Errorf("%q is written as %q", text, p.Marshal())
		}
		_ = tlog.CheckInclusion(p.Path, 7, tlog.Hash{}, p.Index, tlog.Hash{})
	})
}

func FuzzParseAddCheckpoint(f *testing.F) {
	f.Add(tlog.AddCheckpoint{Old: 3, Proof: []tlog.Hash{{1}}, Checkpoint: witnessed(f, 7, tlog.Hash{})}.Marshal())
	f.Fuzz(func(t *testing.T, body []byte) {
		a, err := tlog.ParseAddCheckpoint(body)
		if err != nil {
			return
		}
		if !bytes.Equal(a.Marshal(), body) {
			t.Errorf("%q is written as %q", body, a.Marshal())
		}
		_ = tlog.CheckConsistency(a.Proof, a.Old, tlog.Hash{}, 1<<40, tlog.Hash{})
	})
}

func FuzzParseTilePath(f *testing.F) {
	for _, path := range []string{"tile/0/000", "tile/entries/x001/x234/067.p/5", "tile/63/999.p/255"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		tile, err := tlog.ParseTilePath(path)
		if err == nil && (tile.Path() != path || tile.Width < 1 || tile.Width > 256 || tile.Index < 0) {
			t.Errorf("%q: %+v", path, tile)
		}
		_ = tile.In(1 << 40)
	})
}

func FuzzParseBundle(f *testing.F) {
	f.Add([]byte{0, 1, 7, 0, 0}, 2)
	f.Add([]byte{}, -1)
	f.Fuzz(func(t *testing.T, data []byte, width int) {
		entries, err := tlog.ParseBundle(data, width)
		if err != nil {
			return
		}
		again, err := tlog.MarshalBundle(entries)
		if err != nil || !bytes.Equal(again, data) {
			t.Errorf("%x: %x, %v", data, again, err)
		}
		_, _ = tlog.Tile{Level: tlog.Entries, Width: width}.Cut(data)
		_, _ = tlog.ParseHashes(data, width)
	})
}

func FuzzParseStatement(f *testing.F) {
	entry, err := tlog.Statement("a", map[string]int{"b": 1})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(entry)
	f.Fuzz(func(t *testing.T, entry []byte) {
		kind, body, err := tlog.ParseStatement(entry)
		if err != nil {
			return
		}
		if again, err := tlog.Statement(kind, body); err != nil || !bytes.Equal(again, entry) {
			t.Errorf("%q: %q, %v", entry, again, err)
		}
	})
}
