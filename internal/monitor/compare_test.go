package monitor_test

import (
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/govmydata/mydata/internal/monitor"
	"github.com/govmydata/mydata/pkg/audit"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
	"github.com/govmydata/mydata/pkg/tlog"
)

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
	t.Run("it finds a list that nobody's certificate comes with", func(t *testing.T) {
		w, i := start(t)
		i.mu.Lock()
		i.chain = nil
		i.mu.Unlock()
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
		"sub/x":  {Data: []byte("x")},
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

// TestPromiseProvenByAnotherLeaf answers with the proof of a leaf that is there.
func TestPromiseProvenByAnotherLeaf(t *testing.T) {
	w := newWorld(t)
	all := entries(0, 2)
	w.hub.add(t, all[0])
	proof, err := w.hub.log.Proof(t.Context(), all[0])
	if err != nil {
		t.Fatal(err)
	}
	leaf := tlog.LeafHash(all[1])
	w.options.Promises = fstest.MapFS{"p": {Data: fmt.Appendf(nil, "%s 1\n", base64.RawURLEncoding.EncodeToString(leaf[:]))}}
	w.open()
	w.lie(show("/log/proof", proof.Marshal()))
	expect(t, w.round(), audit.Promise)
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

// TestPromisesOutOfReach says of which promises it does not know.
func TestPromisesOutOfReach(t *testing.T) {
	many := fstest.MapFS{}
	for n := range 10_001 {
		many[fmt.Sprint(n)] = &fstest.MapFile{Data: []byte("# none\n")}
	}
	for _, tt := range []struct {
		name  string
		files fs.FS
		says  string
	}{
		{"it finds a folder that is away", os.DirFS(filepath.Join(t.TempDir(), "away")), "promises: "},
		{"it finds more files than it reads", many, "more than 10000"},
		{"it finds a file that is away", os.DirFS(dangling(t)), "promises gone: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.hub.add(t, entries(0, 3)...)
			w.options.Promises = tt.files
			w.open()
			expect(t, w.round(), audit.Unreadable)
			if len(w.told) != 1 || !strings.Contains(w.told[0].Detail, tt.says) {
				t.Errorf("told %+v", w.told)
			}
		})
	}
}

// dangling is a folder whose only file leads nowhere.
func dangling(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	if err := os.Symlink(filepath.Join(folder, "nowhere"), filepath.Join(folder, "gone")); err != nil {
		t.Fatal(err)
	}
	return folder
}

// TestPromiseProvenByNonsense is given something else for a proof: what does not
// prove a leaf in time breaks its promise.
func TestPromiseProvenByNonsense(t *testing.T) {
	w := newWorld(t)
	all := entries(0, 2)
	w.hub.add(t, all...)
	w.round()
	proof, err := w.hub.log.Proof(t.Context(), all[1])
	if err != nil {
		t.Fatal(err)
	}
	note := string(proof.Checkpoint)
	alone, _, _ := strings.Cut(note, "— witness.example")
	unsigned, _, _ := strings.Cut(note, "— hub.example")
	leaf := tlog.LeafHash(all[1])
	w.options.Promises = fstest.MapFS{"p": {Data: fmt.Appendf(nil, "%s 1\n", base64.RawURLEncoding.EncodeToString(leaf[:]))}}
	w.open()
	for _, tt := range []struct{ name, note string }{
		{"it takes no page for a proof", ""},
		{"it takes no proof in what no witness cosigned", alone},
		{"it takes no proof in what the log did not sign", unsigned},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := []byte("<html>")
			if tt.note != "" {
				text = tlog.Proof{Index: proof.Index, Path: proof.Path, Checkpoint: []byte(tt.note)}.Marshal()
			}
			w.lie(show("/log/proof", text))
			expect(t, w.round(), audit.Promise)
		})
	}
	w.lie(nil)
	expect(t, w.round())
}

// TestPromiseProvenAhead has the leaf proven in a checkpoint that is newer than
// the one just read, while the tiles between the two are out of reach: nothing
// follows for the promise.
func TestPromiseProvenAhead(t *testing.T) {
	w := newWorld(t)
	w.hub.add(t, entries(0, 10)...)
	w.round()
	note := w.hub.note(t)
	w.hub.add(t, entries(10, 600)...)
	leaf := tlog.LeafHash(entries(599, 600)[0])
	w.options.Promises = fstest.MapFS{"p": {Data: fmt.Appendf(nil, "%s 1\n", base64.RawURLEncoding.EncodeToString(leaf[:]))}}
	w.open()
	w.lie(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		switch {
		case r.URL.Path == "/log/checkpoint":
			rw.Write(note)
		case strings.HasPrefix(r.URL.Path, "/log/tile/"):
			http.Error(rw, "no", http.StatusBadGateway)
		default:
			next.ServeHTTP(rw, r)
		}
	})
	expect(t, w.round(), audit.Unreadable)
	w.lie(nil)
	expect(t, w.round())
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
	t.Run("it does not call an anchor another's while the log is out of reach", func(t *testing.T) {
		w, l := start(t)
		l.take(t, w.hub)
		w.hub.add(t, entries(300, 600)...)
		expect(t, w.round())
		w.lie(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
			if strings.HasPrefix(r.URL.Path, "/log/tile/") {
				http.Error(rw, "no", http.StatusBadGateway)
				return
			}
			next.ServeHTTP(rw, r)
		})
		expect(t, w.round(), audit.Unreadable)
		w.lie(nil)
		expect(t, w.round())
	})
	t.Run("it misses no anchor that nobody promised", func(t *testing.T) {
		w, _ := start(t)
		w.options.Within = 0
		w.open()
		w.at = w.at.Add(24 * time.Hour)
		expect(t, w.round())
	})
	t.Run("it finds anchors out of reach", func(t *testing.T) {
		w, l := start(t)
		l.err = errors.New("no route")
		expect(t, w.round(), audit.Unreadable)
	})
}
