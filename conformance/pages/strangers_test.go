package pages_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/citizen"
	"github.com/govmydata/mydata/conformance/stage"
	"github.com/govmydata/mydata/conformance/wallet"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
	"github.com/govmydata/mydata/pkg/credential/openid4vp"
)

// stray is a text of somebody whom nobody vouches for: wild, and with what a
// register would refuse besides.
func (w *world) stray(mark string) string {
	text := w.wild(mark, 200)
	mark, rest, _ := strings.Cut(text, " ")
	return mark + " \u202e\u200f\u2066\u200b\u3164\x00\n" + strings.Repeat("\u0301", 12) + rest + strings.Repeat("가", 100)
}

// issuer is a stranger who offers a card to the demo wallet.
func (w *world) issuer(t *testing.T, authorization string) string {
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	const path = "/QissueraddressZ\u202eאבג"
	address := server.URL + path
	w.named = append(w.named, "QissueraddressZ")
	answer := func(path string, status int, v any) {
		mux.HandleFunc(path, func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", jsonType)
			rw.WriteHeader(status)
			_ = json.NewEncoder(rw).Encode(v) // a test's answer
		})
	}
	named := func(mark string) []openid4vci.Display { return []openid4vci.Display{{Name: w.stray(mark)}} }
	answer(openid4vci.WellKnown+path, 200, openid4vci.Metadata{
		CredentialIssuer: address, CredentialEndpoint: server.URL + "/credential", Display: named("issuer"),
		CredentialConfigurationsSupported: map[string]openid4vci.CredentialConfiguration{"card": {
			Format: openid4vci.FormatSDJWT, Scope: "card", VCT: "urn:x",
			CredentialMetadata: &openid4vci.CredentialMetadata{Display: named("card"), Claims: []openid4vci.ClaimDescription{
				{Path: []any{"a"}, Display: named("claim")},
			}},
		}, "nameless": {Format: openid4vci.FormatSDJWT, Scope: "card", VCT: w.stray("vct")}},
	})
	answer("/.well-known/oauth-authorization-server"+path, 200, map[string]any{
		"issuer": address, "token_endpoint": server.URL + "/token", "authorization_endpoint": authorization,
		"pushed_authorization_request_endpoint": server.URL + "/par", "dpop_signing_alg_values_supported": []string{"ES256"},
		"code_challenge_methods_supported": []string{"S256"}, "authorization_response_iss_parameter_supported": true,
	})
	answer("/token", 400, map[string]string{"error": w.stray("errorcode"), "error_description": w.stray("errortext")})
	answer("/par", 201, map[string]any{"request_uri": "urn:x", "expires_in": 60})
	return address
}

// offered is the wallet's page for a stranger's offer.
func (w *world) offered(t *testing.T, c *citizen.Citizen, offer openid4vci.Offer) citizen.Form {
	link, err := offer.URI()
	must(t, err)
	page, err := c.Open(t.Context(), w.wallet+"/offer?"+url.Values{"link": {link}}.Encode())
	must(t, err)
	form, ok := page.Form("/accept")
	if !ok {
		t.Fatalf("the wallet shows no offer: %s", page.Body)
	}
	return form
}

func preAuthorized(tx *openid4vci.TxCode) *openid4vci.Grants {
	return &openid4vci.Grants{PreAuthorizedCode: &openid4vci.PreAuthorizedCodeGrant{PreAuthorizedCode: "x", TxCode: tx}}
}

// testStrangers lets an issuer and a verifier of nobody's acquaintance write what
// they like.
func (w *world) testStrangers(t *testing.T) {
	before, c := len(w.named), w.stranger("kim")
	base := w.issuer(t, "https://issuer.example/authorize")
	t.Run("it shows a strange offer", func(t *testing.T) {
		form := w.offered(t, c, openid4vci.Offer{CredentialIssuer: base, CredentialConfigurationIDs: []string{"card", "nameless"},
			Grants: preAuthorized(&openid4vci.TxCode{Description: w.stray("txcode")})})
		form.Fields.Set("tx_code", "1")
		if _, err := c.Submit(t.Context(), form); !citizen.Refused(err, http.StatusBadRequest) {
			t.Error(err)
		}
	})
	t.Run("it shows a strange error", func(t *testing.T) {
		form := w.offered(t, c, openid4vci.Offer{CredentialIssuer: base, CredentialConfigurationIDs: []string{"card"}, Grants: preAuthorized(nil)})
		if _, err := c.Submit(t.Context(), form); !citizen.Refused(err, http.StatusBadRequest) {
			t.Error(err)
		}
	})
	t.Run("it shows a strange request", func(t *testing.T) {
		v := w.newVerifier(t, w.stray("verifier")[:120], "verifier.example")
		page, err := c.Open(t.Context(), v.ask(t, w, ""))
		must(t, err)
		if _, ok := page.Form("/answer"); !ok {
			t.Errorf("the wallet shows no request: %s", page.Body)
		}
	})
	t.Run("it shows a strange host", func(t *testing.T) {
		w.named = append(w.named, "QhostZ")
		mustOpen(t, c, w.newVerifier(t, "Verifier", "QhostZ\x01.example").ask(t, w, ""))
	})
	t.Run("it shows strange cards", w.testStrangeCards)
	t.Run("it shows a strange reason of the hub", func(t *testing.T) { w.testStrangeReason(t) })
	for _, mark := range w.named[before:] {
		if !w.eyes.marks[mark] {
			t.Errorf("no page showed %s: where does it appear?", mark)
		}
	}
}

