package monitor_test

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
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
	"github.com/govmydata/mydata/pkg/credential/statuslist"
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

func TestStatusLists(t *testing.T) {
	good, revoked, other := make([]byte, 64), append(make([]byte, 63), 1), append(make([]byte, 63), 2)
	start := func(t *testing.T) (*world, *issuer) {
		w := newWorld(t)
		i := newIssuer(t, func() time.Time { return w.at })
		w.options.Lists = monitor.Served{Client: &statuslist.Client{Development: true}}
		w.open()
		w.hub.add(t, i.says(t, 1, good))
		expect(t, w.round())
		return w, i
	}
	t.Run("it takes a new content before its leaf, for a while", func(t *testing.T) {
		w, i := start(t)
		i.serve(revoked, false)
		expect(t, w.round())
		w.hub.add(t, i.says(t, 2, revoked))
		w.at = w.at.Add(time.Hour)
		expect(t, w.round())
	})
	t.Run("it finds a content that the log never gets", func(t *testing.T) {
		w, i := start(t)
		i.serve(revoked, false)
		expect(t, w.round())
		w.open()
		w.at = w.at.Add(2 * time.Minute)
		expect(t, w.round(), audit.StatusList)
		if len(w.told) != 1 || !strings.Contains(w.told[0].Detail, "says nothing") {
			t.Errorf("told %+v", w.told)
		}
	})
	t.Run("it finds a list that hides a revocation", func(t *testing.T) {
		w, i := start(t)
		w.hub.add(t, i.says(t, 3, revoked), i.says(t, 2, other)) // in any order
		w.at = w.at.Add(2 * time.Minute)
		expect(t, w.round(), audit.StatusList)
		if len(w.told) != 1 || !strings.Contains(w.told[0].Detail, "before version 3") {
			t.Errorf("told %+v", w.told)
		}
		i.serve(revoked, false)
		expect(t, w.round())
	})
	t.Run("it finds a list out of reach", func(t *testing.T) {
		w, i := start(t)
		i.serve(good, true)
		expect(t, w.round(), audit.Unreadable)
	})
	t.Run("it finds two contents of one version", func(t *testing.T) {
		w, i := start(t)
		w.hub.add(t, i.says(t, 1, revoked))
		expect(t, w.round(), audit.Unsaid)
	})
	t.Run("it finds a list whose signer nobody vouches for", func(t *testing.T) {
		w, _ := start(t)
		w.options.Lists = monitor.Served{Client: &statuslist.Client{Development: true}, Roots: x509.NewCertPool()}
		w.open()
		expect(t, w.round(), audit.StatusList)
	})
	t.Run("it reaches no private network", func(t *testing.T) {
		w, _ := start(t)
		w.options.Lists = monitor.Served{Client: &statuslist.Client{}}
		w.open()
		expect(t, w.round(), audit.StatusList)
		if !strings.Contains(w.told[0].Detail, "not https") {
			t.Errorf("told %+v", w.told)
		}
	})
}

func TestPromises(t *testing.T) {
	w := newWorld(t)
	all := entries(0, 3)
	w.hub.add(t, all[0])
	line := func(entry []byte, at time.Time) string {
		leaf := tlog.LeafHash(entry)
		return fmt.Sprintf("%s %d\n", base64.RawURLEncoding.EncodeToString(leaf[:]), at.Unix())
	}
	files := fstest.MapFS{
		"kept":   {Data: []byte("# mine\n\n" + line(all[0], w.at))},
		"broken": {Data: []byte(line(all[1], w.at.Add(time.Minute)))},
		".part":  {Data: []byte("x")},
	}
	w.options.Promises = files
	w.open()
	expect(t, w.round()) // due in a minute
	w.at = w.at.Add(2 * time.Minute)
	expect(t, w.round(), audit.Promise)
	w.open()
	expect(t, w.round(), audit.Promise)
	w.hub.add(t, all[1]) // too late
	expect(t, w.round())
	if len(w.told) != 1 || w.told[0].Check != audit.Promise || w.told[0].Evidence[0]+"\n" != line(all[1], w.at.Add(-time.Minute)) {
		t.Errorf("told %+v", w.told)
	}
	files["bad"] = &fstest.MapFile{Data: []byte("a.b.c\n")}
	expect(t, w.round(), audit.Unreadable)
	delete(files, "bad")
	files["due"] = &fstest.MapFile{Data: []byte(line(all[2], w.at.Add(-time.Hour)))}
	w.lie(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.URL.Path == "/log/proof" {
			http.Error(rw, "no", http.StatusBadGateway)
			return
		}
		next.ServeHTTP(rw, r)
	})
	expect(t, w.round(), audit.Unreadable) // nothing follows for the promise
}

