package crash

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/stage"
	"github.com/govmydata/mydata/pkg/consent"
)

const (
	// readiness is how soon a process that was killed must be ready again.
	readiness = 10 * time.Second
	// patience bounds how long a step may be refused while processes fall.
	patience = 40 * time.Second
	// postgres is the one victim that is no process of ours.
	postgres = "postgres"
)

func TestMain(m *testing.M) {
	code := m.Run()
	stage.RemovePrograms()
	os.Exit(code)
}

// A world is one deployment with its gates, its killer, and everybody who
// walked in it.
type world struct {
	*testing.T
	stage  *stage.Stage
	server *stage.Postgres // of the database; nil when it is SQLite
	gates  *gates
	wire   *wire // to the database; nil when there is none
	trust  consent.Trust
	walks  []*walk

	killing sync.Mutex
	rising  sync.WaitGroup
	mu      sync.Mutex
	kills   int
	struck  map[string]int // how often a process had to become ready again
	slowest time.Duration  // until a process was ready again
	failed  []error        // of starting again
}

// postgresql is a server of our own.
func postgresql(t *testing.T) *stage.Postgres {
	t.Helper()
	server, err := stage.StartPostgres(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// newWorld opens a deployment on SQLite, or on a server of PostgreSQL, reached
// by a wire that breaks, or not.
func newWorld(t *testing.T, server *stage.Postgres, breaking bool) *world {
	t.Helper()
	w := &world{T: t, server: server, struck: map[string]int{}}
	options := stage.Options{Behind: behind}
	var err error
	if server != nil {
		if options.Database, err = server.Database(t.Context(), "crash"); err != nil {
			t.Fatal(err)
		}
	}
	if breaking {
		w.wire, options.Database = newWire(t, options.Database)
	}
	if w.stage, err = stage.New(t.Context(), options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.rising.Wait()
		if t.Failed() {
			t.Log(tail(w.stage.Errors()))
		}
		if err := w.stage.Close(); err != nil && !t.Failed() {
			t.Error(err)
		}
	})
	w.gates = openGates(t, w.stage, w.strike)
	if err := w.stage.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w.trust, err = consent.LoadTrust(os.DirFS(w.stage.Path("trust"))); err != nil {
		t.Fatal(err)
	}
	return w
}

func tail(text string) string { return text[max(0, len(text)-4000):] }

// strike is kill -9 and, at once, a start on the same data.
func (w *world) strike(victim string) {
	w.killing.Lock()
	defer w.killing.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 2*readiness)
	defer cancel()
	awaited := victim
	if victim == postgres {
		awaited = stage.IDP
	}
	w.mu.Lock()
	w.kills++
	w.struck[awaited]++
	nth := w.struck[awaited]
	w.mu.Unlock()
	if victim == postgres {
		w.server.Kill()
	} else {
		w.note(w.stage.Kill(victim))
	}
	began := time.Now()
	if victim == postgres {
		w.note(w.server.Start(ctx))
	} else {
		w.note(w.stage.Start(victim))
	}
	w.rising.Go(func() { w.rise(awaited, nth, began) })
}

// rise waits until a process is ready, if it is not killed again meanwhile.
func (w *world) rise(name string, nth int, began time.Time) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*readiness)
	defer cancel()
	err := w.stage.Wait(ctx, name)
	took := time.Since(began)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.struck[name] != nth {
		return
	}
	w.slowest = max(w.slowest, took)
	if err == nil && took > readiness {
		err = fmt.Errorf("%s was ready after %s", name, took)
	}
	if err != nil {
		w.failed = append(w.failed, err)
	}
}

func (w *world) note(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.failed = append(w.failed, err)
	}
}

// risen waits until whatever was killed is ready again.
func (w *world) risen() {
	w.Helper()
	w.rising.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := errors.Join(w.failed...); err != nil {
		w.Fatalf("after a kill: %v", err)
	}
}

// until tries until it is acknowledged.
func (w *world) until(what string, try func(context.Context) error) {
	w.Helper()
	var tried []string
	pause := 10 * time.Millisecond
	for end := time.Now().Add(patience); ; time.Sleep(pause) {
		err := try(w.Context())
		if err == nil {
			break
		}
		tried, pause = append(tried, err.Error()), min(pause*5/4, time.Second)
		if time.Now().After(end) || w.Context().Err() != nil {
			w.Fatalf("%s: given up after %d tries:\n%s", what, len(tried), strings.Join(slices.Compact(tried), "\n"))
		}
	}
}
