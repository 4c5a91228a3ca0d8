package sdk

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"sync"
	"testing"
)

var errDead = errors.New("the process is dead")

// A life is what a process does to the world, step by step: each write of its
// journal, each request it sends, each answer it gives. It dies at one of them:
// before, so that it is lost, or after, so that it is kept and nobody heard.
type life struct {
	mu    sync.Mutex
	left  int
	kept  bool
	dead  bool
	steps []string
	end   context.CancelFunc
}

// until is a context that ends with the life: the dead do not wait to try again.
func (l *life) until(ctx context.Context) context.Context {
	ctx, l.end = context.WithCancel(ctx)
	return ctx
}

func (l *life) step(name string, do func() error) error {
	l.mu.Lock()
	if l.dead {
		l.mu.Unlock()
		return errDead
	}
	l.steps = append(l.steps, name)
	l.left--
	dies := l.left < 0
	l.dead = dies
	l.mu.Unlock()
	if !dies || l.kept {
		if err := do(); !dies {
			return err
		}
	}
	if l.end != nil {
		l.end()
	}
	return errDead
}

func (l *life) over() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dead
}

// last is where it died.
func (l *life) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.steps[len(l.steps)-1]
}

// mortalJournal is a journal of a process that dies.
type mortalJournal struct {
	Journal
	*life
}

func (j mortalJournal) Create(ctx context.Context, e Entry) error {
	return j.step("create "+e.Kind, func() error { return j.Journal.Create(ctx, e) })
}

func (j mortalJournal) Put(ctx context.Context, e Entry) error {
	return j.step("put "+e.Kind, func() error { return j.Journal.Put(ctx, e) })
}

func (j mortalJournal) Delete(ctx context.Context, kind, key string) error {
	return j.step("delete "+kind, func() error { return j.Journal.Delete(ctx, kind, key) })
}

func (j mortalJournal) Get(ctx context.Context, kind, key string) (Entry, error) {
	if j.over() {
		return Entry{}, errDead
	}
	return j.Journal.Get(ctx, kind, key)
}

func (j mortalJournal) List(ctx context.Context, kind string) ([]Entry, error) {
	if j.over() {
		return nil, errDead
	}
	return j.Journal.List(ctx, kind)
}

// mortalNetwork is the line of a process that dies.
type mortalNetwork struct {
	http.RoundTripper
	*life
}

func (n mortalNetwork) RoundTrip(r *http.Request) (res *http.Response, err error) {
	err = n.step("call "+r.URL.Path, func() (err error) {
		res, err = n.RoundTripper.RoundTrip(r) //nolint:bodyclose // whoever asked closes it; the dead do not
		return err
	})
	if err != nil {
		return nil, err
	}
	return res, nil
}

// mortalHandler gives its answers on such a line.
type mortalHandler struct {
	http.Handler
	*life
}

func (h mortalHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h.over() {
		http.Error(w, errDead.Error(), http.StatusBadGateway)
		return
	}
	held := &heldAnswer{header: http.Header{}, status: http.StatusOK}
	h.Handler.ServeHTTP(held, r.WithContext(h.until(r.Context())))
	if h.step("answer", func() error { return nil }) != nil {
		http.Error(w, errDead.Error(), http.StatusBadGateway) // as a load balancer says
		return
	}
	for name, values := range held.header {
		w.Header()[name] = values
	}
	w.WriteHeader(held.status)
	_, _ = w.Write(held.body)
}

type heldAnswer struct {
	header http.Header
	status int
	body   []byte
}

func (a *heldAnswer) Header() http.Header    { return a.header }
func (a *heldAnswer) WriteHeader(status int) { a.status = status }
func (a *heldAnswer) Write(b []byte) (int, error) {
	a.body = append(a.body, b...)
	return len(b), nil
}

// journalsOf are the kinds of journal; each answers a function that opens it again,
// as a process that is started again does.
func journalsOf(t *testing.T) map[string]func(*testing.T) func() Journal {
	t.Helper()
	return map[string]func(*testing.T) func() Journal{
		"file": func(t *testing.T) func() Journal {
			path := filepath.Join(t.TempDir(), "journal")
			var last io.Closer = io.NopCloser(nil)
			return func() Journal {
				last.Close()
				j := openJournal(t, path)
				last = j
				return j
			}
		},
		"SQL": func(t *testing.T) func() Journal {
			u := url.URL{Scheme: "file", Path: filepath.Join(t.TempDir(), "journal.db"), // of the name of a test, which may hold #
				RawQuery: "_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)&_pragma=busy_timeout(10000)&_txlock=immediate"}
			dsn := u.String()
			return func() Journal {
				db, err := sql.Open("sqlite", dsn)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { db.Close() })
				j, err := OpenSQLJournal(t.Context(), db)
				if err != nil {
					t.Fatal(err)
				}
				return j
			}
		},
	}
}

// bear makes a provider on a journal, which dies when its life ends; nil: it lives.
func (f *fixture) bear(j Journal, l *life) *Provider {
	f.Helper()
	c := f.provider.config
	c.Journal = j
	if l != nil {
		c.Journal = mortalJournal{j, l}
	}
	p, err := NewProvider(c)
	if err != nil {
		f.Fatal(err)
	}
	p.net.client.Transport = f.route
	f.provider, f.route.hosts["insurer.example"] = p, p
	if l != nil {
		p.net.client.Transport = mortalNetwork{f.route, l}
		f.route.hosts["insurer.example"] = mortalHandler{p, l}
	}
	return p
}

// raise makes a consumer, likewise.
func (f *fixture) raise(j Journal, l *life) *Consumer {
	f.Helper()
	c := f.consumer.config
	c.Journal = j
	if l != nil {
		c.Journal = mortalJournal{j, l}
	}
	consumer, err := NewConsumer(c)
	if err != nil {
		f.Fatal(err)
	}
	consumer.net.client.Transport = f.route
	if l != nil {
		consumer.net.client.Transport = mortalNetwork{f.route, l}
	}
	f.consumer = consumer
	return consumer
}
