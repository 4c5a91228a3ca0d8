package ladder_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/govmydata/mydata/conformance/citizen"
	"github.com/govmydata/mydata/conformance/figure"
	"github.com/govmydata/mydata/conformance/stage"
	"github.com/govmydata/mydata/sdk"
	"github.com/govmydata/mydata/sdk/sdktest"
)

// It gives the same answers as the hub in memory, which sdktest.TestSuite holds
// to the same words.
//
//clause:kit the hub in memory, `idp serve` and `idp serve --sandbox` give the same 52 answers, word for word
func TestTheHubAnswersAsItsDouble(t *testing.T) {
	s := stage.Run(t, stage.Options{})
	for _, name := range []string{stage.Insurer, stage.Licence} {
		if err := s.Stop(name); err != nil {
			t.Fatal(err)
		}
	}
	d := deploy(t, place{hub: s.URL(stage.IDP), trust: s.Path("trust"), provider: s.Path("agencies", "health-insurance"),
		consumer: s.Path("agencies", "driving-licence"), client: "driving-licence", redirect: s.URL(stage.Licence) + "/callback",
		listen: s.Addr(stage.Insurer), purpose: "driving-licence-renewal", dataSet: "health-checkup"})
	d.Person = func(t testing.TB, n int) sdktest.Person {
		resident := fmt.Sprintf("resident-%02d", n+1)
		letter, err := s.Letter(t.Context(), resident, false)
		if err != nil {
			t.Fatal(err)
		}
		return newPerson(t, s.URL(stage.IDP), resident, letter.URL)
	}
	n := sdktest.Suite(t, d)
	figure.Hold(t, "ladder", n, "answers of the hub that are word for word those of the hub in memory of agencies' tests")
}

// place is where a deployment has what its agencies need.
type place struct {
	hub, trust, provider, consumer, client, redirect, listen, purpose, dataSet string
}

// deploy puts this process in the places of the two agencies.
func deploy(t *testing.T, p place) sdktest.Deployment {
	t.Helper()
	trust, err := sdk.LoadTrust(p.trust)
	if err != nil {
		t.Fatal(err)
	}
	d := sdktest.Deployment{URL: p.hub, ProviderKeys: keys(t, p.provider), ConsumerKeys: keys(t, p.consumer),
		Need: sdk.Need{DataSet: p.dataSet, Purpose: p.purpose, Claims: []string{"vision_ok", "hearing_ok"}, Optional: []string{"checked_on"}, Uses: 2, For: 30 * 24 * hour, KeepDays: 30},
	}
	var hook hook
	d.OnLoad = hook.set
	if d.Provider, err = sdk.NewProvider(sdk.ProviderConfig{Trust: trust, Keys: d.ProviderKeys, Journal: journal(t), AllowLoopback: true,
		DataSets: map[string]sdk.DataSet{p.dataSet: {Load: hook.load, Derive: derive}}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Provider.Close() })
	if d.Consumer, err = sdk.NewConsumer(sdk.ConsumerConfig{Trust: trust, Keys: d.ConsumerKeys, Journal: journal(t), AllowLoopback: true,
		ClientID: p.client, RedirectURI: p.redirect}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Consumer.Close() })
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", p.listen)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: d.Provider, ReadHeaderTimeout: 5e9}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	return d
}

const hour = 3600e9

func keys(t *testing.T, folder string) sdk.Keys {
	t.Helper()
	k, err := sdk.LoadKeys(folder)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func journal(t *testing.T) sdk.Journal {
	t.Helper()
	j, err := sdk.OpenFileJournal(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

// hook is the provider's record, and what happens while it is loaded.
type hook struct {
	mu     sync.Mutex
	happen func()
}

func (h *hook) set(happen func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.happen = happen
}

func (h *hook) load(context.Context, sdk.Subject) (sdk.Record, error) {
	h.mu.Lock()
	happen := h.happen
	h.happen = nil
	h.mu.Unlock()
	if happen != nil {
		happen()
	}
	return sdk.Record{"vision_left": 0.8, "vision_right": 1.0, "hearing_left": 20, "hearing_right": 20, "remarks": "stays", "checked_on": "2026-05-14"}, nil
}

var derive = map[string]func(sdk.Record) (any, error){
	"vision_ok":  func(r sdk.Record) (any, error) { return r["vision_left"].(float64) >= 0.5, nil },
	"hearing_ok": func(r sdk.Record) (any, error) { return r["hearing_left"].(int) <= 55, nil },
}

// person goes through the hub's pages.
type person struct {
	*citizen.Citizen
	t testing.TB
}

func newPerson(t testing.TB, hub, resident, letter string) person {
	t.Helper()
	c := citizen.New(hub, resident)
	if err := c.Enrol(t.Context(), letter); err != nil {
		t.Fatal(err)
	}
	return person{c, t}
}

func (p person) Login(ctx context.Context, address string) (url.Values, error) {
	return p.Grant(ctx, address)
}

func (p person) Grant(ctx context.Context, address string) (url.Values, error) {
	back, err := p.Authorize(ctx, address)
	if err != nil {
		return nil, err
	}
	return back.Query(), nil
}

// Deny presses the other button; what it leads to is another's page, which is
// not opened.
func (p person) Deny(ctx context.Context, address string) (url.Values, error) {
	page, err := p.Open(ctx, address)
	if err != nil {
		return nil, err
	}
	form, ok := page.Form("deny")
	if !ok {
		return nil, errors.New("no page to deny on")
	}
	answer, err := p.Do(ctx, http.MethodPost, form.Action.String(), "application/x-www-form-urlencoded", []byte(form.Fields.Encode()))
	if err != nil {
		return nil, err
	}
	back, err := url.Parse(answer.Header.Get("Location"))
	if err != nil || !strings.HasSuffix(back.Path, "/callback") {
		return nil, fmt.Errorf("denying leads to %q: %w", answer.Header.Get("Location"), err)
	}
	return back.Query(), nil
}
