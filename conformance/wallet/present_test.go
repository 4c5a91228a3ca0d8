package wallet_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/govmydata/mydata/conformance/wallet"
	"github.com/govmydata/mydata/conformance/wallet/wallettest"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vp"
	"github.com/govmydata/mydata/pkg/credential/sdjwt"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
)

func jwkOf(t *testing.T, key *ecdsa.PublicKey) map[string]any {
	t.Helper()
	body, err := jose.JSONWebKey{Key: key}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]any
	if err := json.Unmarshal(body, &members); err != nil {
		t.Fatal(err)
	}
	return members
}

// asker is a verifier of one request.
type asker struct {
	request  openid4vp.Request
	link     string
	redirect string // the answer to the wallet
	hop      bool   // answers by an HTTP redirect
	got      string // the response that came
	hopped   bool
	instead  func(w http.ResponseWriter, r *http.Request) bool // answers in its place where it returns true
	key      *ecdsa.PrivateKey
	chain    [][]byte
}

func newAsker(t *testing.T, i *wallettest.Issuer, query string) *asker {
	t.Helper()
	a := &asker{key: wallettest.Key(t)}
	mux := http.NewServeMux()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.instead == nil || !a.instead(w, r) {
			mux.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	a.chain = i.Authority.Leaf(t, a.key.Public(), "Test verifier", server.URL)
	q, err := openid4vp.ParseQuery([]byte(query))
	if err != nil {
		t.Fatal(err)
	}
	a.request, err = openid4vp.NewRequest(openid4vp.ClientID(a.chain[0]), server.URL+"/response", q, time.Now(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	a.link = a.request.URI(server.URL + "/request")
	mux.HandleFunc("POST /request", func(w http.ResponseWriter, r *http.Request) {
		object, err := a.request.Sign(a.key, a.chain, r.FormValue("wallet_nonce"))
		if err != nil {
			http.Error(w, err.Error(), 500)
			return
		}
		w.Header().Set("Content-Type", openid4vp.RequestMediaType)
		_, _ = w.Write([]byte(object))
	})
	mux.HandleFunc("POST /response", func(w http.ResponseWriter, r *http.Request) {
		a.got = r.FormValue("response")
		if a.hop {
			http.Redirect(w, r, "/hop", http.StatusTemporaryRedirect)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"redirect_uri": a.redirect})
	})
	mux.HandleFunc("/hop", func(http.ResponseWriter, *http.Request) { a.hopped = true })
	return a
}

func (a *asker) judge(t *testing.T, i *wallettest.Issuer) openid4vp.Evaluation {
	t.Helper()
	response, err := a.request.Open(a.got)
	if err != nil {
		t.Fatal(err)
	}
	return a.request.Evaluate(context.Background(), response, verifierOf(i))
}

func verifierOf(i *wallettest.Issuer) *credential.Verifier {
	return &credential.Verifier{
		Policy: credential.Policy{Roots: map[string]*x509.CertPool{credential.VCTResidentCard: i.Authority.Pool()}},
		Status: &statuslist.Client{Development: true},
	}
}

const nameQuery = `{"credentials":[{"id":"card","format":"dc+sd-jwt","meta":{"vct_values":["urn:mydata:resident-card:1"]},
	"claims":[{"path":["family_name"]},{"path":["address","locality"]}]}]}`

func holding(t *testing.T) (*wallettest.Issuer, *wallet.Wallet) {
	t.Helper()
	issuer := wallettest.NewIssuer(t)
	w := phone(issuer)
	if _, err := accept(t.Context(), w, issuer.Offer(t, true), ""); err != nil {
		t.Fatal(err)
	}
	return issuer, w
}

func TestPresent(t *testing.T) {
	issuer, w := holding(t)
	a := newAsker(t, issuer, nameQuery)
	a.redirect = "https://verifier.example/done"
	asked, err := w.ReadRequest(t.Context(), a.link)
	if err != nil {
		t.Fatal(err)
	}
	next, err := w.Present(t.Context(), asked, asked.Least())
	if err != nil {
		t.Fatal(err)
	}
	if next != a.redirect {
		t.Fatalf("goes on at %q", next)
	}
	e := a.judge(t, issuer)
	if !e.OK {
		t.Fatalf("refused: %+v", e)
	}
	want := map[string]any{"family_name": "Kim", "address": map[string]any{"locality": "Seoul"}}
	if diff := cmp.Diff(want, e.Presentations[0].Claims); diff != "" {
		t.Fatal(diff)
	}
}

//clause:wallet discloses what was asked and nothing else
//clause:wallet discloses what was asked and nothing else; what it cannot show as asked stays
func TestPresentDisclosesNothingElse(t *testing.T) {
	issuer, w := holding(t)
	a := newAsker(t, issuer, nameQuery)
	asked, err := w.ReadRequest(t.Context(), a.link)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Present(t.Context(), asked, asked.Least()); err != nil {
		t.Fatal(err)
	}
	response, err := a.request.Open(a.got)
	if err != nil {
		t.Fatal(err)
	}
	token, err := sdjwt.Parse(response.VPToken["card"][0])
	if err != nil {
		t.Fatal(err)
	}
	claims, err := token.Unverified()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"given_name", "birthdate"} {
		if _, there := claims[name]; there {
			t.Errorf("%s went out unasked", name)
		}
	}
}

//clause:wallet offers and requests are untrusted
//clause:wallet offers and requests are untrusted
func TestReadRequestRefuses(t *testing.T) {
	issuer, w := holding(t)
	other := wallettest.NewAuthority(t)
	for _, c := range []struct {
		name, check string
		wallet      *wallet.Wallet
		query       string
		bend        func(a *asker)
	}{
		{name: "it takes a request in order"},
		{name: "it refuses a verifier under an authority it does not know", check: "verifier trusted",
			wallet: phone(issuer, func(c *wallet.Config) { c.Verifiers = other.Pool() })},
		{name: "it refuses a verifier when it trusts none", check: "verifier trusted",
			wallet: phone(issuer, func(c *wallet.Config) { c.Verifiers = nil })},
		{name: "it refuses a link that names another client", check: "client_id",
			bend: func(a *asker) {
				link, _ := url.Parse(a.link)
				q := link.Query()
				q.Set("client_id", "x509_hash:other")
				a.link = openid4vp.Scheme + "?" + q.Encode()
			}},
		{name: "it refuses a request that has expired", check: "exp", bend: func(a *asker) { a.request.ExpiresAt = time.Now().Add(-time.Second) }},
		{name: "it refuses a response_uri without TLS", check: "address", bend: func(a *asker) { a.request.ResponseURI = "http://verifier.example/r" }},
		{name: "it refuses a weak nonce", check: "nonce", bend: func(a *asker) { a.request.Nonce = "short" }},
		{name: "it has nothing that answers", check: "credentials",
			query: `{"credentials":[{"id":"card","format":"dc+sd-jwt","meta":{"vct_values":["urn:example:other"]}}]}`},
		{name: "it treats another value as absent", check: "credentials",
			query: `{"credentials":[{"id":"card","format":"dc+sd-jwt","meta":{"vct_values":["urn:mydata:resident-card:1"]},"claims":[{"path":["family_name"],"values":["Lee"]}]}]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			query := c.query
			if query == "" {
				query = nameQuery
			}
			a := newAsker(t, issuer, query)
			if c.bend != nil {
				c.bend(a)
			}
			reader := w
			if c.wallet != nil {
				reader = c.wallet
			}
			_, err := reader.ReadRequest(t.Context(), a.link)
			wants(t, err, c.check)
			if a.got != "" {
				t.Fatal("something was sent while reading")
			}
		})
	}
}

func TestPresentRefuses(t *testing.T) {
	issuer, w := holding(t)
	a := newAsker(t, issuer, nameQuery)
	asked, err := w.ReadRequest(t.Context(), a.link)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		choices []wallet.Choice
	}{
		{"it sends nothing when nothing was chosen", nil},
		{"it sends nothing that was not asked for", []wallet.Choice{{Query: "other"}}},
		{"it has no such way", []wallet.Choice{{Query: "card", Way: 7}}},
		{"it answers a question once", []wallet.Choice{{Query: "card"}, {Query: "card"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := w.Present(t.Context(), asked, c.choices)
			wants(t, err, "choice")
			if a.got != "" {
				t.Fatal("something was sent")
			}
		})
	}
	t.Run("it follows no HTTP redirect of the response endpoint", func(t *testing.T) {
		a.hop = true
		if _, err := w.Present(t.Context(), asked, asked.Least()); err == nil || a.hopped {
			t.Fatalf("followed: %v, %v", a.hopped, err)
		}
	})
	t.Run("it goes on to no address that is not https", func(t *testing.T) {
		a.hop, a.redirect = false, "javascript:alert(1)"
		_, err := w.Present(t.Context(), asked, asked.Least())
		wants(t, err, "address")
	})
}

func TestDecline(t *testing.T) {
	issuer, w := holding(t)
	a := newAsker(t, issuer, nameQuery)
	asked, err := w.ReadRequest(t.Context(), a.link)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Decline(t.Context(), asked); err != nil {
		t.Fatal(err)
	}
	response, err := a.request.Open(a.got)
	if err != nil || response.Error != "access_denied" || response.VPToken != nil {
		t.Fatalf("the verifier was told %+v, %v", response, err)
	}
}

func TestRevokedIsRefused(t *testing.T) {
	issuer, w := holding(t)
	issuer.Revoked = true
	a := newAsker(t, issuer, nameQuery)
	asked, err := w.ReadRequest(t.Context(), a.link)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Present(t.Context(), asked, asked.Least()); err != nil {
		t.Fatal(err)
	}
	if e := a.judge(t, issuer); e.OK {
		t.Fatal("a revoked credential was accepted")
	}
}

func TestVerifierAnswers(t *testing.T) {
	issuer, w := holding(t)
	for _, c := range []struct {
		name, path, check string
		status            int
		contentType, body string
	}{
		{"it passes on that the request is gone", "/request", "expired", 410, "application/problem+json", `{"code":"expired"}`},
		{"it refuses a request of another content type", "/request", "content type", 200, asJSON, `{}`},
		{"it refuses a request that is none", "/request", "request object", 200, openid4vp.RequestMediaType, `x`},
		{"it passes on that the answer was refused", "/response", "rejected", 400, "application/problem+json", `{"code":"rejected"}`},
		{"it refuses an answer that is no JSON", "/response", "json", 200, asJSON, `x`},
		{"it is content with an empty answer", "/response", "", 200, asJSON, `{}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := newAsker(t, issuer, nameQuery)
			a.instead = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != c.path {
					return false
				}
				w.Header().Set("Content-Type", c.contentType)
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
				return true
			}
			asked, err := w.ReadRequest(t.Context(), a.link)
			if err == nil {
				_, err = w.Present(t.Context(), asked, asked.Least())
			}
			wants(t, err, c.check)
		})
	}
}

