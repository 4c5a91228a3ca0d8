package jepsen

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/transfer"
)

// A Fault breaks one request that fits: it never arrives, or its answer is lost.
type Fault struct {
	Path string
	Kept bool // it was carried out
}

// A gate stands before the processes of one service, as a load balancer does: each
// request goes to one of them, and is not repeated.
type gate struct {
	history *History
	targets []string
	next    atomic.Uint64
	client  *http.Transport

	mu     sync.Mutex
	faults []Fault
	struck int
}

func openGate(t *testing.T, h *History, address string, targets ...string) *gate {
	t.Helper()
	g := &gate{history: h, targets: targets, client: &http.Transport{MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute}}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: g, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	go server.Serve(l)
	t.Cleanup(func() { server.Close(); g.client.CloseIdleConnections() })
	return g
}

// lay has the next request that fits each fault break.
func (g *gate) lay(all ...Fault) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.faults = append(g.faults, all...)
}

// mend forgets what nobody met, and answers how many were met.
func (g *gate) mend() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.faults = nil
	return g.struck
}

func (g *gate) strikes(path string, kept bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, f := range g.faults {
		if f.Kept == kept && f.Path == path {
			g.faults = append(g.faults[:i], g.faults[i+1:]...)
			g.struck++
			return true
		}
	}
	return false
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil || g.strikes(r.URL.Path, false) {
		panic(http.ErrAbortHandler)
	}
	op := Op{Call: g.history.now()}
	res, text, err := g.forward(r, body) //nolint:bodyclose // forward reads it whole and closes it
	g.record(op, r, body, res, text)
	if err != nil || g.strikes(r.URL.Path, true) {
		panic(http.ErrAbortHandler) // the connection breaks
	}
	for name, values := range res.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(res.StatusCode)
	_, _ = w.Write(text)
}

// forward asks one process; a process that does not listen has heard nothing, so
// another is asked.
func (g *gate) forward(r *http.Request, body []byte) (*http.Response, []byte, error) {
	var last error
	for range g.targets {
		target := g.targets[g.next.Add(1)%uint64(len(g.targets))]
		out := r.Clone(r.Context())
		out.URL.Scheme, out.URL.Host, out.RequestURI = "http", target, ""
		out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		out.GetBody = nil // nothing is sent twice
		res, err := g.client.RoundTrip(out)
		if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" {
			last = err
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		text, err := io.ReadAll(res.Body)
		res.Body.Close()
		return res, text, err
	}
	return nil, nil, last
}

// record notes what the checker knows by the bytes that passed.
func (g *gate) record(op Op, r *http.Request, body []byte, res *http.Response, text []byte) {
	op.Outcome = Unknown
	if res != nil && res.StatusCode < 300 {
		op.Outcome = Yes
	} else if res != nil && res.StatusCode < 500 {
		op.Outcome, op.Word = No, wordOf(text)
	}
	jws := string(body)
	switch turn, ok := turnOf(r); {
	case ok:
		op.Kind, op.Grant = turn[1], turn[0]
	case r.URL.Path == "/agency/commits":
		op.Kind, op.Commit = OpCommit, consent.DigestOf(jws)
	case r.URL.Path == "/agency/received":
		op.Kind = OpReceived
	case r.URL.Path == "/release" && op.Outcome == Yes && r.Header.Get("Content-Type") == "application/json":
		answer, err := transfer.ParseReleaseAnswer(text)
		if err != nil {
			return // 202: it comes later
		}
		jws = answer.Commit
		op.Kind, op.Commit, op.Cipher = OpRelease, consent.DigestOf(jws), consent.DigestOf(answer.Ciphertext)
	default:
		return
	}
	if op.Grant == "" {
		c := claimsIn(jws)
		op.Grant, op.Use = c.Grant, c.Use
		if op.Kind == OpRelease {
			op.Plain = c.Plaintext
		}
		if op.Kind == OpReceived {
			op.Commit = c.Commit
		}
	}
	g.history.add(op)
}

// turnOf tells the citizen's clicks: grant and kind.
func turnOf(r *http.Request) (turn [2]string, ok bool) {
	rest, ok := strings.CutPrefix(r.URL.Path, "/me/consents/")
	grant, kind, found := strings.Cut(rest, "/")
	known := kind == OpWithdraw || kind == OpPause || kind == OpResume
	return [2]string{grant, kind}, ok && found && known && r.Method == http.MethodPost
}

func wordOf(text []byte) string {
	var no struct{ Code, Error string }
	_ = json.Unmarshal(text, &no) // no word
	return no.Code + no.Error
}

type passed struct {
	Grant     string `json:"grant_id"`
	Use       int    `json:"use"`
	Commit    string `json:"commit"`
	Plaintext string `json:"plaintext"`
}

// claimsIn reads a compact JWS without checking it: whoever it was for did.
func claimsIn(jws string) (c passed) {
	if parts := strings.Split(jws, "."); len(parts) == 3 {
		raw, _ := base64.RawURLEncoding.DecodeString(parts[1])
		_ = json.Unmarshal(raw, &c) // of no use
	}
	return c
}
