package issuance_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/conformance/wallet"
	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/idp/issuance"
	"github.com/govmydata/mydata/internal/keys"
	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/credential"
)

// hub is the issuance face behind the real authorization server, over a real
// store, on a real port; its login page believes everybody.
type hub struct {
	*issuance.Handler
	url    string
	wallet *wallet.Wallet
	roots  *x509.CertPool
	with   func(wallet.Issuance) // another wallet

	authorization *oauth.Server
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newHub(t *testing.T, change ...func(*oauth.Config)) *hub {
	t.Helper()
	var served http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { served.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	dir := t.TempDir()
	must(t, keys.Generate(dir, keys.Options{Issuer: server.URL, LogOrigin: "test"}))
	ring, err := keys.Load(dir)
	must(t, err)
	db, err := store.Open(t.Context(), "sqlite::memory:")
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	must(t, db.Migrate(t.Context()))
	clients := &registry.Registry{Store: db.Registry(), Now: time.Now}
	metadata, err := json.Marshal(map[string]any{
		"client_id": "demo-wallet", "client_name": "Demo wallet", "redirect_uris": []string{"http://localhost:8084/callback"},
		"grant_types":                []string{"authorization_code", "urn:ietf:params:oauth:grant-type:pre-authorized_code"},
		"token_endpoint_auth_method": "none", "scope": strings.Join(issuance.Scopes(), " "), "dpop_bound_access_tokens": true,
		"require_pushed_authorization_requests": true})
	must(t, err)
	_, _, err = clients.AddClient(t.Context(), metadata)
	must(t, err)
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	frame := web.New(web.Options{Service: "idp", Development: true, Logger: quiet})
	signer, kid, chain := ring.Signer(keys.Issuer)
	rows := db.Credentials()
	h := &hub{url: server.URL, Handler: &issuance.Handler{
		URL: server.URL, Frame: frame, Now: time.Now, Logger: quiet, Clients: clients,
		Residents: residents{"kim": account.Resident{NameKo: "김하늘", NameLatin: "KIM Haneul", FamilyName: "Kim", GivenName: "Haneul",
			BirthDate: "1990-05-05", Address: "서울", ResidentNumber: "900505-0000000"}},
		Issuer: &credential.Issuer{URL: server.URL, Store: rows, Salts: salts{}, Now: time.Now,
			Key: func() credential.Key { return credential.Key{Signer: signer, KeyID: kid, Chain: chain} }},
		Offers:    &credential.Offers{Store: rows, Secret: ring.Secret("offer"), Now: time.Now},
		Nonces:    &credential.Nonces{Store: rows, Secret: ring.Secret("nonce"), Now: time.Now},
		Deferrals: &credential.Deferrals{Store: rows, Now: time.Now},
	}}
	requestKey, err := issuance.RequestKey(ring.Secret("credential-request"))
	must(t, err)
	h.RequestKeys = []jose.JSONWebKey{requestKey}
	config := oauth.Config{
		Issuer: server.URL, Clients: clients, Store: db.OAuth(), Keys: ring, Accounts: pairwise{}, PreAuthorized: h.Handler,
		IssuanceScopes: issuance.Scopes(), Details: []oauth.DetailType{&issuance.Details{URL: server.URL}}, Development: true, Logger: quiet, Now: time.Now,
	}
	for _, f := range change {
		f(&config)
	}
	authorization, err := oauth.New(config)
	must(t, err)
	h.Server, h.authorization = authorization, authorization
	mux := http.NewServeMux()
	authorization.Mount(mux)
	frame.Machine("/par", "/token", "/challenge")
	h.Mount(mux)
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) {
		id := r.URL.Query().Get("request")
		if err := authorization.Authenticated(r.Context(), r, id, "kim", time.Now(), []string{"hwk"}); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		next, err := authorization.Next(r.Context(), id)
		if err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		http.Redirect(w, r, next, http.StatusSeeOther)
	})
	served = frame.Handler(mux)
	roots := x509.NewCertPool()
	roots.AddCert(ring.CA())
	h.roots = roots
	h.with = func(i wallet.Issuance) {
		h.wallet = wallet.New(wallet.Config{ClientID: "demo-wallet", RedirectURI: "http://localhost:8084/callback", Issuers: roots, Development: true, Issuance: i})
	}
	h.with(wallet.Issuance{})
	return h
}

