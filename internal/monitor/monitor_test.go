package monitor_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/govmydata/mydata/internal/monitor"
	"github.com/govmydata/mydata/pkg/audit"
	"github.com/govmydata/mydata/pkg/tlog"
)

func expect(t *testing.T, got []audit.Check, want ...audit.Check) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("it finds %q, want %q", got, want)
	}
}

func TestFollow(t *testing.T) {
	w := newWorld(t)
	w.hub.add(t, entries(0, 300)...)
	expect(t, w.round())
	w.hub.add(t, entries(300, 700)...)
	expect(t, w.round())
	w.open() // a restart
	w.hub.add(t, entries(700, 701)...)
	expect(t, w.round())
	report, err := w.monitor.Round(t.Context())
	if err != nil || report.Size != 701 || len(report.Witnesses) != 1 || report.First() != nil || len(w.told) != 0 {
		t.Errorf("%+v, %v, told %v", report, err, w.told)
	}
}

// TestLiars shows a monitor that has followed a log to 300 entries one lie each,
// three times: it has to be found each time, and told once, also after a restart.
//
//clause:log tlog-checkpoint, tlog-tiles as a reader: consistency (RFC 6962, 2.1.2), partial tiles that are gone
func TestLiars(t *testing.T) {
	for _, tt := range []struct {
		name  string
		lie   func(w *world)
		want  audit.Check
		notes int
	}{
		{"it finds a log set back", func(w *world) {
			other := w.operator.hub(w.T)
			other.add(w.T, entries(0, 100)...)
			w.serve(other)
		}, audit.RolledBack, 2},
		{"it finds another log of the same size", func(w *world) {
			other := w.operator.hub(w.T)
			other.add(w.T, entries(1000, 1300)...)
			w.serve(other)
		}, audit.TwoLogs, 2},
		{"it finds a fork that grew", func(w *world) {
			other := w.operator.hub(w.T)
			other.add(w.T, entries(0, 299)...)
			other.add(w.T, entries(1000, 1100)...)
			w.serve(other)
		}, audit.TwoLogs, 2},
		{"it finds an altered entry", func(w *world) {
			w.hub.add(w.T, entries(300, 400)...)
			w.lie(flipped("/log/tile/entries/001.p/144", 5000))
		}, audit.Entry, 1},
		{"it finds an altered tile", func(w *world) {
			w.hub.add(w.T, entries(300, 400)...)
			w.lie(flipped("/log/tile/0/001.p/144", 4000))
		}, audit.Tile, 0},
		{"it finds an altered tile above", func(w *world) {
			w.hub.add(w.T, entries(300, 600)...)
			w.lie(flipped("/log/tile/1/000.p/2", 33))
		}, audit.Tile, 0},
		{"it finds what nobody signed", func(w *world) {
			w.lie(show("/log/checkpoint", []byte("hub.example/log\n5\n"+tlog.EmptyRoot.String()+"\n\n")))
		}, audit.Checkpoint, 1},
		{"it finds nonsense for a checkpoint", func(w *world) { w.lie(show("/log/checkpoint", []byte("<html>"))) }, audit.Checkpoint, 1},
		{"it finds an endless checkpoint", func(w *world) { w.lie(show("/log/checkpoint", make([]byte, 1<<20))) }, audit.Checkpoint, 1},
		{"it finds a checkpoint without witnesses", func(w *world) {
			note, _, _ := strings.Cut(string(w.hub.note(w.T)), "— witness.example")
			w.lie(show("/log/checkpoint", []byte(note)))
		}, audit.Unwitnessed, 1},
		{"it finds a log out of reach", func(w *world) {
			w.lie(func(rw http.ResponseWriter, _ *http.Request, _ http.Handler) {
				http.Error(rw, "no", http.StatusBadGateway)
			})
		}, audit.Unreadable, 0},
		{"it finds a missing bundle", func(w *world) {
			w.hub.add(w.T, entries(300, 400)...)
			w.lie(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
				if strings.Contains(r.URL.Path, "entries") {
					http.NotFound(rw, r)
					return
				}
				next.ServeHTTP(rw, r)
			})
		}, audit.Unreadable, 0},
		{"it finds a tile above the lowest out of reach", func(w *world) {
			w.hub.add(w.T, entries(300, 600)...)
			w.lie(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
				if strings.Contains(r.URL.Path, "/tile/1/") {
					http.Error(rw, "no", http.StatusBadGateway)
					return
				}
				next.ServeHTTP(rw, r)
			})
		}, audit.Unreadable, 0},
		{"it finds a checkpoint that no witness cosigned for long", func(w *world) { w.at = w.at.Add(3 * time.Hour) }, audit.Stale, 1},
		{"it finds a witness whose clock is ahead", func(w *world) { w.at = w.at.Add(-3 * time.Hour) }, audit.Stale, 1},
		{"it finds a statement that says nothing", func(w *world) { w.hub.add(w.T, []byte("\x02{\"kind\":1}")) }, audit.Unsaid, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.options.StaleAfter = time.Hour
			w.open()
			w.hub.add(t, entries(0, 300)...)
			expect(t, w.round())
			tt.lie(w)
			expect(t, w.round(), tt.want)
			w.open()
			if tt.want != audit.Unsaid { // said once, when the entry was read
				expect(t, w.round(), tt.want)
				expect(t, w.round(), tt.want)
			}
			if len(w.told) != 1 || w.told[0].Check != tt.want || w.told[0].Log != "hub.example/log" || len(w.told[0].Evidence) != tt.notes {
				t.Fatalf("told %+v", w.told)
			}
			kept, err := filepath.Glob(filepath.Join(w.options.State, "evidence", "*.txt"))
			if err != nil || len(kept) != tt.notes {
				t.Errorf("evidence kept: %v, %v", kept, err)
			}
		})
	}
}