// testStrangeCards rewrites what the demo wallet keeps: a card whose issuer was
// trusted once, and calls it what it likes. With two of them the person chooses.
func (w *world) testStrangeCards(t *testing.T) {
	ctx := t.Context()
	issuer, display, claim := w.stray("keptissuer"), w.stray("keptname"), w.stray("keptclaim")
	for range 2 {
		id := w.take(t)
		path := w.Path("wallet", id+".json")
		body, err := os.ReadFile(path)
		must(t, err)
		var card wallet.Credential
		must(t, json.Unmarshal(body, &card))
		card.Issuer, card.Metadata.Display = issuer, []openid4vci.Display{{Name: display}}
		for i := range card.Metadata.Claims {
			card.Metadata.Claims[i].Display = []openid4vci.Display{{Name: claim}}
		}
		body, err = json.Marshal(card)
		must(t, err)
		must(t, w.Stop(stage.Wallet))
		must(t, os.WriteFile(path, body, 0o600))
		must(t, w.Start(stage.Wallet))
		must(t, w.Wait(ctx, stage.Wallet))
		mustOpen(t, w.kim, w.wallet+"/")
		mustOpen(t, w.kim, w.wallet+"/cards/"+id)
		w.present(t, "identity")
	}
	for _, l := range mustOpen(t, w.kim, w.wallet+"/").Links {
		if strings.HasPrefix(l.URL.Path, "/cards/") {
			w.press(t, w.kim, citizen.Form{Action: l.URL.JoinPath("delete")})
		}
	}
}

// testStrangeReason bends what the hub's redirect says at the agency.
func (w *world) testStrangeReason(t *testing.T) {
	c := w.browser()
	page, err := c.Ask(t.Context(), w.licence)
	must(t, err)
	form, ok := page.Form("deny")
	if !ok {
		t.Fatal("no way to deny")
	}
	denied := as(t, c, http.MethodPost, form.Action.String(), formType, "", "Sec-Fetch-Site", "same-origin")
	to, err := url.Parse(denied.Header.Get("Location"))
	must(t, err)
	q := to.Query()
	q.Set("error", w.wild("reason", 100))
	q.Set("error_description", w.wild("description", 300))
	to.RawQuery = q.Encode()
	if p := get(t, c, to.String()); p.Status != http.StatusConflict {
		t.Errorf("%d", p.Status)
	}
}

// A fake verifier whose certificate is of the hub's CA, for what only a known
// one can try.
type fakeVerifier struct {
	key   *ecdsa.PrivateKey
	chain [][]byte
}

func (w *world) newVerifier(t *testing.T, name, host string) *fakeVerifier {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	ca, err := x509.ParseCertificate(readPEM(t, w.Path("hub-ca.pem"))[0])
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: strings.ToValidUTF8(name, "")},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{host}, KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca, &key.PublicKey, readKey(t, w.Path("keys", "hub-ca.key.pem")))
	must(t, err)
	return &fakeVerifier{key: key, chain: [][]byte{der}}
}

// ask answers the wallet's address for a request whose answer leads to redirect.
func (v *fakeVerifier) ask(t *testing.T, w *world, redirect string) string {
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	query := openid4vp.Query{Credentials: []openid4vp.CredentialQuery{{
		ID: "q", Format: openid4vp.FormatSDJWT, Meta: &openid4vp.Meta{VCTValues: []string{"urn:mydata:resident-card:1"}},
		Claims: []openid4vp.ClaimsQuery{{ID: "n", Path: openid4vp.Path{"name"}}},
	}}}
	request, err := openid4vp.NewRequest(openid4vp.ClientID(v.chain[0]), server.URL+"/response", query, time.Now(), time.Minute)
	must(t, err)
	mux.HandleFunc("/request", func(rw http.ResponseWriter, r *http.Request) {
		object, err := request.Sign(v.key, v.chain, r.PostFormValue("wallet_nonce"))
		if err != nil {
			t.Error(err)
		}
		rw.Header().Set("Content-Type", openid4vp.RequestMediaType)
		_, _ = rw.Write([]byte(object)) // a test's answer
	})
	mux.HandleFunc("/response", func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", jsonType)
		_ = json.NewEncoder(rw).Encode(map[string]string{"redirect_uri": redirect}) // a test's answer
	})
	return w.wallet + "/request?" + url.Values{"link": {request.URI(server.URL + "/request")}}.Encode()
}
