package sdk

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/dpop"
)

// route answers requests in this process, by host; fault may break one.
type route struct {
	mu    sync.Mutex
	hosts map[string]http.Handler
	fault func(r *http.Request, send func() *http.Response) (*http.Response, error)
	spy   func(host, text string)
}

func (n *route) RoundTrip(r *http.Request) (*http.Response, error) {
	send := func() *http.Response {
		body, _ := io.ReadAll(r.Body)
		n.spy(r.URL.Host, string(body))
		in := httptest.NewRequest(r.Method, r.URL.String(), bytes.NewReader(body)).WithContext(r.Context())
		for name, values := range r.Header {
			for _, value := range values {
				in.Header.Add(name, value)
			}
		}
		w := httptest.NewRecorder()
		n.hosts[r.URL.Host].ServeHTTP(w, in)
		n.spy(r.URL.Host, w.Body.String())
		return w.Result()
	}
	n.mu.Lock()
	fault := n.fault
	n.mu.Unlock()
	if fault != nil {
		return fault(r, send)
	}
	return send(), nil
}

// fixture is a hub, a provider, a consumer and a citizen with a passkey.
type fixture struct {
	testing.TB
	world    *consenttest.World
	hub      *testHub
	route    *route
	provider *Provider
	consumer *Consumer
	passkey  *consenttest.Passkey
	records  map[string][]Record
	observed []Released
	loaded   int
	broken   []Promise // as the hooks heard
	stop     bool      // StopOnBrokenPromise
	interval time.Duration
	journals [2]*FileJournal
	paths    [2]string
	hubSaw   strings.Builder
}

const marker = "MARKER-7f3a-do-not-leave"

func newFixture(t testing.TB) *fixture {
	t.Helper()
	w := consenttest.New()
	f := &fixture{TB: t, world: w, interval: -1, records: map[string][]Record{
		citizen: {{"vision_left": 0.8, "vision_right": 1.0, "hearing_left": 20, "remarks": marker, "checked_on": "2026-05-14"}}}}
	f.hub = &testHub{t: t, world: w, pushed: map[string]pushedRequest{}, codes: map[string]pushedRequest{}, replay: dpop.Memory{Now: w.Now}}
	f.passkey = w.People.Enrol(citizen)
	w.Pass(73 * time.Hour)
	for i, name := range []string{"provider", "consumer"} {
		f.paths[i] = filepath.Join(t.TempDir(), name)
		f.journals[i] = openJournal(t, f.paths[i])
	}
	var mu sync.Mutex
	f.route = &route{hosts: map[string]http.Handler{"hub.example": f.hub.handler()}, spy: func(host, text string) {
		mu.Lock()
		defer mu.Unlock()
		if host == "hub.example" {
			f.hubSaw.WriteString(text)
		}
	}}
	f.open()
	return f
}

// open makes provider and consumer anew on their journals, as a restart does.
func (f *fixture) open() {
	f.Helper()
	var err error
	w, quiet := f.world, slog.New(slog.DiscardHandler)
	broken := func(p Promise) { f.broken = append(f.broken, p) }
	f.provider, err = NewProvider(ProviderConfig{
		Trust: w.Trust, Journal: f.journals[0], Now: w.Now, Logger: quiet,
		Keys:    Keys{Signer: w.Provider.Key, Chain: w.Provider.Chain, Encryption: w.Provider.Encryption},
		Observe: func(r Released) { f.observed = append(f.observed, r) },

		BrokenPromise: broken, StopOnBrokenPromise: f.stop, PromiseInterval: f.interval,
		DataSets: map[string]DataSet{"health-checkup": {
			Load: func(_ context.Context, who Subject) (Record, error) {
				f.loaded++
				return One(f.records[who.ResidentID])
			},
			Derive: map[string]func(Record) (any, error){
				"vision_ok": func(r Record) (any, error) {
					if len(r) != 2 {
						f.Errorf("vision_ok sees %d fields", len(r))
					}
					return r["vision_left"].(float64) >= 0.5 && r["vision_right"].(float64) >= 0.5, nil
				},
				"hearing_ok": func(r Record) (any, error) { return r["hearing_left"].(int) <= 55, nil },
			},
		}},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.consumer, err = NewConsumer(ConsumerConfig{
		Trust: w.Trust, Journal: f.journals[1], Now: w.Now, Logger: quiet, ClientID: consenttest.Client, RedirectURI: redirectURI,
		Keys:          Keys{Signer: w.Consumer.Key, Chain: w.Consumer.Chain},
		BrokenPromise: broken, StopOnBrokenPromise: f.stop, PromiseInterval: f.interval,
	})
	if err != nil {
		f.Fatal(err)
	}
	f.provider.net.client.Transport, f.consumer.net.client.Transport = f.route, f.route
	f.route.hosts["insurer.example"] = f.provider
}

func (f *fixture) need() Need {
	sub, err := f.world.People.Pairwise(context.Background(), citizen, f.world.Consumer.ID)
	if err != nil {
		f.Fatal(err)
	}
	return Need{Subject: sub, DataSet: "health-checkup", Purpose: "driving-licence-renewal",
		Claims: []string{"vision_ok", "hearing_ok"}, Optional: []string{"checked_on"}, Uses: 2, For: 30 * 24 * time.Hour, KeepDays: 30}
}

// granted asks and lets the citizen allow it: what Complete then needs.
func (f *fixture) granted(claims ...string) (string, url.Values) {
	f.Helper()
	to, err := f.consumer.Ask(context.Background(), f.need())
	if err != nil {
		f.Fatal(err)
	}
	return to.State, f.hub.visit(to.URL, f.passkey, claims...)
}

func (f *fixture) complete() *Release {
	f.Helper()
	state, query := f.granted("vision_ok", "hearing_ok", "checked_on")
	r, err := f.consumer.Complete(context.Background(), state, query)
	if err != nil {
		f.Fatal(err)
	}
	return r
}
