package wallet_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/govmydata/mydata/conformance/wallet"
	"github.com/govmydata/mydata/conformance/wallet/wallettest"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

func phone(i *wallettest.Issuer, change ...func(*wallet.Config)) *wallet.Wallet {
	c := wallet.Config{
		ClientID: "demo-wallet", RedirectURI: "http://localhost:8084/callback",
		Issuers: i.Authority.Pool(), Verifiers: i.Authority.Pool(), Development: true,
	}
	for _, f := range change {
		f(&c)
	}
	return wallet.New(c)
}

func accept(ctx context.Context, w *wallet.Wallet, link, txCode string) ([]wallet.Credential, error) {
	o, err := w.ReadOffer(ctx, link)
	if err != nil {
		return nil, err
	}
	return w.Accept(ctx, o, txCode)
}

// wants fails unless err is a refusal of that check, or an answer of that code.
func wants(t *testing.T, err error, check string) {
	t.Helper()
	var r *wallet.Refusal
	var a *wallet.Answer
	switch {
	case check == "" && err == nil:
	case check == "" && err != nil:
		t.Fatalf("refused: %v", err)
	case errors.As(err, &r) && r.Check == check:
	case errors.As(err, &a) && a.Code == check:
	default:
		t.Fatalf("got %v, want a refusal of %q", err, check)
	}
}

func TestAcceptPreAuthorized(t *testing.T) {
	for _, c := range []struct {
		name   string
		issuer func(*wallettest.Issuer)
		wallet func(*wallet.Config)
		txCode string
		check  string
	}{
		{name: "it takes a credential"},
		{name: "it takes one without a client", wallet: func(c *wallet.Config) { c.ClientID = "" }},
		{name: "it repeats with the server's DPoP nonce", issuer: func(i *wallettest.Issuer) { i.DPoPNonce = true }},
		{name: "it repeats with a fresh c_nonce", issuer: func(i *wallettest.Issuer) { i.StaleNonce = true }},
		{name: "it sends the transaction code", issuer: func(i *wallettest.Issuer) { i.TxCode = "493536" }, txCode: "493536"},
		{name: "it passes on that the transaction code is wrong", issuer: func(i *wallettest.Issuer) { i.TxCode = "493536" }, txCode: "000000", check: "invalid_grant"},
		{name: "it asks for the transaction code that is missing", issuer: func(i *wallettest.Issuer) { i.TxCode = "493536" }, check: "tx_code"},
		{name: "it sends no transaction code unasked", txCode: "1", check: "tx_code"},
		{name: "it refuses a token that is not bound", issuer: func(i *wallettest.Issuer) { i.Token = func(t map[string]any) { t["token_type"] = "Bearer" } }, check: "dpop"},
		{name: "it refuses a server without DPoP", issuer: func(i *wallettest.Issuer) {
			i.ServerInfo = func(m map[string]any) { delete(m, "dpop_signing_alg_values_supported") }
		}, check: "dpop"},
		{name: "it refuses metadata of another issuer", issuer: func(i *wallettest.Issuer) {
			i.Metadata = func(m *openid4vci.Metadata) { m.CredentialIssuer += "/" }
		}, check: "issuer metadata"},
		{name: "it refuses server metadata of another issuer", issuer: func(i *wallettest.Issuer) {
			i.ServerInfo = func(m map[string]any) { m["issuer"] = "https://elsewhere.example" }
		}, check: "authorization server"},
		{name: "it refuses an endpoint without TLS elsewhere", issuer: func(i *wallettest.Issuer) {
			i.Metadata = func(m *openid4vci.Metadata) { m.CredentialEndpoint = "http://issuer.example/credential" }
		}, check: "address"},
		{name: "it refuses plain http outside development", wallet: func(c *wallet.Config) { c.Development = false }, check: "address"},
		{name: "it refuses a format it does not know", issuer: func(i *wallettest.Issuer) {
			i.Metadata = func(m *openid4vci.Metadata) {
				for id, c := range m.CredentialConfigurationsSupported {
					c.Format = "mso_mdoc"
					m.CredentialConfigurationsSupported[id] = c
				}
			}
		}, check: "format"},
		{name: "it refuses a configuration that is not in the metadata", issuer: func(i *wallettest.Issuer) {
			i.Metadata = func(m *openid4vci.Metadata) {
				m.CredentialConfigurationsSupported = map[string]openid4vci.CredentialConfiguration{"other": {Format: "dc+sd-jwt"}}
			}
		}, check: "offer"},
		{name: "it refuses an issuer it does not trust", wallet: func(c *wallet.Config) { c.Issuers = nil }, check: "issuer trusted"},
		{name: "it refuses another type than was offered", issuer: func(i *wallettest.Issuer) {
			i.Credential = func(c map[string]any) { c["vct"] = "urn:example:other" }
		}, check: "vct"},
		{name: "it refuses a credential bound to no key", issuer: func(i *wallettest.Issuer) {
			i.Credential = func(c map[string]any) { delete(c, "cnf") }
		}, check: "key binding"},
	} {
		t.Run(c.name, func(t *testing.T) {
			issuer := wallettest.NewIssuer(t)
			if c.issuer != nil {
				c.issuer(issuer)
			}
			w := phone(issuer)
			if c.wallet != nil {
				w = phone(issuer, c.wallet)
			}
			got, err := accept(t.Context(), w, issuer.Offer(t, true), c.txCode)
			wants(t, err, c.check)
			if held := len(w.Store().List()); c.check == "" && (len(got) != 1 || held != 1) {
				t.Fatalf("%d came and %d are held, want one", len(got), held)
			} else if c.check != "" && held != 0 {
				t.Fatalf("%d are held after a refusal", held)
			}
		})
	}
}

