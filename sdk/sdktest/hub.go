package sdktest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/dpop"
	"github.com/govmydata/mydata/sdk"
)

// What the hub knows from its beginning: one consumer, one provider with one
// data set, one purpose.
const (
	ClientID    = consenttest.Client
	RedirectURI = "http://localhost/callback"
	DataSet     = "health-checkup"
	Purpose     = "driving-licence-renewal"
)

// Options are what a hub has more than it always has.
type Options struct {
	DataSets []catalogue.DataSet // Provider may be empty: the one that there is
	Purposes []catalogue.Purpose
}

// Hub is a hub on this machine. Its methods may run at once, save Break, Lie,
// DuringRelease and Restore, which are for between two requests. A Must method
// ends the test when what it does is refused.
type Hub struct {
	URL string // the issuer

	t        testing.TB
	world    *consenttest.World
	tape     *tape
	replay   dpop.Memory
	provider *gate

	mu      sync.Mutex
	pushed  map[string]pushed
	codes   map[string]*ticket // also refresh tokens
	ended   map[consent.GrantID]consent.Authorized
	fault   Fault
	lie     Lie
	during  func(grant string)
	skew    time.Duration // of the hub's clock alone
	advance time.Duration // of everybody's clock
	forged  map[string]forgery

	passkeys   map[string]*consenttest.Passkey // the newest of each person
	alteration Alteration
	promised   string               // the first promise
	first      *catalogue.Catalogue // as it was first shown
}

// New starts a hub that ends with the test.
func New(t testing.TB, options ...Options) *Hub {
	t.Helper()
	h := &Hub{t: t, pushed: map[string]pushed{}, codes: map[string]*ticket{},
		ended: map[consent.GrantID]consent.Authorized{}, forged: map[string]forgery{}, passkeys: map[string]*consenttest.Passkey{}, provider: &gate{}}
	var routes http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.serve(w, r, routes) }))
	provider := httptest.NewServer(h.provider)
	t.Cleanup(func() { server.Close(); provider.Close() })
	h.URL = server.URL
	at := consenttest.Place{Issuer: h.URL, Release: provider.URL + "/release", Clock: h.hubNow}
	for _, o := range options {
		for _, set := range o.DataSets {
			set.Provider = cmp.Or(set.Provider, ProviderID)
			at.DataSets = append(at.DataSets, set)
		}
		at.Purposes = append(at.Purposes, o.Purposes...)
	}
	h.world = consenttest.NewAt(at)
	h.tape = &tape{Store: h.world.Store}
	h.world.Ledger.Store = h.tape
	h.replay.Now = h.hubNow
	routes = h.routes()
	return h
}

// ProviderID and ConsumerID are the agencies'.
const (
	ProviderID = "urn:mydata:agency:health-insurance"
	ConsumerID = "urn:mydata:agency:driving-licence"
)

// gate is where the catalogue says that the provider answers.
type gate struct {
	mu      sync.Mutex
	handler http.Handler
	terms   *consent.Terms // what a lying hub puts in the place of the next terms
}

func (g *gate) show(t consent.Terms) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.terms = &t
}

// swapped is the request with those terms in it, once.
func (g *gate) swapped(r *http.Request) *http.Request {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.terms == nil || r.Header.Get("Content-Type") != "application/json" {
		return r
	}
	raw, err := io.ReadAll(r.Body)
	var body map[string]json.RawMessage
	if err != nil || json.Unmarshal(raw, &body) != nil {
		return r
	}
	body["terms"], g.terms = must(g.terms.Canonical()), nil
	r.Body = io.NopCloser(bytes.NewReader(must(json.Marshal(body))))
	return r
}

func (g *gate) set(h http.Handler) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.handler = h
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	h := g.handler
	g.mu.Unlock()
	if h == nil {
		http.Error(w, "no provider is open: MustProvider or Serve", http.StatusBadGateway)
		return
	}
	h.ServeHTTP(w, g.swapped(r))
}

// Now is the agencies' clock: give it to what you configure yourself.
func (h *Hub) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Now().UTC().Add(h.advance)
}

func (h *Hub) hubNow() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Now().UTC().Add(h.advance + h.skew)
}

// Advance lets time pass for everybody; Skew sets the hub's clock apart from
// the agencies'.
func (h *Hub) Advance(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.advance += d
}

// Skew sets how far the hub's clock is ahead of the agencies'.
func (h *Hub) Skew(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.skew = d
}

// Trust is what an agency believes beforehand.
func (h *Hub) Trust() sdk.Trust { return h.world.Trust }

// TrustFolder is the same as a folder, for sdk.LoadTrust.
func (h *Hub) TrustFolder() string {
	h.t.Helper()
	dir := filepath.Join(h.t.TempDir(), "trust")
	if err := consent.WriteTrust(dir, h.world.Files); err != nil {
		h.t.Fatal(err)
	}
	return dir
}

// ProviderKeys and ConsumerKeys are the agencies' own, certified by the test
// government CA.
func (h *Hub) ProviderKeys() sdk.Keys { return keysOf(h.world.Provider) }

// ConsumerKeys are the consumer's.
func (h *Hub) ConsumerKeys() sdk.Keys { return keysOf(h.world.Consumer) }

func keysOf(a consenttest.Agency) sdk.Keys {
	return sdk.Keys{Agency: a.ID, Signer: a.Key, Chain: a.Chain, Encryption: a.Encryption}
}

// Serve answers releases by a handler of yours: an sdk.Provider, or what stands
// before it.
func (h *Hub) Serve(provider http.Handler) { h.provider.set(provider) }

// MustProvider opens a provider with its defaults for tests, serves it, and
// closes it with the test. bend may change its configuration.
func (h *Hub) MustProvider(sets map[string]sdk.DataSet, bend ...func(*sdk.ProviderConfig)) *sdk.Provider {
	h.t.Helper()
	c := sdk.ProviderConfig{Trust: h.Trust(), Keys: h.ProviderKeys(), Journal: h.journal("provider"), DataSets: sets,
		PromiseInterval: -1, AllowLoopback: true, Now: h.Now, Logger: quiet}
	for _, b := range bend {
		b(&c)
	}
	p, err := sdk.NewProvider(c)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { p.Close() })
	h.Serve(p)
	return p
}

// MustConsumer opens a consumer, likewise.
func (h *Hub) MustConsumer(bend ...func(*sdk.ConsumerConfig)) *sdk.Consumer {
	h.t.Helper()
	c := sdk.ConsumerConfig{Trust: h.Trust(), Keys: h.ConsumerKeys(), Journal: h.journal("consumer"), ClientID: ClientID,
		RedirectURI: RedirectURI, PromiseInterval: -1, AllowLoopback: true, Now: h.Now, Logger: quiet}
	for _, b := range bend {
		b(&c)
	}
	consumer, err := sdk.NewConsumer(c)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { consumer.Close() })
	return consumer
}

var quiet = slog.New(slog.DiscardHandler)

func (h *Hub) journal(name string) sdk.Journal {
	h.t.Helper()
	j, err := sdk.OpenFileJournal(filepath.Join(h.t.TempDir(), name))
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { j.Close() })
	return j
}

// Need asks about a citizen for what the hub's own data set has: two claims, and
// one that may be unticked, twice within thirty days.
func (h *Hub) Need(c *Citizen) sdk.Need {
	return sdk.Need{Subject: c.Sub(), DataSet: DataSet, Purpose: Purpose, Claims: []string{"vision_ok", "hearing_ok"},
		Optional: []string{"checked_on"}, Uses: 2, For: 30 * 24 * time.Hour, KeepDays: 30}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
