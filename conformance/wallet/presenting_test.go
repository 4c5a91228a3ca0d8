package wallet_test

import (
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/conformance/wallet"
	"github.com/govmydata/mydata/conformance/wallet/wallettest"
	"github.com/govmydata/mydata/pkg/credential/openid4vp"
)

const statement = `{"type":"urn:mydata:transaction:statement:1","credential_ids":["card"],"transaction_data_hashes_alg":["sha-256"],"statement":"I move to Busan."}`

// presenting is a phone that holds a card and takes what is given.
func presenting(t *testing.T, p wallet.Presenting) (*wallettest.Issuer, *wallet.Wallet) {
	t.Helper()
	issuer := wallettest.NewIssuer(t)
	w := phone(issuer, func(c *wallet.Config) { c.Presenting = p })
	if _, err := accept(t.Context(), w, issuer.Offer(t, true), ""); err != nil {
		t.Fatal(err)
	}
	return issuer, w
}

// served hands requests out by another identity.
func (a *asker) served(by openid4vp.Identity) {
	a.request.ClientID = by.ClientID
	a.link = a.request.URI(strings.TrimSuffix(a.request.ResponseURI, "/response") + "/request")
	a.instead = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/request" {
			return false
		}
		metadata, err := openid4vp.ParseWalletMetadata([]byte(r.FormValue("wallet_metadata")))
		var object string
		if err == nil {
			object, err = a.request.Object(by, openid4vp.Caller{Nonce: r.FormValue("wallet_nonce"), Metadata: metadata})
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return true
		}
		w.Header().Set("Content-Type", openid4vp.RequestMediaType)
		_, _ = w.Write([]byte(object))
		return true
	}
}

// took reads what was posted in either mode and judges it.
func (a *asker) took(t *testing.T, issuer *wallettest.Issuer, form url.Values) openid4vp.Evaluation {
	t.Helper()
	response, err := a.request.OpenForm(form)
	if err != nil {
		t.Fatal(err)
	}
	return a.request.Evaluate(t.Context(), response, verifierOf(issuer))
}

//clause:wallet unsigned and unencrypted only where it is switched on
//clause:wallet 5.10: requests encrypted to it, and then no other
func TestPresentEveryWay(t *testing.T) {
	attester := wallettest.Key(t)
	attested := func(t *testing.T, key any, exp time.Time) string {
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: attester}, (&jose.SignerOptions{}).WithType(openid4vp.AttestationTyp))
		if err != nil {
			t.Fatal(err)
		}
		body, err := json.Marshal(map[string]any{"iss": "https://attester.example", "sub": "shop", "exp": exp.Unix(), "cnf": map[string]any{"jwk": jose.JSONWebKey{Key: key}}})
		if err != nil {
			t.Fatal(err)
		}
		jws, err := signer.Sign(body)
		if err != nil {
			t.Fatal(err)
		}
		text, err := jws.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	attesters := map[string]jose.JSONWebKeySet{"https://attester.example": {Keys: []jose.JSONWebKey{{Key: &attester.PublicKey}}}}
	for _, c := range []struct {
		name  string
		takes wallet.Presenting
		make  func(t *testing.T, i *wallettest.Issuer, a *asker)
		check string
	}{
		{name: "it answers a request by value", make: func(t *testing.T, _ *wallettest.Issuer, a *asker) {
			object, err := a.request.Sign(a.key, a.chain, "")
			if err != nil {
				t.Fatal(err)
			}
			a.link = a.request.URIByValue(object)
		}},
		{name: "it answers a name in a certificate", make: func(t *testing.T, i *wallettest.Issuer, a *asker) {
			chain := i.Authority.Leaf(t, a.key.Public(), "Test verifier", "https://x", func(c *x509.Certificate) { c.DNSNames = []string{"127.0.0.1"} })
			a.served(openid4vp.Identity{ClientID: "x509_san_dns:127.0.0.1", Key: a.key, Chain: chain})
		}},
		{name: "it answers one that is attested", takes: wallet.Presenting{Attesters: attesters}, make: func(t *testing.T, _ *wallettest.Issuer, a *asker) {
			a.served(openid4vp.Identity{ClientID: "verifier_attestation:shop", Key: a.key, Attestation: attested(t, &a.key.PublicKey, time.Now().Add(time.Hour))})
		}},
		{name: "it refuses one that is attested by it does not know whom", make: func(t *testing.T, _ *wallettest.Issuer, a *asker) {
			a.served(openid4vp.Identity{ClientID: "verifier_attestation:shop", Key: a.key, Attestation: attested(t, &a.key.PublicKey, time.Now().Add(time.Hour))})
		}, check: "verifier attestation"},
		{name: "it refuses one that was attested long ago", takes: wallet.Presenting{Attesters: attesters}, make: func(t *testing.T, _ *wallettest.Issuer, a *asker) {
			a.served(openid4vp.Identity{ClientID: "verifier_attestation:shop", Key: a.key, Attestation: attested(t, &a.key.PublicKey, time.Now().Add(-time.Hour))})
		}, check: "verifier attestation"},
		{name: "it answers in plain text where that is switched on", takes: wallet.Presenting{Plain: true}, make: func(_ *testing.T, _ *wallettest.Issuer, a *asker) { a.request = a.request.Plain() }},
		{name: "it tells a verifier beforehand that it would not", make: func(_ *testing.T, _ *wallettest.Issuer, a *asker) {
			a.request = a.request.Plain()
			a.served(openid4vp.Identity{ClientID: a.request.ClientID, Key: a.key, Chain: a.chain})
		}, check: ""},
		{name: "it answers what nobody signed where that is switched on", takes: wallet.Presenting{Unsigned: true}, make: func(t *testing.T, _ *wallettest.Issuer, a *asker) {
			a.request.ClientID = "redirect_uri:" + a.request.ResponseURI
			var err error
			if a.link, err = a.request.URIUnsigned(); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "it refuses what nobody signed", make: func(t *testing.T, _ *wallettest.Issuer, a *asker) {
			a.request.ClientID = "redirect_uri:" + a.request.ResponseURI
			var err error
			if a.link, err = a.request.URIUnsigned(); err != nil {
				t.Fatal(err)
			}
		}, check: "signature"},
		{name: "it has requests encrypted to it", takes: wallet.Presenting{Sealed: true}, make: func(_ *testing.T, _ *wallettest.Issuer, a *asker) {
			a.served(openid4vp.Identity{ClientID: a.request.ClientID, Key: a.key, Chain: a.chain})
		}},
		{name: "it takes no other then", takes: wallet.Presenting{Sealed: true}, make: func(_ *testing.T, _ *wallettest.Issuer, _ *asker) {}, check: "request encryption"},
		{name: "it authorizes a transaction that it can show", takes: wallet.Presenting{Types: openid4vp.Transactions()}, make: withStatement},
		{name: "it refuses a transaction that it cannot show", make: withStatement, check: "transaction_data"},
	} {
		t.Run(c.name, func(t *testing.T) {
			issuer, w := presenting(t, c.takes)
			a := newAsker(t, issuer, nameQuery)
			c.make(t, issuer, a)
			var form url.Values
			before := a.instead
			a.instead = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == "/response" && r.ParseForm() == nil {
					form = r.PostForm
				}
				return before != nil && before(w, r)
			}
			asked, err := w.ReadRequest(t.Context(), a.link)
			if strings.HasPrefix(c.name, "it tells") {
				if err == nil || !strings.Contains(err.Error(), "400") {
					t.Fatalf("the verifier went on: %v", err)
				}
				return
			}
			wants(t, err, c.check)
			if c.check != "" {
				return
			}
			if _, err := w.Present(t.Context(), asked, asked.Least()); err != nil {
				t.Fatal(err)
			}
			if e := a.took(t, issuer, form); !e.OK {
				t.Fatalf("%+v", e)
			}
		})
	}
}