//clause:wallet foreign keys, foreign issuers
func TestAcceptRefusesForeignKeys(t *testing.T) {
	t.Run("it refuses a credential signed by another key than the certificate's", func(t *testing.T) {
		issuer := wallettest.NewIssuer(t)
		issuer.SignWith = wallettest.Key(t)
		_, err := accept(t.Context(), phone(issuer), issuer.Offer(t, true), "")
		wants(t, err, "issuer signature")
		if got := issuer.Events(); len(got) != 1 || got[0] != openid4vci.CredentialFailure {
			t.Fatalf("the issuer was told %v", got)
		}
	})
	t.Run("it refuses a credential bound to another key", func(t *testing.T) {
		issuer := wallettest.NewIssuer(t)
		issuer.Credential = func(c map[string]any) {
			c["cnf"] = map[string]any{"jwk": jwkOf(t, &wallettest.Key(t).PublicKey)}
		}
		_, err := accept(t.Context(), phone(issuer), issuer.Offer(t, true), "")
		wants(t, err, "key binding")
	})
}

func TestAcceptTells(t *testing.T) {
	issuer := wallettest.NewIssuer(t)
	if _, err := accept(t.Context(), phone(issuer), issuer.Offer(t, true), ""); err != nil {
		t.Fatal(err)
	}
	if got := issuer.Events(); len(got) != 1 || got[0] != openid4vci.CredentialAccepted {
		t.Fatalf("the issuer was told %v", got)
	}
}

//clause:wallet offers and requests are untrusted
//clause:wallet offers and requests are untrusted
func TestReadOffer(t *testing.T) {
	issuer := wallettest.NewIssuer(t)
	byValue := issuer.Offer(t, true)
	for _, c := range []struct{ name, link, check string }{
		{"it takes an offer by value", byValue, ""},
		{"it takes an offer by reference", openid4vci.OfferURI(issuer.URL + "/offer"), ""},
		{"it refuses both at once", byValue + "&credential_offer_uri=" + url.QueryEscape(issuer.URL+"/offer"), "offer"},
		{"it refuses a reference without TLS elsewhere", openid4vci.OfferURI("http://issuer.example/offer"), "address"},
		{"it refuses a reference that is no JSON", openid4vci.OfferURI(issuer.URL + "/status/1"), "content type"},
		{"it refuses another scheme", "javascript:alert(1)", "offer"},
		{"it refuses an empty offer", "openid-credential-offer://?credential_offer=%7B%7D", "offer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := phone(issuer).ReadOffer(t.Context(), c.link)
			wants(t, err, c.check)
		})
	}
}

