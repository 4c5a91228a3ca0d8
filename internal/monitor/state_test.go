package monitor_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/govmydata/mydata/internal/monitor"
	"github.com/govmydata/mydata/pkg/audit"
)

// TestTreeOfAnotherCheckpoint: a state put together of two is none to go on
// from; entries between the two would never be read.
func TestTreeOfAnotherCheckpoint(t *testing.T) {
	w := newWorld(t)
	file := filepath.Join(w.options.State, "monitor.json")
	kept := func() (state map[string]json.RawMessage) {
		expect(t, w.round())
		text, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(text, &state)
		}
		if err != nil {
			t.Fatal(err)
		}
		return state
	}
	w.hub.add(t, entries(0, 300)...)
	mixed := kept()
	w.hub.add(t, entries(300, 600)...)
	mixed["edge"] = kept()["edge"]
	text, err := json.Marshal(mixed)
	if err == nil {
		err = os.WriteFile(file, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.open()
	expect(t, w.round(), audit.Remembered)
}

// TestNew refuses what no round could keep to.
func TestNew(t *testing.T) {
	for _, tt := range []struct {
		name  string
		alter func(t *testing.T, o *monitor.Options)
		says  string // nothing: it is taken
	}{
		{"it takes a log, a policy and a folder", func(*testing.T, *monitor.Options) {}, ""},
		{"it refuses a policy without a log", func(_ *testing.T, o *monitor.Options) { o.Policy.Logs = nil }, "no log"},
		{"it refuses promises of a log that proves nothing", func(_ *testing.T, o *monitor.Options) { o.Promises, o.Prover = fstest.MapFS{}, nil }, "promises"},
		{"it takes promises of a log that proves them", func(_ *testing.T, o *monitor.Options) { o.Promises = fstest.MapFS{} }, ""},
		{"it refuses a state that is a folder", func(t *testing.T, o *monitor.Options) {
			if err := os.Mkdir(filepath.Join(o.State, "monitor.json"), 0o700); err != nil {
				t.Fatal(err)
			}
		}, "state"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := newWorld(t).options
			tt.alter(t, &o)
			if _, err := monitor.New(o); (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Error(err)
			}
		})
	}
}

// TestToldWithItsEvidenceKept: what cannot be kept is not told, and is told once
// it can.
func TestToldWithItsEvidenceKept(t *testing.T) {
	w := newWorld(t)
	folder := filepath.Join(w.options.State, "evidence")
	if err := os.WriteFile(folder, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w.lie(show("/log/checkpoint", []byte("x")))
	if _, err := w.monitor.Round(t.Context()); err == nil || len(w.told) != 0 {
		t.Fatalf("%v, told %+v", err, w.told)
	}
	if err := os.Remove(folder); err != nil {
		t.Fatal(err)
	}
	w.open()
	expect(t, w.round(), audit.Checkpoint)
	kept, err := filepath.Glob(filepath.Join(folder, "*.txt"))
	if err != nil || len(kept) != 1 || len(w.told) != 1 {
		t.Errorf("%v, %v, told %+v", kept, err, w.told)
	}
}

func TestStateItCannotTrust(t *testing.T) {
	w := newWorld(t)
	w.hub.add(t, entries(0, 300)...)
	w.round()
	file := filepath.Join(w.options.State, "monitor.json")
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"empty": "", "torn": string(good[:len(good)/2]), "null": `{"lists":{"x":null}}`, "no document": `{"documents":{"x":null}}`, "unknown": `{"x":1}`, "no tree": `{"note":"x"}`,
		"torn tree": `{"note":"x","edge":{"size":255,"edge":{},"note":"x"}}`, "no promises": `{"promise_files":{"x":null}}`, "less than none": `{"promise_files":{"x":{"bytes":-1,"sum":""}}}`, "no finding": `{"found":{"x":null}}`, "no name": `{"found":{"x":{"check":"lie"}}}`,
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := monitor.New(w.options); err == nil || !strings.Contains(err.Error(), "put the folder aside") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.WriteFile(file, good, 0o600); err != nil {
		t.Fatal(err)
	}
	w.open()
	// No folder any more, which stops root as well.
	if err := os.Rename(w.options.State, w.options.State+".aside"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(w.options.State, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := w.monitor.Round(t.Context()); err == nil {
		t.Error("it goes on without keeping what it saw")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := w.monitor.Run(ctx, time.Hour, nil); err == nil {
		t.Error("it runs on without keeping what it saw")
	}
}
