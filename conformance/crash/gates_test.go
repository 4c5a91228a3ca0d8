package crash

import (
	"bytes"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/stage"
)

// behind is how far above a process its gate listens.
const behind = 20

// A snare is sprung by the first request that fits it, once.
type snare struct {
	at       string // process at whose gate it lies
	method   string
	path     string // pattern of path.Match
	step     string // of the story; "" for any
	answered bool   // sprung when the process has said yes, before the caller hears it; else before it hears the request
	victim   string
}

// A passage is a request that was carried out.
type passage struct {
	at     string
	method string
	url    url.URL // path and query
	header http.Header
	body   []byte
	status int
}

// gates stand before every process of a stage: whoever speaks to one speaks
// through its gate.
type gates struct {
	strike  func(victim string)
	servers []*http.Server

	mu     sync.Mutex
	step   string // under way
	snares []snare
	passed []passage
}

// openGates begins to listen where the stage says that its processes are.
func openGates(t *testing.T, s *stage.Stage, strike func(victim string)) *gates {
	g := &gates{strike: strike}
	for _, name := range stage.Names() {
		l, err := stage.Listen(s.Port(name) + behind)
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{Handler: g.before(name, s.Addr(name)), ReadHeaderTimeout: 10 * time.Second,
			ErrorLog: log.New(io.Discard, "", 0)}
		g.servers = append(g.servers, server)
		go server.Serve(l)
	}
	t.Cleanup(func() {
		for _, s := range g.servers {
			s.Close()
		}
	})
	return g
}

// before forwards to a process. A process that does not answer whole is a
// connection that breaks.
func (g *gates) before(name, addr string) http.Handler {
	target := &url.URL{Scheme: "http", Host: addr}
	transport := &http.Transport{DisableKeepAlives: true}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		if g.springs(name, r, false) {
			panic(http.ErrAbortHandler)
		}
		proxy := &httputil.ReverseProxy{
			Transport: transport,
			Rewrite: func(p *httputil.ProxyRequest) {
				p.SetURL(target)
				p.Out.Host = p.In.Host
				p.Out.Body, p.Out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			},
			ModifyResponse: func(answer *http.Response) error { return g.answered(name, r, body, answer) },
			ErrorHandler:   func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		}
		proxy.ServeHTTP(w, r)
	})
}

// answered reads the answer whole, so that the process has done its part.
func (g *gates) answered(name string, r *http.Request, body []byte, answer *http.Response) error {
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	answer.Body = io.NopCloser(bytes.NewReader(text))
	if answer.StatusCode >= 400 {
		return nil
	}
	g.mu.Lock()
	g.passed = append(g.passed, passage{name, r.Method, *r.URL, r.Header.Clone(), body, answer.StatusCode})
	g.mu.Unlock()
	if g.springs(name, r, true) {
		return http.ErrAbortHandler
	}
	return nil
}

// springs takes the snare that a request fits, if there is one, and kills.
func (g *gates) springs(name string, r *http.Request, answered bool) bool {
	g.mu.Lock()
	i := slices.IndexFunc(g.snares, func(s snare) bool {
		fits, err := path.Match(s.path, r.URL.Path)
		return err == nil && fits && s.at == name && s.method == r.Method && s.answered == answered && (s.step == "" || s.step == g.step)
	})
	if i < 0 {
		g.mu.Unlock()
		return false
	}
	victim := g.snares[i].victim
	g.snares = slices.Delete(g.snares, i, i+1)
	g.mu.Unlock()
	g.strike(victim)
	return true
}

// lay adds snares.
func (g *gates) lay(all ...snare) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.snares = append(g.snares, all...)
}

// begin notes which step is under way.
func (g *gates) begin(step string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.step = step
}

// left are the snares that nobody sprang yet.
func (g *gates) left() []snare {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.snares)
}

// sprung waits a little for the last snare: the log is published a little later.
func (g *gates) sprung(patience time.Duration) bool {
	for end := time.Now().Add(patience); len(g.left()) > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// forget what passed, and answer it.
func (g *gates) forget() []passage {
	g.mu.Lock()
	defer g.mu.Unlock()
	passed := g.passed
	g.passed = nil
	return passed
}
