package fetch

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// host serves what it is given and counts.
type host struct {
	*httptest.Server
	answer http.HandlerFunc
	asked  atomic.Int32
}

func newHost(t *testing.T, start func(http.Handler) *httptest.Server) *host {
	h := &host{answer: says("application/json", "{}")}
	h.Server = start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.asked.Add(1)
		h.answer(w, r)
	}))
	t.Cleanup(h.Close)
	return h
}

func says(media, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", media)
		_, _ = io.WriteString(w, body)
	}
}

func to(where string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, where, http.StatusTemporaryRedirect) }
}

// hops answers after so many redirects.
func hops(n int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if q := r.URL.RawQuery; len(q) < n {
			to(r.URL.Path+"?"+q+"x")(w, r)
			return
		}
		says("application/json", r.Header.Get("Referer"))(w, r)
	}
}

const limit = 1000

func zipped(t *testing.T, size int) string {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(bytes.Repeat([]byte("a"), size)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

//clause:status 11.4: redirects bounded and checked again; private networks out of reach, also by a name that leads elsewhere later
func TestGet(t *testing.T) {
	h := newHost(t, httptest.NewServer)
	header := func(name, value string, rest http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set(name, value)
			rest(w, r)
		}
	}
	for _, c := range []struct {
		name, body, says string
		answer           http.HandlerFunc
		is               error // a sentinel that the error has to be
	}{
		{name: "it takes a document", answer: says("application/json; charset=utf-8", "{}"), body: "{}"},
		{name: "it takes the other type", answer: says("application/jwk-set+json", "{}"), body: "{}"},
		{name: "it takes as much as is wanted", answer: says("application/json", strings.Repeat("x", limit)), body: strings.Repeat("x", limit)},
		{name: "it takes what is compressed", answer: header("Content-Encoding", "gzip", says("application/json", zipped(t, limit))), body: strings.Repeat("a", limit)},
		{name: "it follows redirects, and tells nobody where it was", answer: hops(2), body: ""},
		{name: "it refuses one redirect too many", answer: hops(3), says: "too many redirects"},
		{name: "it refuses a circle", answer: to("/secret"), says: "too many redirects"},
		{name: "it refuses another type", answer: says("text/html", "{}"), says: "content type is not application/json or application/jwk-set+json"},
		{name: "it refuses no type", answer: header("Content-Type", "", says("", "{}")), says: "content type"},
		{name: "it refuses a type that cannot be read", answer: says("application/json; =", "{}"), says: "content type"},
		{name: "it refuses what is too long", answer: says("application/json", strings.Repeat("x", limit+1)), is: ErrTooLong},
		{name: "it reads no further than is wanted", is: ErrTooLong, answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			for _, err := w.Write(nil); err == nil; _, err = io.WriteString(w, strings.Repeat("x", limit)) {
			}
		}},
		{name: "it refuses a bomb", answer: header("Content-Encoding", "gzip", says("application/json", zipped(t, 32<<20))), is: ErrTooLong},
		{name: "it refuses what says gzip and is not", answer: header("Content-Encoding", "gzip", says("application/json", "{}")), says: "read answer"},
		{name: "it refuses what breaks off", answer: header("Content-Length", "100", says("application/json", "{}")), says: "read answer"},
		{name: "it refuses a long header", answer: header("X", strings.Repeat("x", 2*maxHeader), says("application/json", "{}")), says: "header"},
		{name: "it refuses 202", answer: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) }, says: "HTTP status 202"},
		{name: "it refuses 404", answer: http.NotFound, says: "HTTP status 404"},
		{name: "it refuses a redirect to a private network", answer: to("https://10.0.0.1/"), is: ErrAddress},
		{name: "it refuses a redirect to where a cloud keeps its secrets", answer: to("https://169.254.169.254/latest"), is: ErrAddress},
		{name: "it refuses a redirect to a private network of IPv6", answer: to("https://[fd00::1]/"), is: ErrAddress},
		{name: "it refuses a redirect to an address in disguise", answer: to("https://[::ffff:10.0.0.1]/"), is: ErrAddress},
		{name: "it refuses a redirect to plain http", answer: to("http://192.0.2.1/"), says: "not https"},
		{name: "it refuses a redirect to a file", answer: to("file:///etc/passwd"), is: ErrAddress},
		{name: "it refuses a redirect with a password", answer: to("https://a:b@192.0.2.1/"), says: "not an address"},
		{name: "it refuses a redirect with a fragment", answer: to("/x#y"), is: ErrAddress},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.answer = c.answer
			client := &Client{Loopback: true}
			answer, err := client.Get(t.Context(), h.URL+"/secret", Want{Types: []string{"application/json", "application/jwk-set+json"}, Limit: limit, Redirects: 2})
			if refused := c.says != "" || c.is != nil; refused != (err != nil) || string(answer.Body) != c.body {
				t.Fatalf("%q, %v", answer.Body, err)
			}
			if err != nil && (!strings.Contains(err.Error(), c.says) || c.is != nil && !errors.Is(err, c.is) || strings.Contains(err.Error(), "secret")) {
				t.Errorf("got %v, want %s %v", err, c.says, c.is)
			}
			if err == nil && !strings.HasPrefix(answer.Type, "application/j") {
				t.Errorf("type %s", answer.Type)
			}
		})
	}
}

