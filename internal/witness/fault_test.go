package witness

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/durable"
	"github.com/govmydata/mydata/pkg/tlog"
)

// TestFaults breaks the one write of a witness: lost, and lost but kept, as when
// the folder could not be synced. No cosignature is answered before a write of
// that size was durable, also not after a restart, which reads back what a loss
// of power may still take.
//
//clause:log tlog-witness: a latest checkpoint for each origin, kept before the answer, compared and kept atomically
func TestFaults(t *testing.T) {
	key := func(seed byte) ed25519.PrivateKey {
		return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	}
	signer, err := tlog.NewSigner("log.example", key(1))
	if err != nil {
		t.Fatal(err)
	}
	cosigner, err := tlog.NewCosigner("witness.example", key(2), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	note, err := tlog.NewCheckpoint(signer, 5, tlog.Hash{1})
	if err != nil {
		t.Fatal(err)
	}
	for name, kept := range map[string]bool{"lost": false, "lost but kept": true} {
		state := filepath.Join(t.TempDir(), "state")
		open := func(keep func(string, []byte) error) *Witness {
			w, err := New(tlog.LogKey("log.example", key(1).Public().(ed25519.PublicKey)), cosigner, state, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			w.keep = keep
			return w
		}
		durably := 0
		whole := func(name string, data []byte) error { durably++; return durable.Replace(name, data) }
		broken := func(name string, data []byte) error {
			if kept {
				_ = durable.Replace(name, data)
			}
			return errors.New("broken")
		}
		ask := func(w *Witness) error {
			var refused *refusal
			_, err := w.Cosign(context.Background(), tlog.AddCheckpoint{Checkpoint: note}.Marshal())
			if errors.As(err, &refused) && refused.text == "5" {
				_, err = w.Cosign(context.Background(), tlog.AddCheckpoint{Old: 5, Checkpoint: note}.Marshal())
			}
			return err
		}
		w := open(broken)
		for range 2 { // the second finds the first one's, where it was kept
			if err := ask(w); err == nil {
				t.Errorf("%s: it cosigned what it could not keep", name)
			}
		}
		if err := ask(open(broken)); err == nil {
			t.Errorf("%s: it cosigned after a restart what may be lost", name)
		}
		w.keep = whole
		if err := ask(w); err != nil || durably != 1 {
			t.Errorf("%s: %v, %d durable writes", name, err, durably)
		}
		if err := ask(w); err != nil || durably != 1 {
			t.Errorf("%s: the same again: %v, %d durable writes", name, err, durably)
		}
		w = open(whole)
		if err := ask(w); err != nil || durably != 2 {
			t.Errorf("%s: after a restart: %v, %d durable writes", name, err, durably)
		}
	}
}