func flipped(path string, at int) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.URL.Path != path {
			next.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(flipper{w, at}, r)
	}
}

type flipper struct {
	http.ResponseWriter
	at int
}

func (f flipper) Write(data []byte) (int, error) {
	data = slices.Clone(data)
	data[min(f.at, len(data)-1)] ^= 1
	return f.ResponseWriter.Write(data)
}

// TestItIsToldAgain: what ended and begins anew is told anew; what can never be
// undone is told once.
func TestItIsToldAgain(t *testing.T) {
	w := newWorld(t)
	w.hub.add(t, entries(0, 10)...)
	w.round()
	away := func(rw http.ResponseWriter, _ *http.Request, _ http.Handler) {
		http.Error(rw, "no", http.StatusBadGateway)
	}
	for range 2 {
		w.lie(away)
		expect(t, w.round(), audit.Unreadable)
		w.lie(nil)
		expect(t, w.round())
	}
	honest := w.hub
	other := w.operator.hub(t)
	other.add(t, entries(0, 5)...)
	for range 2 {
		w.serve(other)
		expect(t, w.round(), audit.RolledBack)
		w.serve(honest)
		expect(t, w.round())
	}
	if len(w.told) != 3 {
		t.Errorf("told %+v", w.told)
	}
}

// TestPatience tells of what is out of reach after a while alone.
func TestPatience(t *testing.T) {
	w := newWorld(t)
	w.options.Patience = time.Minute
	w.open()
	w.lie(func(rw http.ResponseWriter, _ *http.Request, _ http.Handler) {
		http.Error(rw, "no", http.StatusBadGateway)
	})
	expect(t, w.round(), audit.Unreadable)
	if len(w.told) != 0 {
		t.Fatalf("told %+v", w.told)
	}
	w.at = w.at.Add(time.Minute)
	w.round()
	if len(w.told) != 1 {
		t.Errorf("told %+v", w.told)
	}
}

// TestToldUntilItSucceeds: an alert that could not be told is told later.
func TestToldUntilItSucceeds(t *testing.T) {
	w := newWorld(t)
	tell := w.options.Tell
	w.options.Tell = func(context.Context, monitor.Alert) error { return errors.New("no mail today") }
	w.open()
	w.lie(show("/log/checkpoint", []byte("x")))
	w.round()
	w.options.Tell = tell
	w.open()
	w.round()
	w.round()
	if len(w.told) != 1 {
		t.Errorf("told %+v", w.told)
	}
}

// TestItDoesNotMoveToTheUnwitnessed: what no quorum vouches for is compared, and
// never remembered.
func TestItDoesNotMoveToTheUnwitnessed(t *testing.T) {
	w := newWorld(t)
	w.hub.add(t, entries(0, 10)...)
	w.round()
	w.hub.add(t, entries(10, 20)...)
	note, _, _ := strings.Cut(string(w.hub.note(t)), "— witness.example")
	w.lie(show("/log/checkpoint", []byte(note)))
	report, err := w.monitor.Round(t.Context())
	if err != nil || report.Size != 10 || report.Findings[0].Check != audit.Unwitnessed || report.First() == nil {
		t.Errorf("%+v, %v", report, err)
	}
}

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

func TestRunEndsWithItsContext(t *testing.T) {
	w := newWorld(t)
	w.hub.add(t, entries(0, 3)...)
	ctx, cancel := context.WithCancel(t.Context())
	rounds := 0
	err := w.monitor.Run(ctx, time.Millisecond, func(monitor.Report) {
		if rounds++; rounds == 3 {
			cancel()
		}
	})
	if err != nil || rounds < 3 {
		t.Errorf("%d rounds, %v", rounds, err)
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
		"torn tree": `{"note":"x","edge":{"size":255,"edge":{},"note":"x"}}`, "no finding": `{"found":{"x":null}}`, "no name": `{"found":{"x":{"check":"lie"}}}`,
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
}
