package sdk

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

// approveBundle plays the citizen's page of a bundle: all claims of what is ticked.
func (h *testHub) approveBundle(p pushedRequest, passkey *consenttest.Passkey) {
	h.t.Helper()
	ctx := context.Background()
	choices := make([]*consent.Choice, len(p.grants))
	for i, id := range p.grants {
		offer, err := h.world.Ledger.Offer(ctx, id, citizen, "ko")
		if err != nil {
			h.t.Fatal(err)
		}
		if !h.ticks[i] {
			continue
		}
		choices[i] = &consent.Choice{Lang: "ko"}
		for _, c := range offer.Terms.Claims {
			choices[i].Claims = append(choices[i].Claims, c.Name)
		}
	}
	proposals, err := h.world.Ledger.ProposeAll(ctx, p.grants, nil, citizen, choices)
	if err != nil {
		h.t.Fatal(err)
	}
	var digests [][32]byte
	for _, proposal := range proposals {
		d, _ := proposal.Terms.Digest()
		digests = append(digests, d)
	}
	if _, err := h.world.Ledger.GrantAll(ctx, p.grants, nil, citizen, passkey.Sign(approval.Challenge(digests, proposals[0].Nonce))); err != nil {
		h.t.Fatal(err)
	}
}

// withOffice adds a second provider, which knows where citizens live.
func (f *fixture) withOffice() *Provider {
	f.Helper()
	w := f.world
	office := w.Government.Agency("urn:mydata:agency:resident-office")
	f.hub.second = office
	e := catalogue.Entry{
		Issuer: office.ID, IssuedAt: w.Now().Unix(), Name: catalogue.Text{"en": "Resident Office", "ko": "주민센터"}, Contact: "privacy@office.example",
		Release: "https://office.example/release", JWKS: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{office.EncryptionJWK()}},
	}
	signed, err := catalogue.SignEntry(e, office.Key, office.Chain)
	if err != nil {
		f.Fatal(err)
	}
	listed, err := e.Apply(catalogue.Agency{ID: office.ID, Jurisdiction: "KR", ResidentID: true}, signed)
	if err != nil {
		f.Fatal(err)
	}
	w.Catalogue.Version++
	w.Catalogue.Agencies = append(w.Catalogue.Agencies, listed)
	w.Catalogue.DataSets = append(w.Catalogue.DataSets, catalogue.DataSet{
		ID: "residence", Provider: office.ID, Title: catalogue.Text{"en": "Residence", "ko": "주소"},
		Schema: []byte(`{"type":"object","properties":{"district":{"type":"string"}}}`),
		Fields: []catalogue.Field{{Name: "district", Label: catalogue.Text{"en": "District", "ko": "구"}}},
	})
	w.Catalogue.Purposes[0].DataSets = append(w.Catalogue.Purposes[0].DataSets, "residence")
	provider, err := NewProvider(ProviderConfig{
		Trust: w.Trust, Journal: openJournal(f, filepath.Join(f.TempDir(), "office")), Now: w.Now, Logger: slog.New(slog.DiscardHandler),
		Keys: Keys{Signer: office.Key, Chain: office.Chain, Encryption: office.Encryption}, PromiseInterval: -1,
		DataSets: map[string]DataSet{"residence": {Load: func(context.Context, Subject) (Record, error) {
			return Record{"district": "Mapo"}, nil
		}}},
	})
	if err != nil {
		f.Fatal(err)
	}
	provider.net.client.Transport = f.route
	f.route.hosts["office.example"] = provider
	return provider
}

func (f *fixture) bundle(ticks ...bool) ([]Part, error) {
	f.Helper()
	residence := f.need()
	residence.DataSet, residence.Claims, residence.Optional = "residence", []string{"district"}, nil
	to, err := f.consumer.AskBundle(context.Background(), []Need{f.need(), residence})
	if err != nil {
		return nil, err
	}
	f.hub.ticks = ticks
	return f.consumer.CompleteBundle(context.Background(), to.State, f.hub.visit(to.URL, f.passkey))
}