func withStatement(t *testing.T, _ *wallettest.Issuer, a *asker) {
	t.Helper()
	transaction, err := openid4vp.Transactions().Parse([]byte(statement), a.request.Query)
	if err != nil {
		t.Fatal(err)
	}
	a.request.Transactions = []openid4vp.Transaction{transaction}
}

// What only a transaction needs is needed; one that nothing held may authorize
// is refused before anybody is asked.
//
//clause:wallet 5.1, 8.5: transaction data that it cannot show is refused; one credential authorizes each
func TestTransactionNeeds(t *testing.T) {
	issuer, w := presenting(t, wallet.Presenting{Types: openid4vp.Transactions()})
	one := `{"id":"ID","format":"dc+sd-jwt","meta":{"vct_values":["VCT"]}}`
	query := func(other string) string {
		return `{"credentials":[` + strings.NewReplacer("ID", "first", "VCT", "urn:mydata:resident-card:1").Replace(one) + `,` +
			strings.NewReplacer("ID", "card", "VCT", other).Replace(one) + `],"credential_sets":[{"options":[["first"]]},{"required":false,"options":[["card"]]}]}`
	}
	t.Run("it needs a credential for the transaction alone", func(t *testing.T) {
		a := newAsker(t, issuer, query("urn:mydata:resident-card:1"))
		withStatement(t, issuer, a)
		asked, err := w.ReadRequest(t.Context(), a.link)
		if err != nil || len(asked.Needed) != 2 {
			t.Fatalf("%v, %v", asked.Needed, err)
		}
		_, err = w.Present(t.Context(), asked, []wallet.Choice{{Query: "first"}})
		wants(t, err, "choice")
		if _, err := w.Present(t.Context(), asked, asked.Least()); err != nil {
			t.Fatal(err)
		}
		if e := a.judge(t, issuer); !e.OK {
			t.Fatalf("%+v", e)
		}
	})
	t.Run("it refuses what nothing held may authorize", func(t *testing.T) {
		a := newAsker(t, issuer, query("urn:example:other"))
		withStatement(t, issuer, a)
		_, err := w.ReadRequest(t.Context(), a.link)
		wants(t, err, "transaction_data")
	})
}
