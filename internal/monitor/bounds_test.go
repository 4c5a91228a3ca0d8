package monitor_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/monitor"
	"github.com/govmydata/mydata/pkg/audit"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/tlog"
)

// statement is one that the hub's log holds.
func statement(t *testing.T, kind string, body map[string]any) []byte {
	t.Helper()
	entry, err := tlog.Statement(kind, body)
	if err != nil {
		t.Fatal(err)
	}
	return entry
}

// TestALogCannotOutgrowTheState: whatever a log says, a monitor that starts anew
// reads what it remembered.
func TestALogCannotOutgrowTheState(t *testing.T) {
	t.Run("it keeps to its bounds with lists of long addresses", func(t *testing.T) {
		w := newWorld(t)
		sum := strings.Repeat("A", 43)
		for from := 0; from < 4096; from += 1024 {
			var all [][]byte
			for n := range 1024 {
				uri := fmt.Sprintf("https://hub.example/%04d", from+n)
				all = append(all, statement(t, credential.StatementStatusList, map[string]any{
					"uri": uri + strings.Repeat("<", 2048-len(uri)), "sha256": sum, "version": 1, "iat": 1}))
			}
			w.hub.add(t, all...)
		}
		expect(t, w.round(), audit.Unsaid)
		w.open()
		expect(t, w.round())
	})
	t.Run("it keeps to its bounds with entries that say long nonsense", func(t *testing.T) {
		w := newWorld(t)
		for n := range 6 {
			var all [][]byte
			for i := range 20 {
				long := fmt.Sprint(n, " ", i, strings.Repeat("<", 50<<10))
				all = append(all, statement(t, credential.StatementStatusList, map[string]any{long: 1}))
			}
			w.hub.add(t, all...)
			if found := w.round(); len(found) != 20 {
				t.Fatalf("found %v", found)
			}
		}
		w.open()
		expect(t, w.round())
		if len(w.told) != 32 {
			t.Errorf("told %d times", len(w.told))
		}
	})
}

// TestTheSameIsReportedOnce: a log that says the same nonsense again and again does
// not make a report of its length.
func TestTheSameIsReportedOnce(t *testing.T) {
	w := newWorld(t)
	var all [][]byte
	for n := range 200 {
		all = append(all, statement(t, credential.StatementDID, map[string]any{
			"id": fmt.Sprintf("did:web:%d.example", n), "sha256": strings.Repeat("A", 43), "from": 1}))
	}
	w.hub.add(t, all...)
	expect(t, w.round(), audit.Unsaid) // more than it keeps
}

// TestWhatIsOverIsToldAllTheSame: a lie that ended before anybody could be told of
// it is told when that can be done.
func TestWhatIsOverIsToldAllTheSame(t *testing.T) {
	w := newWorld(t)
	w.hub.add(t, entries(0, 10)...)
	w.round()
	tell := w.options.Tell
	w.options.Tell = func(context.Context, monitor.Alert) error { return errors.New("no mail today") }
	w.open()
	w.lie(show("/log/checkpoint", []byte("x")))
	expect(t, w.round(), audit.Checkpoint)
	w.lie(nil)
	expect(t, w.round())
	w.options.Tell = tell
	w.open()
	for range 3 {
		expect(t, w.round())
	}
	if len(w.told) != 1 || w.told[0].Check != audit.Checkpoint || len(w.told[0].Evidence) != 1 {
		t.Errorf("told %+v", w.told)
	}
}

// TestEvidenceOfEachTime: a lie that was told before, and ended, leaves its own
// evidence the next time.
func TestEvidenceOfEachTime(t *testing.T) {
	w := newWorld(t)
	w.hub.add(t, entries(0, 10)...)
	w.round()
	for _, lie := range []string{"one", "two", "two", "three"} {
		w.lie(show("/log/checkpoint", []byte(lie)))
		expect(t, w.round(), audit.Checkpoint)
		w.lie(nil)
		expect(t, w.round())
	}
	files, err := filepath.Glob(filepath.Join(w.options.State, "evidence", "*.txt"))
	if err != nil || len(w.told) != 4 {
		t.Fatalf("%v, told %+v", err, w.told)
	}
	kept := map[string]int{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		kept[string(text)]++
	}
	if len(kept) != 3 || kept["one"] != 1 || kept["two"] != 1 || kept["three"] != 1 {
		t.Errorf("kept %v", kept)
	}
}

// TestRememberedUnderARetiredKey goes on from a checkpoint whose key was retired
// while nobody looked.
func TestRememberedUnderARetiredKey(t *testing.T) {
	w := newWorld(t)
	w.hub.add(t, entries(0, 10)...)
	expect(t, w.round())
	private := ed25519.NewKeyFromSeed(append(make([]byte, ed25519.SeedSize-1), 3))
	next, err := tlog.NewSigner("hub.example/log", private)
	if err != nil {
		t.Fatal(err)
	}
	c, err := w.hub.policy.Open(w.hub.note(t))
	if err != nil {
		t.Fatal(err)
	}
	note, err := tlog.NewCheckpoint(next, c.Size, c.Root)
	if err != nil {
		t.Fatal(err)
	}
	line, err := tlog.Cosign(w.cosigner, note)
	if err == nil {
		note, err = tlog.Merge(note, line)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.options.Policy.Logs = []tlog.Log{
		{Key: w.log, Until: time.Now().Add(-time.Hour)}, // it was found stolen
		{Key: tlog.LogKey("hub.example/log", private.Public().(ed25519.PublicKey))},
	}
	w.open()
	w.lie(show("/log/checkpoint", note))
	expect(t, w.round())
	w.lie(nil)
	expect(t, w.round(), audit.Checkpoint) // the old key alone counts no more
}