func TestBundle(t *testing.T) {
	ctx := context.Background()
	f := newFixture(t)
	f.withOffice()
	parts, err := f.bundle(true, true)
	if err != nil || parts[0].Err != nil || parts[1].Err != nil {
		t.Fatalf("%+v, %v", parts, err)
	}
	if parts[0].Release.Claims["vision_ok"] != true || parts[1].Release.Claims["district"] != "Mapo" || parts[1].Release.Provider != f.hub.second.ID {
		t.Errorf("%+v, %+v", parts[0].Release, parts[1].Release)
	}
	first, _ := kept[grantRow](ctx, f.journals[1], "grant", parts[0].GrantID)
	second, _ := kept[grantRow](ctx, f.journals[1], "grant", parts[1].GrantID)
	if string(first.Recipient) == string(second.Recipient) || string(first.Salt) == string(second.Salt) {
		t.Error("two grants share a key or a salt")
	}
	for _, part := range parts {
		again, err := f.consumer.Again(ctx, part.GrantID)
		if err != nil || again.Use != 2 || again.Provider != part.Release.Provider {
			t.Errorf("a later use: %+v, %v", again, err)
		}
		if _, err := f.consumer.Receipt(ctx, part.GrantID); err != nil {
			t.Errorf("receipt: %v", err)
		}
	}
}

//clause:consent a bundle: one approval, grants that live and die alone
func TestBundleInPart(t *testing.T) {
	for _, tt := range []struct {
		name  string
		ticks []bool
	}{{"it goes on without the first", []bool{false, true}}, {"it goes on without the second", []bool{true, false}}} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			f.withOffice()
			parts, err := f.bundle(tt.ticks...)
			if err != nil {
				t.Fatal(err)
			}
			for i, ticked := range tt.ticks {
				var refused *Error
				if ticked && (parts[i].Err != nil || parts[i].Release == nil) {
					t.Errorf("part %d: %v", i, parts[i].Err)
				}
				if !ticked && (!errors.As(parts[i].Err, &refused) || refused.By != "citizen" || refused.Reason != "denied" || parts[i].Release != nil) {
					t.Errorf("part %d: %v", i, parts[i].Err)
				}
			}
			grants, err := f.consumer.Grants(context.Background(), f.need().Subject)
			if err != nil || len(grants) != 1 {
				t.Errorf("the journal keeps %d grants, %v", len(grants), err)
			}
		})
	}
}

// A provider that does not answer leaves the other parts valid, and its own to
// be fetched later, also after a restart.
func TestBundleWithAProviderAway(t *testing.T) {
	ctx := context.Background()
	f := newFixture(t)
	f.withOffice()
	for away, host := range []string{"insurer.example", "office.example"} {
		f.route.fault = func(r *http.Request, send func() *http.Response) (*http.Response, error) {
			if r.URL.Host == host {
				return nil, errors.New("no route to host")
			}
			return send(), nil
		}
		parts, err := f.bundle(true, true)
		if err != nil || !errors.Is(parts[away].Err, ErrUnavailable) || parts[1-away].Err != nil {
			t.Fatalf("%s away: %+v, %v", host, parts, err)
		}
		f.route.fault = nil
		f.open()
		r, err := f.consumer.Again(ctx, parts[away].GrantID)
		if err != nil || r.Use != 1 {
			t.Errorf("%s back: %+v, %v", host, r, err)
		}
	}
}

