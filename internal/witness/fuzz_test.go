package witness_test

import (
	"bytes"
	"crypto/ed25519"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/witness"
	"github.com/govmydata/mydata/pkg/tlog"
)

// FuzzCosign: of all bodies that anybody may post, a witness signs none that the
// log did not sign.
func FuzzCosign(f *testing.F) {
	folder := f.TempDir()
	if _, err := witness.Generate(folder, "witness.example/1"); err != nil {
		f.Fatal(err)
	}
	private, key, err := witness.Load(folder)
	if err != nil {
		f.Fatal(err)
	}
	signer, err := tlog.NewCosigner(key.Name, private, time.Now)
	if err != nil {
		f.Fatal(err)
	}
	log := tlog.LogKey(origin, logKey(1).Public().(ed25519.PublicKey))
	w, err := witness.New(log, signer, filepath.Join(folder, "state"), slog.New(slog.DiscardHandler))
	if err != nil {
		f.Fatal(err)
	}
	own, err := tlog.NewSigner(origin, logKey(1))
	if err != nil {
		f.Fatal(err)
	}
	good, err := tlog.NewCheckpoint(own, 3, tlog.Hash{7})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(body(0, nil, good))
	f.Add(body(1, []tlog.Hash{{1}}, bytes.Replace(good, []byte("\n3\n"), []byte("\n4\n"), 1)))
	f.Add([]byte("old 0\n\n"))
	f.Add([]byte("old -1\n\xff"))
	f.Fuzz(func(t *testing.T, posted []byte) {
		lines, err := w.Cosign(t.Context(), posted)
		if err == nil && !bytes.Contains(posted, good) {
			t.Errorf("signed %q: %q", posted, lines)
		}
	})
}