func TestGetAsks(t *testing.T) {
	h := newHost(t, httptest.NewServer)
	h.answer = func(w http.ResponseWriter, r *http.Request) { says("text/plain", r.Header.Get("Accept"))(w, r) }
	for _, c := range []struct {
		want   Want
		accept string
	}{
		{Want{Limit: limit}, ""},
		{Want{Limit: limit, Types: []string{"text/html", "text/plain"}}, "text/html, text/plain"},
		{Want{Limit: limit, Types: []string{"text/plain"}, Accept: "text/plain, text/html;q=0.9"}, "text/plain, text/html;q=0.9"},
	} {
		if got, err := (&Client{Loopback: true}).Get(t.Context(), h.URL, c.want); err != nil || string(got.Body) != c.accept {
			t.Errorf("%s, %v; want %s", got.Body, err, c.accept)
		}
	}
	h.answer = to("/elsewhere")
	var refusal *StatusError
	if _, err := (&Client{Loopback: true}).Get(t.Context(), h.URL, Want{Limit: limit}); !errors.As(err, &refusal) || refusal.Code != http.StatusTemporaryRedirect {
		t.Errorf("it follows a redirect that nobody wanted: %v", err)
	}
}

//clause:status 11.4: redirects bounded and checked again; private networks out of reach, also by a name that leads elsewhere later
func TestGetStaysOnItsHost(t *testing.T) {
	h, other := newHost(t, httptest.NewServer), newHost(t, httptest.NewServer)
	want := Want{Limit: limit, Redirects: 2}
	h.answer = to(other.URL)
	if got, err := (&Client{Loopback: true}).Get(t.Context(), h.URL, want); err != nil || string(got.Body) != "{}" || other.asked.Load() != 1 {
		t.Fatalf("where any host will do it does not go on: %v", err)
	}
	want.SameHost = true
	for _, where := range []string{other.URL, strings.Replace(h.URL, "127.0.0.1", "localhost", 1)} {
		h.answer = func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/" {
				to("/there")(w, r)
				return
			}
			to(where)(w, r)
		}
		before := h.asked.Load()
		_, err := (&Client{Loopback: true}).Get(t.Context(), h.URL+"/", want)
		if !errors.Is(err, ErrAddress) || h.asked.Load()-before != 2 || other.asked.Load() != 1 {
			t.Errorf("it goes on to %s: %v", where, err)
		}
	}
}

func TestNothingIsSent(t *testing.T) {
	plain, secure := newHost(t, httptest.NewServer), newHost(t, httptest.NewTLSServer)
	for _, c := range []struct {
		name, address string
		loopback      bool
	}{
		{"it sends nothing by plain http", plain.URL, false},
		{"it sends nothing to this machine", secure.URL, false},
		{"it sends nothing to a name that leads to this machine", strings.Replace(secure.URL, "127.0.0.1", "localhost", 1), false},
		{"it sends nothing to an address in disguise", strings.Replace(secure.URL, "127.0.0.1", "[::ffff:127.0.0.1]", 1), false},
		{"it sends nothing to an address in numbers", strings.Replace(plain.URL, "127.0.0.1", "0x7f.1", 1), true},
		{"it sends no password", strings.Replace(plain.URL, "//", "//a:b@", 1), true},
		{"it sends nothing to what is no address", "::", true},
		{"it sends nothing to a file", "file:///etc/passwd", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := &Client{Loopback: c.loopback}
			if _, err := client.Get(t.Context(), c.address, Want{Limit: limit}); !errors.Is(err, ErrAddress) {
				t.Errorf("got %v", err)
			}
			if r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.address, strings.NewReader("x")); err == nil {
				response, err := client.Do(r)
				if !errors.Is(err, ErrAddress) {
					t.Errorf("posted: %v", err)
				}
				if err == nil {
					response.Body.Close()
				}
			}
			if plain.asked.Load()+secure.asked.Load() != 0 {
				t.Error("it was asked")
			}
		})
	}
	t.Run("it believes no certificate but the Web's", func(t *testing.T) {
		var invalid *tls.CertificateVerificationError
		if _, err := (&Client{Loopback: true}).Get(t.Context(), secure.URL, Want{Limit: limit}); !errors.As(err, &invalid) || secure.asked.Load() != 0 {
			t.Errorf("got %v", err)
		}
	})
}

func TestDo(t *testing.T) {
	h := newHost(t, httptest.NewServer)
	h.answer = to("/elsewhere")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.URL, strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	response, err := (&Client{Loopback: true}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusTemporaryRedirect || h.asked.Load() != 1 {
		t.Errorf("it follows a redirect: %d, asked %d times", response.StatusCode, h.asked.Load())
	}
}

func TestGetEnds(t *testing.T) {
	if got := new(Client).client("", Want{}).Timeout; got != defaultTimeout {
		t.Errorf("nobody said how long it waits: %s", got)
	}
	h := newHost(t, httptest.NewServer)
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	never := func(r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-release:
		}
	}
	for name, answer := range map[string]http.HandlerFunc{
		"it waits for no header for ever": func(_ http.ResponseWriter, r *http.Request) { never(r) },
		"it waits for no body for ever": func(w http.ResponseWriter, r *http.Request) {
			says("application/json", "{")(w, r)
			_ = http.NewResponseController(w).Flush()
			never(r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h.answer = answer
			began := time.Now()
			_, err := (&Client{Loopback: true, Timeout: 100 * time.Millisecond}).Get(t.Context(), h.URL, Want{Limit: limit})
			if err == nil || time.Since(began) > 5*time.Second {
				t.Errorf("%v after %s", err, time.Since(began))
			}
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			if _, err := (&Client{Loopback: true}).Get(ctx, h.URL, Want{Limit: limit}); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("its asker gave up: %v", err)
			}
		})
	}
}