// That a citizen left a part out is the hub's to tell: a provider that says so refuses
// for itself, and what the citizen granted stays to be fetched.
func TestBundleWithAProviderThatSaysDenied(t *testing.T) {
	f := newFixture(t)
	f.withOffice()
	for says, host := range []string{"insurer.example", "office.example"} {
		f.route.fault = func(r *http.Request, send func() *http.Response) (*http.Response, error) {
			if r.URL.Host == host {
				return &http.Response{StatusCode: http.StatusConflict, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{"code":"denied"}`))}, nil
			}
			return send(), nil
		}
		parts, err := f.bundle(true, true)
		var refused *Error
		if err != nil || !errors.As(parts[says].Err, &refused) || refused.By != "provider" {
			t.Errorf("%s: %+v, %v", host, parts, err)
		}
		f.route.fault = nil
		if r, err := f.consumer.Again(context.Background(), parts[says].GrantID); err != nil || r.Use != 1 {
			t.Errorf("%s afterwards: %+v, %v", host, r, err)
		}
	}
}

func TestBundleRefuses(t *testing.T) {
	ctx := context.Background()
	f := newFixture(t)
	for name, needs := range map[string][]Need{
		"it refuses none": nil, "it refuses one": {f.need()},
		"it refuses more than go together": {f.need(), f.need(), f.need(), f.need(), f.need(), f.need(), f.need()},
		"it refuses needs about several":   {f.need(), {Subject: "another", DataSet: "health-checkup", Claims: []string{"vision_ok"}, Purpose: "driving-licence-renewal"}},
	} {
		if _, err := f.consumer.AskBundle(ctx, needs); err == nil {
			t.Error(name)
		}
	}
	t.Run("it refuses a token of another part than it named", func(t *testing.T) {
		f := newFixture(t)
		f.withOffice()
		f.hub.lie = func(id consent.GrantID) (consent.Authorized, bool) {
			for _, p := range f.hub.codes {
				next, err := f.world.Ledger.NextUse(ctx, p.grants[0], consenttest.Client)
				return next, err == nil
			}
			return consent.Authorized{}, false
		}
		parts, err := f.bundle(true, true)
		if err != nil || parts[1].Err == nil {
			t.Errorf("%+v, %v", parts, err)
		}
	})
	t.Run("it refuses another person's answer", func(t *testing.T) {
		f := newFixture(t)
		f.withOffice()
		f.hub.bendID = func(c map[string]any) { c["sub"] = "another" }
		if _, err := f.bundle(true, true); Reason(err) != "other_person" {
			t.Error(err)
		}
	})
	t.Run("it says so when the code is not good", func(t *testing.T) {
		f := newFixture(t)
		to, err := f.consumer.AskBundle(ctx, []Need{f.need(), f.need()})
		if err != nil {
			t.Fatal(err)
		}
		f.hub.ticks = []bool{true, true}
		query := f.hub.visit(to.URL, f.passkey)
		query.Set("code", "another")
		if _, err := f.consumer.CompleteBundle(ctx, to.State, query); err == nil || !strings.Contains(err.Error(), "code unknown") {
			t.Error(err)
		}
		if _, err := f.consumer.CompleteBundle(ctx, to.State, query); Reason(err) != "refused" {
			t.Errorf("the same answer again: %v", err)
		}
	})
}

// What a bundle needs is durable before a browser is sent, or a provider asked.
func TestBundleKeepsWhatItNeeds(t *testing.T) {
	for _, kind := range []string{"bundle", "grant"} {
		for _, stored := range []bool{false, true} {
			f := newFixture(t)
			f.withOffice()
			f.consumer.config.Journal = &torn{Journal: f.journals[1], kind: kind, kept: stored}
			if _, err := f.bundle(true, true); err == nil || len(f.observed) != 0 {
				t.Errorf("%s, kept %v: it went on: %v", kind, stored, err)
			}
		}
	}
}

// The largest bundle fits what the hub reads.
func TestLargestBundleFits(t *testing.T) {
	f := newFixture(t)
	var needs []Need
	for range consent.MaxBundle {
		needs = append(needs, f.need())
	}
	size := 0
	f.route.fault = func(r *http.Request, send func() *http.Response) (*http.Response, error) {
		if r.URL.Path == "/par" {
			size = int(r.ContentLength)
		}
		return send(), nil
	}
	if _, err := f.consumer.AskBundle(context.Background(), needs); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes", size)
	if size < 10_000 || size > 60<<10 {
		t.Errorf("%d bytes", size)
	}
}
