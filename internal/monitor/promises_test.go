package monitor_test

import (
	"encoding/base64"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/govmydata/mydata/pkg/audit"
	"github.com/govmydata/mydata/pkg/tlog"
)

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

// TestPromisesKeptAreFew: what was kept is not asked again as long as its file goes on
// as it was, takes a bit of the state, and is forgotten with its file.
func TestPromisesKeptAreFew(t *testing.T) {
	w := newWorld(t)
	all := entries(0, 1000)
	w.hub.add(t, all...)
	line := func(n int) string {
		leaf := tlog.LeafHash(all[n])
		return fmt.Sprintf("%s %d\n", base64.RawURLEncoding.EncodeToString(leaf[:]), w.at.Add(time.Hour).Unix())
	}
	var text strings.Builder
	for n := range 990 {
		text.WriteString(line(n))
	}
	files := fstest.MapFS{"many": {Data: []byte(text.String())}}
	w.options.Promises = files
	asked := 0
	w.lie(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.URL.Path == "/log/proof" {
			asked++
		}
		next.ServeHTTP(rw, r)
	})
	state := func() int {
		text, err := os.ReadFile(filepath.Join(w.options.State, "monitor.json"))
		if err != nil {
			t.Fatal(err)
		}
		return len(text)
	}
	expect(t, w.round())
	empty := state()
	for _, c := range []struct {
		name string
		text string // of the file; none: it is gone
		asks int
		kept int
	}{
		{"it asks for each", text.String(), 990, 990},
		{"it asks for none again", text.String(), 0, 990},
		{"it asks for what a file goes on with", text.String() + line(990) + line(991), 2, 992},
		{"it asks for all of what was written anew", line(3) + line(4), 2, 2},
		{"it forgets with the file", "", 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if files["many"] = (&fstest.MapFile{Data: []byte(c.text)}); c.text == "" {
				delete(files, "many")
			}
			asked = 0
			w.open()
			report, err := w.monitor.Round(t.Context())
			if err != nil || asked != c.asks || report.Promises != c.kept || len(report.Findings) != 0 {
				t.Errorf("asked for %d, %d kept, found %v, %v", asked, report.Promises, report.Findings, err)
			}
			if more := state() - empty; more > 300 {
				t.Errorf("it remembers %d bytes of them", more)
			}
		})
	}
	t.Run("it takes over what an older monitor remembered", func(t *testing.T) {
		name := filepath.Join(w.options.State, "monitor.json")
		old, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		leaf, _, _ := strings.Cut(line(7), " ")
		if err := os.WriteFile(name, []byte(strings.Replace(string(old), "{", `{"promises":{"`+leaf+`":1},`, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		files["one"] = &fstest.MapFile{Data: []byte(line(7))}
		asked = 0
		w.open()
		if report, err := w.monitor.Round(t.Context()); err != nil || asked != 0 || report.Promises != 1 {
			t.Errorf("asked for %d, %d kept, %v", asked, report.Promises, err)
		}
		w.open()
		if report, err := w.monitor.Round(t.Context()); err != nil || asked != 0 || report.Promises != 1 {
			t.Errorf("later it asked for %d, %d kept, %v", asked, report.Promises, err)
		}
	})
	t.Run("it remembers what was kept of a file that it cannot read for once", func(t *testing.T) {
		files["one"] = &fstest.MapFile{Data: []byte(line(7) + "torn")}
		expect(t, w.round(), audit.Unreadable)
		files["one"] = &fstest.MapFile{Data: []byte(line(7))}
		if expect(t, w.round()); asked != 0 {
			t.Errorf("asked for %d", asked)
		}
	})
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

// TestPromiseProvenBeyond has leaves proven in continuations of the log, of which
// there may be one for each reader, while the log that everybody follows rests.
func TestPromiseProvenBeyond(t *testing.T) {
	w := newWorld(t)
	w.hub.add(t, entries(0, 10)...)
	expect(t, w.round())
	other := w.operator.hub(t)
	other.add(t, entries(0, 10)...)
	other.add(t, entries(90, 91)...)
	leaf := tlog.LeafHash(entries(90, 91)[0])
	w.options.Promises = fstest.MapFS{"p": {Data: fmt.Appendf(nil, "%s %d\n", base64.RawURLEncoding.EncodeToString(leaf[:]), w.at.Add(time.Minute).Unix())}}
	w.open()
	note, shown := w.hub.note(t), http.StatusOK
	w.lie(func(rw http.ResponseWriter, r *http.Request, _ http.Handler) {
		if r.URL.Path == "/log/checkpoint" {
			rw.WriteHeader(shown)
			rw.Write(note)
			return
		}
		other.face.ServeHTTP(rw, r)
	})
	expect(t, w.round()) // due in a minute: the log may have it by then
	w.at, shown = w.at.Add(2*time.Minute), http.StatusBadGateway
	expect(t, w.round(), audit.Unreadable, audit.Unreadable) // the log, and so the promise
	w.at, shown = w.at.Add(time.Minute), http.StatusOK
	expect(t, w.round(), audit.Promise)
	note = other.note(t)
	expect(t, w.round())
	if len(w.told) != 3 || !strings.Contains(w.told[2].Detail, "size 11 alone, and the log shows 10") {
		t.Errorf("told %+v", w.told)
	}
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