// TestPromiseProvenElsewhere has the leaf proven in a fork that the same witness
// cosigned.
func TestPromiseProvenElsewhere(t *testing.T) {
	w := newWorld(t)
	w.hub.add(t, entries(0, 10)...)
	w.round()
	other := w.operator.hub(t)
	other.add(t, entries(5, 15)...)
	leaf := tlog.LeafHash(entries(14, 15)[0])
	w.options.Promises = fstest.MapFS{"p": {Data: fmt.Appendf(nil, "%s 1\n", base64.RawURLEncoding.EncodeToString(leaf[:]))}}
	w.open()
	w.lie(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.URL.Path == "/log/proof" {
			next = other.face
		}
		next.ServeHTTP(rw, r)
	})
	expect(t, w.round(), audit.TwoLogs, audit.Promise)
}

func TestAnchors(t *testing.T) {
	start := func(t *testing.T) (*world, *ledger) {
		w, l := newWorld(t), &ledger{}
		w.options.Anchors, w.options.Within = l, 10*time.Minute
		w.open()
		w.hub.add(t, entries(0, 300)...)
		expect(t, w.round())
		return w, l
	}
	t.Run("it takes a log that rests, anchored", func(t *testing.T) {
		w, l := start(t)
		l.take(t, w.hub)
		for range 3 {
			w.at = w.at.Add(time.Hour)
			expect(t, w.round())
		}
	})
	t.Run("it finds that nothing was anchored", func(t *testing.T) {
		w, _ := start(t)
		w.at = w.at.Add(11 * time.Minute)
		expect(t, w.round(), audit.Missed)
	})
	t.Run("it finds an anchor that lags", func(t *testing.T) {
		w, l := start(t)
		l.take(t, w.hub)
		expect(t, w.round())
		w.at = w.at.Add(time.Hour)
		w.hub.add(t, entries(300, 310)...)
		expect(t, w.round())
		w.at = w.at.Add(6 * time.Minute)
		w.hub.add(t, entries(310, 320)...)
		expect(t, w.round())
		w.open()
		w.at = w.at.Add(6 * time.Minute)
		expect(t, w.round(), audit.Missed)
		l.take(t, w.hub)
		expect(t, w.round())
	})
	t.Run("it finds an anchor of another log", func(t *testing.T) {
		w, l := start(t)
		other := w.operator.hub(t)
		other.add(t, entries(1000, 1200)...)
		l.take(t, other)
		expect(t, w.round(), audit.Anchor)
	})
	t.Run("it finds a log set back behind its anchor", func(t *testing.T) {
		w, l := start(t)
		l.anchor = monitor.Anchor{Origin: "hub.example/log", Size: 500, Root: tlog.Hash{1}}
		expect(t, w.round()) // may be newer than the checkpoint just read
		expect(t, w.round(), audit.Anchor)
	})
	t.Run("it finds an anchor that does not verify", func(t *testing.T) {
		w, l := start(t)
		l.err = fmt.Errorf("%w: signature", monitor.ErrUnproven)
		expect(t, w.round(), audit.Anchor)
	})
	t.Run("it finds an anchor of another origin", func(t *testing.T) {
		w, l := start(t)
		l.take(t, w.hub)
		l.anchor.Origin = "other.example"
		expect(t, w.round(), audit.Anchor)
	})
	t.Run("it finds anchors out of reach", func(t *testing.T) {
		w, l := start(t)
		l.err = errors.New("no route")
		expect(t, w.round(), audit.Unreadable)
	})
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
		"empty": "", "torn": string(good[:len(good)/2]), "null": `{"lists":{"x":null}}`, "unknown": `{"x":1}`, "no tree": `{"note":"x"}`,
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
	if err := os.Chmod(w.options.State, 0o500); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(w.options.State, 0o700)
	w.open()
	if os.Geteuid() == 0 {
		t.Skip("root writes everywhere")
	}
	if _, err := w.monitor.Round(t.Context()); err == nil {
		t.Error("it goes on without keeping what it saw")
	}
}
