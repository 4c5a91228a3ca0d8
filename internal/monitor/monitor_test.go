package monitor_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
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

// TestAnotherOrigin shows a checkpoint of another log that the policy takes as
// well.
func TestAnotherOrigin(t *testing.T) {
	w := newWorld(t)
	key := ed25519.NewKeyFromSeed(append(make([]byte, ed25519.SeedSize-1), 3))
	signer, err := tlog.NewSigner("other.example", key)
	if err != nil {
		t.Fatal(err)
	}
	note, err := tlog.NewCheckpoint(signer, 0, tlog.EmptyRoot)
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
	w.options.Policy.Logs = append(w.options.Policy.Logs, tlog.Log{Key: tlog.LogKey("other.example", key.Public().(ed25519.PublicKey))})
	w.open()
	w.lie(show("/log/checkpoint", note))
	expect(t, w.round(), audit.Checkpoint)
	if len(w.told) != 1 || w.told[0].Detail != "it is of other.example" {
		t.Errorf("told %+v", w.told)
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
	if err := w.monitor.Run(ctx, time.Hour, func(monitor.Report) { t.Error("it reports what was cut short") }); err != nil || len(w.told) != 0 {
		t.Errorf("%v, told %+v", err, w.told)
	}
}