type pairwise struct{}

func (pairwise) Pairwise(_ context.Context, citizen, sector string) (string, error) {
	return citizen + "@" + sector, nil
}

//clause:issuer 6: pre-authorized code
func TestTheScriptedWalletTakesAPreAuthorizedOffer(t *testing.T) {
	h := newHub(t)
	link, tx, err := h.Offer(t.Context(), "kim", credential.ConfigResidentCard, credential.GrantPreAuthorized, true)
	must(t, err)
	offered, err := h.wallet.ReadOffer(t.Context(), link)
	must(t, err)
	_, err = h.wallet.Accept(t.Context(), offered, other(tx))
	if refused, ok := errors.AsType[*wallet.Answer](err); !ok || refused.Code != "invalid_grant" {
		t.Fatalf("with a wrong transaction code: %v", err)
	}
	cards, err := h.wallet.Accept(t.Context(), offered, tx)
	if err != nil || len(cards) != 1 {
		t.Fatalf("%d cards, %v", len(cards), err)
	}
	issued, err := h.Issuer.Of(t.Context(), "kim")
	if err != nil || len(issued) != 1 || issued[0].Acceptance != "credential_accepted" || issued[0].Device != "Demo wallet" {
		t.Errorf("what the wallet is and notified was not kept: %+v, %v", issued, err)
	}
	if _, err := h.wallet.Accept(t.Context(), offered, tx); err == nil {
		t.Error("one offer gave two tokens")
	}
}

//clause:issuer 5: authorization code
func TestTheScriptedWalletTakesAnOfferByLogin(t *testing.T) {
	h := newHub(t)
	link, _, err := h.Offer(t.Context(), "kim", credential.ConfigResidentCard, credential.GrantAuthorizationCode, false)
	must(t, err)
	offered, err := h.wallet.ReadOffer(t.Context(), link)
	must(t, err)
	address, _, err := h.wallet.Begin(t.Context(), offered)
	must(t, err)
	callback := h.browse(t, address, "")
	cards, err := h.wallet.Finish(t.Context(), callback)
	if err != nil || len(cards) != 1 {
		t.Fatalf("%d cards, %v", len(cards), err)
	}
	address, _, err = h.wallet.Begin(t.Context(), offered)
	must(t, err)
	if denied := h.browse(t, address, "/deny"); denied.Get("error") != "access_denied" {
		t.Errorf("a refusal comes back as %v", denied)
	}
	if issued, err := h.Issuer.Of(t.Context(), "kim"); err != nil || len(issued) != 1 {
		t.Errorf("%d issued, %v", len(issued), err)
	}
}

// browse follows the authorization as a browser does, answers the consent page
// and gives what reached the wallet's callback.
func (h *hub) browse(t *testing.T, address, answer string) url.Values {
	t.Helper()
	jar, err := cookiejar.New(nil)
	must(t, err)
	var callback *url.URL
	browser := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if r.URL.Host == "localhost:8084" {
			callback = r.URL
			return http.ErrUseLastResponse
		}
		return nil
	}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	must(t, err)
	page, err := browser.Do(request)
	must(t, err)
	body, err := io.ReadAll(page.Body)
	must(t, errors.Join(err, page.Body.Close()))
	if page.StatusCode != http.StatusOK || !strings.HasPrefix(page.Request.URL.Path, "/issuance/") {
		t.Fatalf("no consent page at %s: %d %s", page.Request.URL.Path, page.StatusCode, body)
	}
	request, err = http.NewRequestWithContext(t.Context(), http.MethodPost, h.url+page.Request.URL.Path+answer, nil)
	must(t, err)
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	response, err := browser.Do(request)
	must(t, err)
	must(t, response.Body.Close())
	if callback == nil {
		t.Fatalf("the browser did not reach the wallet: %d at %s", response.StatusCode, response.Request.URL.Path)
	}
	return callback.Query()
}