// browse opens an address and answers with the query of the redirect back.
func browse(t *testing.T, address string) url.Values {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	back, err := resp.Location()
	if err != nil {
		t.Fatalf("no redirect: %v", err)
	}
	return back.Query()
}

func TestAcceptBySigningIn(t *testing.T) {
	for _, c := range []struct {
		name     string
		callback func(url.Values)
		check    string
	}{
		{name: "it takes a credential"},
		{name: "it refuses a callback of another server", callback: func(q url.Values) { q.Set("iss", "https://elsewhere.example") }, check: "iss"},
		{name: "it refuses a callback without iss", callback: func(q url.Values) { q.Del("iss") }, check: "iss"},
		{name: "it refuses a state it did not send", callback: func(q url.Values) { q.Set("state", "x") }, check: "state"},
		{name: "it refuses a code given twice", callback: func(q url.Values) { q.Add("code", "x") }, check: "callback"},
		{name: "it passes on an error", callback: func(q url.Values) { q.Del("code"); q.Set("error", "access_denied") }, check: "access_denied"},
	} {
		t.Run(c.name, func(t *testing.T) {
			issuer := wallettest.NewIssuer(t)
			issuer.Callback = c.callback
			w := phone(issuer)
			o, err := w.ReadOffer(t.Context(), issuer.Offer(t, false))
			if err != nil {
				t.Fatal(err)
			}
			address, state, err := w.Begin(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(address, "scope") || !strings.Contains(address, "request_uri") {
				t.Fatalf("the request was not pushed: %s", address)
			}
			back := browse(t, address)
			if c.check == "" && back.Get("state") != state {
				t.Fatal("the state is not the one announced")
			}
			_, err = w.Finish(t.Context(), back)
			wants(t, err, c.check)
			_, err = w.Finish(t.Context(), back)
			if err == nil {
				t.Fatal("a callback was taken twice")
			}
		})
	}
	t.Run("it wants PKCE S256", func(t *testing.T) {
		issuer := wallettest.NewIssuer(t)
		issuer.ServerInfo = func(m map[string]any) { m["code_challenge_methods_supported"] = []string{"plain"} }
		w := phone(issuer)
		o, err := w.ReadOffer(t.Context(), issuer.Offer(t, false))
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = w.Begin(t.Context(), o)
		wants(t, err, "pkce")
	})
}

func TestStore(t *testing.T) {
	issuer := wallettest.NewIssuer(t)
	dir := filepath.Join(t.TempDir(), "wallet")
	store, err := wallet.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	got, err := accept(t.Context(), phone(issuer, func(c *wallet.Config) { c.Store = store }), issuer.Offer(t, true), "")
	if err != nil {
		t.Fatal(err)
	}
	again, err := wallet.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if list := again.List(); len(list) != 1 || list[0].Token != got[0].Token {
		t.Fatalf("reopened, the store holds %d", len(list))
	}
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(names) != 2 {
		t.Fatalf("files %v, %v", names, err)
	}
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Fatalf("others may read %s: %v, %v", name, info.Mode(), err)
		}
	}
	if err := again.Delete(got[0].ID); err != nil {
		t.Fatal(err)
	}
	if err := again.Delete(got[0].ID); !errors.Is(err, wallet.ErrNotHeld) {
		t.Fatalf("deleted twice: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 0 {
		t.Fatalf("left behind: %v", left)
	}
}
