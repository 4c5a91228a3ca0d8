package hostile_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govmydata/mydata/conformance/citizen"
)

// state is all that could have changed, by its address.
type state map[string]string

// lastUsed is the one thing that a refused attempt may leave on a dashboard: the
// passkey was used to log in before it.
var lastUsed = regexp.MustCompile(`,?"(last_used|current)":("[^"]*"|true|false)`)

// look reads how large the log is, which grows by every change, and what kim
// sees, in whose name most is attempted; whole reads all there is.
func (w *world) look(t testing.TB, whole bool) state {
	t.Helper()
	var lock sync.Mutex
	var group sync.WaitGroup
	s := state{}
	read := func(what string, how func() string) {
		group.Go(func() {
			text := how()
			lock.Lock()
			defer lock.Unlock()
			s[what] = text
		})
	}
	people, paths := []*person{w.kim}, []string{"/me", "/me/consents"}
	if whole {
		people, paths = append(people, w.lee), append(paths, "/me/passkeys", "/me/history")
		read("the insurer's releases", func() string { return get(t, w.insurer+"/", "Accept", "text/html").body })
	}
	read("the log", func() string { return w.logSize(t) })
	for _, p := range people {
		for _, path := range paths {
			read(p.Name+path, func() string {
				return status(as(t, p.watcher, http.MethodGet, w.hub+path, "", ""))
			})
		}
		if whole {
			read(p.Name+" at the licence office", func() string { return page(t, p.watcher, w.licence+"/") })
		}
	}
	group.Wait()
	return s
}

// status is what a dashboard shows, less when the passkey was used.
func status(a answer) string {
	return fmt.Sprint(a.status, lastUsed.ReplaceAllString(a.body, ""))
}

func page(t testing.TB, c *citizen.Citizen, address string) string {
	t.Helper()
	p, err := c.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	return string(p.Body)
}

// logSize is the second line of the checkpoint (C2SP tlog-checkpoint).
func (w *world) logSize(t testing.TB) string {
	t.Helper()
	lines := strings.Split(get(t, w.hub+"/log/checkpoint").body, "\n")
	if len(lines) < 3 {
		t.Fatalf("checkpoint: %q", lines)
	}
	return lines[1]
}

// settle waits until the log has taken everything, and remembers the state:
// what was done before was preparation.
func (w *world) settle(t testing.TB) {
	t.Helper()
	for last, same := "", 0; same < 5; time.Sleep(160 * time.Millisecond) { // a checkpoint comes every 200 ms, or later on a busy machine
		if size := w.logSize(t); size == last {
			same++
		} else {
			last, same = size, 0
		}
	}
	w.before = w.look(t, true)
	for what, is := range w.before {
		if strings.HasPrefix(what, "resident") && strings.Contains(what, "/me") && !strings.HasPrefix(is, "200") {
			t.Fatalf("%s: %s", what, is)
		}
	}
}

// unchanged holds the state to what it was.
func (w *world) unchanged(t testing.TB, whole bool) {
	t.Helper()
	for what, is := range w.look(t, whole) {
		if diff := cmp.Diff(w.before[what], is); diff != "" {
			t.Errorf("the attempt changed %s:\n%s", what, diff)
			w.before[what] = is
		}
	}
}

// quiet looks at everything once more when the log had time to grow.
func (w *world) quiet(t *testing.T) {
	time.Sleep(300 * time.Millisecond)
	w.unchanged(t, true)
}

// into reads JSON that must be good.
func into[T any](t testing.TB, a answer) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(a.body), &v); err != nil || a.status/100 != 2 {
		t.Fatalf("%d %v\n%s", a.status, err, short(a.body))
	}
	return v
}