func TestAuthorityQuery(t *testing.T) {
	issuer, w := holding(t)
	aki := base64.RawURLEncoding.EncodeToString(issuer.Authority.Certificate.SubjectKeyId)
	for _, c := range []struct{ name, aki, check string }{
		{"it answers under the authority that is named", aki, ""},
		{"it does not answer under another", "AAAA", "credentials"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := newAsker(t, issuer, strings.Replace(nameQuery, `"meta"`, `"trusted_authorities":[{"type":"aki","values":["`+c.aki+`"]}],"meta"`, 1))
			_, err := w.ReadRequest(t.Context(), a.link)
			wants(t, err, c.check)
		})
	}
}

func TestExtra(t *testing.T) {
	issuer, w := holding(t)
	one := `{"id":"ID","format":"dc+sd-jwt","meta":{"vct_values":["urn:mydata:resident-card:1"]}}`
	a := newAsker(t, issuer, `{"credentials":[`+strings.Replace(one, "ID", "a", 1)+`,`+strings.Replace(one, "ID", "b", 1)+`],
		"credential_sets":[{"options":[["a"]]},{"required":false,"options":[["b"]]},{"required":false,"options":[["b"]]}]}`)
	asked, err := w.ReadRequest(t.Context(), a.link)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]wallet.Choice{{Query: "b"}}, asked.Extra()); diff != "" {
		t.Fatal(diff)
	}
	if _, err := w.Present(t.Context(), asked, append(asked.Least(), asked.Extra()...)); err != nil {
		t.Fatal(err)
	}
}

