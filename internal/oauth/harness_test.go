package oauth_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/keys"
	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/internal/store"
)

const transferType = "urn:test:transfer"

// hub is a server over a real store, on a real port, with a page that logs a
// citizen in and passes every step.
type hub struct {
	t        testing.TB
	url      string
	oauth    *oauth.Server
	store    *store.DB
	registry *registry.Registry
	ring     *keys.Ring
	detail   *transfers
	offers   *offers

	mu        sync.Mutex
	citizen   string // who logs in, and then is there; "" for nobody
	session   string // who is logged in already
	sessionID string
	aged      time.Duration // how long ago that was
	ahead     time.Duration // of the clock
	lost      error         // why sessions cannot be read

	synced   bool   // passkeys that leave their device
	consents int    // pages of consent that were shown
	strange  string // what the last of them said of the client

	says string // "no": what citizens answer to devices

	deny func(r *http.Request, id string) // what the login page does first, if anything
}

var startedAt = time.Now().Truncate(time.Second)

func (h *hub) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return startedAt.Add(h.ahead)
}

// pass moves the clock.
func (h *hub) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ahead += d
}

func newHub(t testing.TB, change ...func(*oauth.Config)) *hub {
	t.Helper()
	h := &hub{t: t, citizen: "ada", detail: &transfers{}, offers: &offers{}}
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	h.url = server.URL
	dir := t.TempDir()
	check(t, keys.Generate(dir, keys.Options{Issuer: h.url, LogOrigin: "test"}))
	var err error
	h.ring, err = keys.Load(dir)
	check(t, err)
	h.store, err = store.Open(context.Background(), "sqlite::memory:")
	check(t, err)
	t.Cleanup(func() { _ = h.store.Close() })
	check(t, h.store.Migrate(context.Background()))
	h.registry = &registry.Registry{Store: h.store.Registry(), Now: h.now}
	config := oauth.Config{
		Issuer: h.url, Clients: h.registry, Store: h.store.OAuth(), Keys: h.ring, Accounts: pairwise{},
		Details: []oauth.DetailType{h.detail}, PreAuthorized: h.offers, IssuanceScopes: []string{"resident_card"},
		SessionFrom: h.sessionFrom, Development: true, Now: h.now,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	for _, f := range change {
		f(&config)
	}
	h.ring = config.Keys
	rs256, _ := h.ring.IDTokenSigner(h.now())
	h.registry.RS256 = rs256 != nil
	h.oauth, err = oauth.New(config)
	check(t, err)
	h.oauth.Mount(mux)
	h.pages(mux)
	return h
}

func (h *hub) sessionFrom(r *http.Request) (oauth.Session, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	who := h.citizen
	if r.URL.Path == "/authorize" {
		who = h.session
	}
	err := h.lost
	if who == "" && err == nil {
		err = oauth.ErrNobody
	}
	return oauth.Session{ID: h.sessionID, Citizen: who, AuthTime: startedAt.Add(h.ahead - h.aged), AMR: []string{"hwk"}}, err
}

func (h *hub) amr() []string {
	if h.synced {
		return []string{"swk", "user"}
	}
	return []string{"hwk", "user"}
}

// leaves says who sits at the browsers now; "" for nobody.
func (h *hub) leaves(to string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.citizen = to
}

// done passes a step as a page does.
func (h *hub) done(r *http.Request, id, step string) (next string, err error) {
	in, err := h.oauth.Interaction(r.Context(), r, id)
	if err != nil {
		return "", err
	}
	return h.oauth.Done(r.Context(), r, in, step)
}

// pages are the steps: login, approval, issuance, each of which goes on by Next.
func (h *hub) pages(mux *http.ServeMux) {
	step := func(f func(r *http.Request) (next string, err error)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			next, err := f(r)
			if err != nil {
				http.Error(w, err.Error(), http.StatusForbidden)
				return
			}
			http.Redirect(w, r, next, http.StatusSeeOther)
		}
	}
	mux.HandleFunc("/login", step(func(r *http.Request) (string, error) {
		if h.deny != nil {
			h.deny(r, r.URL.Query().Get("request"))
		}
		id := r.URL.Query().Get("request")
		if err := h.oauth.Authenticated(r.Context(), r, id, h.citizen, h.now(), h.amr()); err != nil {
			return "", err
		}
		return h.oauth.Next(r.Context(), id)
	}))
	h.devicePages(mux)
	mux.HandleFunc("/approval/{id}", step(func(r *http.Request) (string, error) {
		return h.done(r, r.PathValue("id"), oauth.StepApproval)
	}))
	mux.HandleFunc("/consent/{id}", step(func(r *http.Request) (string, error) {
		in, err := h.oauth.Interaction(r.Context(), r, r.PathValue("id"))
		if err != nil {
			return "", err
		}
		h.consents, h.strange = h.consents+1, in.Stranger
		return h.done(r, in.ID, oauth.StepConsent)
	}))
	mux.HandleFunc("/issuance/{id}", step(func(r *http.Request) (string, error) {
		return h.done(r, r.PathValue("id"), oauth.StepIssuance)
	}))
	mux.Handle("/resource", h.oauth.Protect(h.url, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(oauth.TokenFrom(r.Context()))
	})))
}

