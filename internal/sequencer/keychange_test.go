package sequencer_test

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/sequencer"
	"github.com/govmydata/mydata/pkg/tlog"
)

// TestKeyChange: the log goes on with both keys, and after the end of the old
// one with a tree that it alone had signed.
func TestKeyChange(t *testing.T) {
	h := newHouse(t, 0, 0)
	db := open(t, filepath.Join(t.TempDir(), "log.db"))
	old := h.policy.Logs[0].Key
	private := ed25519.NewKeyFromSeed(append(make([]byte, ed25519.SeedSize-1), 7))
	next, err := tlog.NewSigner(origin, private)
	if err != nil {
		t.Fatal(err)
	}
	key := tlog.LogKey(origin, private.Public().(ed25519.PublicKey))
	policy := func(until time.Time) tlog.Policy {
		text := fmt.Sprintf("log %s\n#log-until %s %s\nlog %s\nquorum none\n", old, old, until.Format(time.RFC3339), key)
		p, err := tlog.ParsePolicy([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	n := 0
	phase := func(until time.Time, want int, signers ...tlog.Signer) {
		t.Helper()
		h.policy = policy(until)
		log, stop := h.start(t, sequencer.Options{Storage: db.Log(), Signers: func(time.Time) []tlog.Signer { return signers }})
		commit(t, db, n, n+3)
		h.proven(t, log, n, n+3)
		n += 3
		note, err := log.Checkpoint(t.Context())
		if err != nil || strings.Count(string(note), "\n— "+origin+" ") != want {
			t.Errorf("%d keys should have signed: %v\n%s", want, err, note)
		}
		if err := stop(); err == nil || strings.Contains(err.Error(), "contradicts") {
			t.Errorf("it ended with %v", err)
		}
	}
	hour := time.Hour
	phase(time.Now().Add(hour), 1, h.signer)
	phase(time.Now().Add(hour), 2, h.signer, next)
	phase(time.Now().Add(hour), 1, h.signer) // a replica that does not know yet
	phase(time.Now().Add(-hour), 1, next)
}

// Whatever witnesses cosign, a checkpoint of a key that was retired before they did
// is not published.
func TestRetiredKeyPublishesNothing(t *testing.T) {
	h := newHouse(t, 2, 2)
	key := h.policy.Logs[0].Key
	text := string(tlog.NewPolicy(h.policy.Logs[0], h.policy.Witnesses, 2))
	line := fmt.Sprintf("log %s\n", key)
	if !strings.Contains(text, line) {
		t.Fatal(text)
	}
	var err error
	h.policy, err = tlog.ParsePolicy([]byte(strings.Replace(text, line, fmt.Sprintf("%s#log-until %s %s\n", line, key, time.Now().Add(-time.Hour).Format(time.RFC3339)), 1)))
	if err != nil {
		t.Fatal(err)
	}
	log, _ := h.run(t, open(t, filepath.Join(t.TempDir(), "log.db")).Log())
	eventually(t, func() bool {
		_, err := log.Delayed()
		return errors.Is(err, sequencer.ErrNoQuorum) && errors.Is(err, tlog.ErrRetired)
	})
	// It goes on saying why, between one asking of the witnesses and the next.
	for range 50 {
		if _, err := log.Delayed(); !errors.Is(err, tlog.ErrRetired) {
			t.Fatalf("delayed by %v", err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if _, err := log.Checkpoint(t.Context()); !errors.Is(err, sequencer.ErrPending) {
		t.Errorf("published: %v", err)
	}
}

// TestNoKeyInForce signs nothing, and says so.
func TestNoKeyInForce(t *testing.T) {
	h := newHouse(t, 0, 0)
	db := open(t, filepath.Join(t.TempDir(), "log.db"))
	log, _ := h.start(t, sequencer.Options{Storage: db.Log(), Signers: func(time.Time) []tlog.Signer { return nil }})
	for range 100 {
		if _, err := log.Delayed(); err != nil && strings.Contains(err.Error(), "no key of the log is in force") {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error("it does not say that no key is in force")
}