//clause:wallet several credentials where several were asked for, none twice; bound wherever a holder is named
func TestMultiple(t *testing.T) {
	issuer, w := holding(t)
	if _, err := accept(t.Context(), w, issuer.Offer(t, true), ""); err != nil {
		t.Fatal(err)
	}
	a := newAsker(t, issuer, strings.Replace(nameQuery, `"format"`, `"multiple":true,"format"`, 1))
	asked, err := w.ReadRequest(t.Context(), a.link)
	if err != nil || len(asked.Ways("card")) != 2 {
		t.Fatalf("%+v, %v", asked.Ways("card"), err)
	}
	t.Run("it shows no credential twice", func(t *testing.T) {
		_, err := w.Present(t.Context(), asked, []wallet.Choice{{Query: "card"}, {Query: "card"}})
		wants(t, err, "choice")
	})
	t.Run("it shows several where several were asked for", func(t *testing.T) {
		if _, err := w.Present(t.Context(), asked, []wallet.Choice{{Query: "card"}, {Query: "card", Way: 1}}); err != nil {
			t.Fatal(err)
		}
		if e := a.judge(t, issuer); !e.OK || len(e.Presentations) != 2 {
			t.Fatalf("%+v", e)
		}
	})
	t.Run("it binds what names a holder, asked or not", func(t *testing.T) {
		a := newAsker(t, issuer, strings.Replace(nameQuery, `"format"`, `"require_cryptographic_holder_binding":false,"format"`, 1))
		asked, err := w.ReadRequest(t.Context(), a.link)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Present(t.Context(), asked, asked.Least()); err != nil {
			t.Fatal(err)
		}
		if e := a.judge(t, issuer); !e.OK || !e.Presentations[0].Result.Bound {
			t.Fatalf("%+v", e)
		}
	})
}