// pairwise makes subjects as account does: another for each sector.
type pairwise struct{}

func (pairwise) Pairwise(_ context.Context, citizen, sector string) (string, error) {
	sum := sha256.Sum256([]byte(citizen + "\x00" + sector))
	return base64.RawURLEncoding.EncodeToString(sum[:]), nil
}

// transfers is a detail type that can be withdrawn.
type transfers struct {
	mu      sync.Mutex
	refusal error
	object  json.RawMessage
	uses    int
	claims  map[string]any
	spoil   func(*oauth.Authorized)
}

func (d *transfers) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.uses
}

func (d *transfers) Type() string { return transferType }

func (d *transfers) Validate(_ context.Context, _ registry.Client, details []json.RawMessage, object json.RawMessage) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.object = object
	var refs []string
	for i, detail := range details {
		var e struct {
			Bad string `json:"bad"`
		}
		if err := json.Unmarshal(detail, &e); err != nil || e.Bad != "" {
			return nil, &oauth.Refusal{Code: "invalid_authorization_details", Description: "purpose: not in the catalogue"}
		}
		refs = append(refs, fmt.Sprint("grant-", i+1))
	}
	return refs, nil
}

func (d *transfers) Select(detail json.RawMessage) (string, error) {
	var e struct {
		GrantID string `json:"grant_id"`
	}
	if err := json.Unmarshal(detail, &e); err != nil || e.GrantID == "" {
		return "", &oauth.Refusal{Code: "invalid_authorization_details", Description: "grant_id: missing"}
	}
	return e.GrantID, nil
}

func (d *transfers) Authorize(_ context.Context, c registry.Client, citizen, ref string) (oauth.Authorized, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.refusal != nil {
		return oauth.Authorized{}, d.refusal
	}
	d.uses++
	claims := map[string]any{"grant_id": ref, "use": d.uses}
	maps.Copy(claims, d.claims)
	out := oauth.Authorized{
		Audience: "urn:provider", TTL: time.Minute, Claims: claims,
		Details: json.RawMessage(`[{"type":"` + transferType + `","grant_id":"` + ref + `"}]`),
	}
	if d.spoil != nil {
		d.spoil(&out)
	}
	return out, nil
}

func (d *transfers) refuse(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refusal = err
}

// offers redeems one code, "offer", once, with the tx_code "1234"; with "plain"
// it wants none.
type offers struct {
	mu   sync.Mutex
	used bool
}

func (o *offers) Redeem(_ context.Context, code, tx, client string) (oauth.PreAuthorizedGrant, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case code == "plain" && tx != "":
		return oauth.PreAuthorizedGrant{}, oauth.ErrTxCodeUnexpected
	case code != "offer" || o.used:
		return oauth.PreAuthorizedGrant{}, oauth.ErrInvalidCode
	case tx == "":
		return oauth.PreAuthorizedGrant{}, oauth.ErrTxCodeMissing
	case tx != "1234":
		return oauth.PreAuthorizedGrant{}, oauth.ErrTxCode
	}
	o.used = true
	return oauth.PreAuthorizedGrant{Citizen: "ada", Scopes: []string{"resident_card"}, Ref: "offer-ref"}, nil
}
