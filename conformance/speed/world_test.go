package speed_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govmydata/mydata/conformance/citizen"
	"github.com/govmydata/mydata/conformance/stage"
)

// behind is how far above its port each process is reached by the others.
const behind = 20

func TestMain(m *testing.M) {
	if path := os.Getenv(floorVariable); path != "" {
		serveFloor(path)
		return
	}
	code := m.Run()
	stage.RemovePrograms()
	os.Exit(code)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// spent is the time that a process has had of the processors (clock_getcpuclockid:
// the clock of another process).
func spent(t testing.TB, pid int) time.Duration {
	t.Helper()
	var at unix.Timespec
	must(t, unix.ClockGettime(int32(^pid<<3|2), &at))
	return time.Duration(at.Nano())
}

// world is a deployment whose hub is reached over a wire that can be read, with
// citizens who are signed in.
type world struct {
	*stage.Stage
	b      *testing.B
	wire   *wire
	people []person
}

// person is a citizen with a relying party of his own.
type person struct {
	*citizen.Citizen
	client *client
}

// crowd is how many do the same at once.
const crowd = 8

func newWorld(b *testing.B) *world {
	b.Helper()
	s, err := stage.New(b.Context(), stage.Options{Behind: behind})
	must(b, err)
	b.Cleanup(func() {
		if b.Failed() {
			b.Log(s.Errors())
		}
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	w := &world{Stage: s, b: b, wire: &wire{}}
	for _, name := range stage.Names() {
		l, err := stage.Listen(s.Port(name) + behind)
		must(b, err)
		if name == stage.IDP {
			w.wire.to = s.Addr(name)
			server := &http.Server{Handler: w.wire.proxy(), ReadHeaderTimeout: time.Minute}
			go func() { _ = server.Serve(l) }() // until it is closed
			b.Cleanup(func() { _ = server.Close() })
			continue
		}
		b.Cleanup(func() { _ = l.Close() })
		go through(l, s.Addr(name))
	}
	must(b, s.Open(b.Context()))
	for i := range crowd {
		name := fmt.Sprintf("resident-%02d", i+1)
		letter, err := s.Letter(b.Context(), name, false)
		must(b, err)
		one := citizen.New(s.URL(stage.IDP), name)
		must(b, one.Enrol(b.Context(), letter.URL))
		w.people = append(w.people, person{Citizen: one})
	}
	return w
}

// hub is the hub's processor time.
func (w *world) hub() time.Duration { return spent(w.b, w.PID(stage.IDP)) }

// through copies each connection to an address and back.
func through(l net.Listener, address string) {
	for {
		from, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer from.Close()
			to, err := net.Dial("tcp", address)
			if err != nil {
				return
			}
			defer to.Close()
			go func() { _, _ = io.Copy(to, from); _ = to.Close() }()
			_, _ = io.Copy(from, to)
		}()
	}
}

// exchange is one request and its answer, as they went over the wire.
type exchange struct {
	Method, Path string
	Asked        http.Header
	Body         []byte
	Status       int
	Answered     http.Header
	Answer       []byte

	Verifies, Signs int
	Commits         [][]row
}

// wire is a proxy before the hub that remembers what it carries while it listens.
type wire struct {
	to string

	mu     sync.Mutex
	all    []*exchange
	around func() (after func(*exchange)) // what is done about each exchange; nil: it does not listen
}

func (w *wire) proxy() http.Handler {
	transport := &http.Transport{MaxIdleConnsPerHost: 2 * crowd}
	plain := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "http", w.to, r.In.Host },
		Transport: transport,
	}
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		around := w.around
		w.mu.Unlock()
		if around == nil {
			plain.ServeHTTP(rw, r)
			return
		}
		w.record(rw, r, transport, around)
	})
}

// record carries one request and keeps it.
func (w *wire) record(rw http.ResponseWriter, r *http.Request, transport *http.Transport, around func() func(*exchange)) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(rw, err.Error(), http.StatusBadGateway)
		return
	}
	e := &exchange{Method: r.Method, Path: r.URL.RequestURI(), Asked: r.Header.Clone(), Body: body}
	after := around()
	out, err := send(r.Context(), transport, "http://"+w.to, r.Host, e)
	if err != nil {
		http.Error(rw, err.Error(), http.StatusBadGateway)
		return
	}
	after(e)
	w.mu.Lock()
	w.all = append(w.all, e)
	w.mu.Unlock()
	e.Status, e.Answered, e.Answer = out.Status, out.Answered, out.Answer
	for name, values := range e.Answered {
		rw.Header()[name] = values
	}
	rw.WriteHeader(e.Status)
	_, _ = rw.Write(e.Answer)
}

// send sends what was asked, as it was asked.
func send(ctx context.Context, transport *http.Transport, to, host string, e *exchange) (exchange, error) {
	r := (&http.Request{Method: e.Method, Host: host, Header: e.Asked, ContentLength: int64(len(e.Body))}).WithContext(ctx)
	var err error
	if r.URL, err = url.Parse(to + e.Path); err != nil {
		return exchange{}, err
	}
	if len(e.Body) > 0 {
		r.Body = io.NopCloser(newReader(e.Body))
	}
	res, err := transport.RoundTrip(r)
	if err != nil {
		return exchange{}, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	return exchange{Status: res.StatusCode, Answered: res.Header, Answer: answer}, err
}

// during walks a flow and answers what went over the wire.
func (w *wire) during(around func() func(*exchange), walk func()) []*exchange {
	w.mu.Lock()
	w.around, w.all = around, nil
	w.mu.Unlock()
	walk()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.around = nil
	return w.all
}

func (e *exchange) String() string {
	rows := 0
	for _, c := range e.Commits {
		rows += len(c)
	}
	return fmt.Sprintf("%-5s %-40.40s %6d -> %d %6d  V %d S %d commits %d rows %d",
		e.Method, e.Path, len(e.Body), e.Status, len(e.Answer), e.Verifies, e.Signs, len(e.Commits), rows)
}
