package issuance_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
	"github.com/govmydata/mydata/pkg/credential/sdjwt"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
	"github.com/govmydata/mydata/pkg/did"
)

func (w *world) verifier() *credential.Verifier {
	clock := func() time.Time { return w.now }
	return &credential.Verifier{
		Policy: credential.Policy{Roots: map[string]*x509.CertPool{credential.VCTResidentCard: w.roots}},
		Status: &statuslist.Client{Development: true, Now: clock}, Now: clock,
	}
}

func TestACardIsIssuedPresentedAndRevoked(t *testing.T) {
	w, holder := newWorld(t), newKey(t)
	card, id := w.issue(t, holder)
	token, err := sdjwt.Parse(card)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := token.Unverified()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"name": "김하늘", "family_name": "Kim", "given_name": "Haneul", "birthdate": "1990-05-05",
		"address": map[string]any{"formatted": "서울특별시 중구 세종대로 1"}, "resident_number": "900505-0000000", "age_over_19": true}
	for name, value := range want {
		if diff := cmp.Diff(value, whole[name]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if iat := int64(whole["iat"].(float64)); iat%3600 != 0 {
		t.Error("it tells the time of issuance closer than the hour")
	}
	chosen, err := token.Present(sdjwt.Path{"age_over_19"})
	if err != nil {
		t.Fatal(err)
	}
	kb := sdjwt.KeyBinding{Audience: "x509_hash:abc", Nonce: "n-1", IssuedAt: w.now}
	presented, err := sdjwt.Bind(chosen, holder, kb)
	if err != nil {
		t.Fatal(err)
	}
	presentation := credential.Presentation{Token: presented, Audience: kb.Audience, Nonce: kb.Nonce}
	verifier := w.verifier()
	result := verifier.Verify(t.Context(), presentation)
	if !result.OK() {
		t.Fatalf("%+v", result.Checks)
	}
	if result.Claims["age_over_19"] != true || result.Claims["birthdate"] != nil {
		t.Errorf("it discloses exactly what was chosen: %v", result.Claims)
	}
	if err := w.Issuer.Revoke(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(credential.ListTTL)
	result = verifier.Verify(t.Context(), presentation)
	if last := result.Checks[len(result.Checks)-1]; result.OK() || last.Name != credential.CheckStatus || last.Detail != "revoked" {
		t.Errorf("after revocation: %+v", result.Checks)
	}
	if result.Claims != nil {
		t.Error("a refused presentation shows claims")
	}
}

//clause:issuer 7: nonce endpoint, once, no-store
func TestCredentialRefuses(t *testing.T) {
	w, holder := newWorld(t), newKey(t)
	good := func() string { return w.proof(t, holder, w.freshNonce(t), nil) }
	spent := w.freshNonce(t)
	if a := w.do(t, "POST", "/credential", "kim", "application/json", request(credential.ConfigResidentCard, w.proof(t, holder, spent, nil))); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	old := w.freshNonce(t)
	cases := []struct {
		name, citizen, contentType, body string
		status                           int
		code                             string
		before                           func()
	}{
		{name: "it asks for an access token", body: request(credential.ConfigResidentCard, good()), status: 401},
		{name: "it takes JSON alone", citizen: "kim", contentType: "text/plain", body: request(credential.ConfigResidentCard, good()), status: 415, code: "media_type"},
		{name: "it refuses what is not JSON", citizen: "kim", body: "{", status: 400, code: "invalid_credential_request"},
		{name: "it refuses a long body", citizen: "kim", body: strings.Repeat("x", openid4vci.MaxMessage+1), status: 413, code: "body"},
		{name: "it refuses a token of no citizen", citizen: tokenOfNobody, body: request(credential.ConfigResidentCard, good()), status: 403, code: "insufficient_scope"},
		{name: "it knows its configurations", citizen: "kim", body: request("other", good()), status: 400, code: "unknown_credential_configuration"},
		{name: "it gave out no identifiers", citizen: "kim", body: `{"credential_identifier":"x","proofs":{"jwt":["x"]}}`, status: 400, code: "unknown_credential_identifier"},
		{name: "it wants a proof", citizen: "kim", body: `{"credential_configuration_id":"resident_card_sd_jwt"}`, status: 400, code: "invalid_proof"},
		{name: "it takes one proof of a key", citizen: "kim", body: request(credential.ConfigResidentCard, good(), good()), status: 400, code: "invalid_nonce"},
		{name: "it takes a nonce once", citizen: "kim", body: request(credential.ConfigResidentCard, w.proof(t, newKey(t), spent, nil)), status: 400, code: "invalid_nonce"},
		{name: "it takes its own nonces alone", citizen: "kim", body: request(credential.ConfigResidentCard, w.proof(t, holder, strings.Repeat("A", 54), nil)), status: 400, code: "invalid_nonce"},
		{name: "it checks the proof's signature", citizen: "kim", body: request(credential.ConfigResidentCard, w.proof(t, holder, w.freshNonce(t), map[jose.HeaderKey]any{"jwk": jose.JSONWebKey{Key: newKey(t).Public()}})), status: 400, code: "invalid_proof"},
		{name: "it refuses whom the register does not know", citizen: "nobody", body: request(credential.ConfigResidentCard, good()), status: 400, code: "credential_request_denied"},
		{name: "it wants the scope", citizen: "kim", body: request(credential.ConfigResidentCard, good()), status: 403, code: "insufficient_scope", before: func() { w.gate.scopes = []string{"openid"} }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if c.before != nil {
				c.before()
			}
			if c.contentType == "" {
				c.contentType = "application/json"
			}
			a := w.do(t, "POST", "/credential", c.citizen, c.contentType, c.body)
			if a.status != c.status {
				t.Errorf("status %d %s", a.status, a.body)
			}
			if c.code != "" && code(t, a) != c.code {
				t.Errorf("code %s", a.body)
			}
		})
	}
	w.gate.scopes = []string{credential.ScopeResidentCard}
	w.now = w.now.Add(credential.NonceLife)
	a := w.do(t, "POST", "/credential", "kim", "application/json", request(credential.ConfigResidentCard, w.proof(t, holder, old, nil)))
	if code(t, a) != "invalid_nonce" {
		t.Errorf("it forgets old nonces: %s", a.body)
	}
	if all, err := w.Issuer.Of(t.Context(), "kim"); err != nil || len(all) != 1 {
		t.Errorf("refused requests issued something: %d, %v", len(all), err)
	}
}

func TestAProofMayNameItsKeyByDID(t *testing.T) {
	w, holder := newWorld(t), newKey(t)
	id, err := did.FromJWK(jose.JSONWebKey{Key: holder.Public()})
	if err != nil {
		t.Fatal(err)
	}
	proof := w.proof(t, holder, w.freshNonce(t), map[jose.HeaderKey]any{"kid": id + "#0"})
	a := w.do(t, "POST", "/credential", "kim", "application/json", request(credential.ConfigResidentCard, proof))
	if a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
}

//clause:issuer 11: notification
func TestNotification(t *testing.T) {
	w := newWorld(t)
	_, id := w.issue(t, newKey(t))
	cases := []struct {
		name, citizen, body string
		status              int
		code                string
	}{
		{"it takes an event", "kim", `{"notification_id":"` + id + `","event":"credential_accepted"}`, 204, ""},
		{"it refuses an unknown id", "kim", `{"notification_id":"x","event":"credential_accepted"}`, 400, "invalid_notification_id"},
		{"it refuses another's id", "lee", `{"notification_id":"` + id + `","event":"credential_deleted"}`, 400, "invalid_notification_id"},
		{"it refuses an unknown event", "kim", `{"notification_id":"` + id + `","event":"eaten"}`, 400, "invalid_notification_request"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := w.do(t, "POST", "/notification", c.citizen, "application/json", c.body)
			if a.status != c.status || c.code != "" && code(t, a) != c.code {
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
	if c, err := w.Issuer.Get(t.Context(), id); err != nil || c.Acceptance != openid4vci.CredentialAccepted {
		t.Errorf("%+v %v", c, err)
	}
}

//clause:issuer 12.2: metadata between host and path, compared as strings
//clause:formats did:web: a port percent-encoded, `did.json` as application/did+json, its digest in a store that others see
func TestPublicDocuments(t *testing.T) {
	w := newWorld(t)
	card, _ := w.issue(t, newKey(t))
	a := w.do(t, "GET", openid4vci.WellKnown, "", "", "")
	meta, err := openid4vci.ParseMetadata(a.body, w.URL)
	if err != nil || a.status != http.StatusOK {
		t.Fatalf("%v %s", err, a.body)
	}
	config := meta.CredentialConfigurationsSupported[credential.ConfigResidentCard]
	if config.Scope != credential.ScopeResidentCard || config.VCT != credential.VCTResidentCard || meta.NonceEndpoint == "" {
		t.Errorf("%s", a.body)
	}
	if bytes.Contains(a.body, []byte("issuance.")) {
		t.Errorf("a text has no translation: %s", a.body)
	}
	token, err := sdjwt.Parse(card)
	if err != nil {
		t.Fatal(err)
	}
	claims, err := token.Unverified()
	if err != nil {
		t.Fatal(err)
	}
	uri := claims["status"].(map[string]any)["status_list"].(map[string]any)["uri"].(string)
	list := w.do(t, "GET", strings.TrimPrefix(uri, w.URL), "", "", "")
	if list.status != 200 || list.header.Get("Content-Type") != statuslist.MediaType || list.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("status list: %d %v", list.status, list.header)
	}
	if a := w.do(t, "GET", "/status/none", "", "", ""); a.status != 404 {
		t.Errorf("unknown list: %d", a.status)
	}
	if a := w.do(t, "GET", "/.well-known/did.json", "", "", ""); a.status != 404 {
		t.Errorf("no DID document: %d", a.status)
	}
	id, err := did.FromURL(w.URL)
	if err != nil {
		t.Fatal(err)
	}
	signer := w.Issuer.Key()
	made, err := did.New(id, map[string]jose.JSONWebKey{signer.KeyID: {Key: signer.Signer.Public(), KeyID: signer.KeyID}})
	if err != nil {
		t.Fatal(err)
	}
	if w.Document, err = made.Marshal(); err != nil {
		t.Fatal(err)
	}
	document := w.do(t, "GET", "/.well-known/did.json", "", "", "")
	if h := document.header; string(document.body) != string(w.Document) || h.Get("Content-Type") != "application/did+json" || h.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("DID document: %d %v", document.status, h)
	}
	resolved, err := (&did.Resolver{Development: true}).Resolve(t.Context(), id)
	if err != nil {
		t.Fatalf("%v %s", err, document.body)
	}
	key, err := resolved.Key(id+"#key-1", did.AssertionMethod)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := token.Verify(key.Key); err != nil {
		t.Errorf("the key in the DID document is not the issuer's: %v", err)
	}
}

func TestConsentPage(t *testing.T) {
	w := newWorld(t)
	page := w.do(t, "GET", "/issuance/mine", "", "", "")
	if page.status != 200 {
		t.Fatalf("%d %s", page.status, page.body)
	}
	for _, text := range []string{"Demo wallet", "Resident registration number", "Whether 19 or older", "김하늘"} {
		if !strings.Contains(string(page.body), text) {
			t.Errorf("it names %q", text)
		}
	}
	if strange := w.do(t, "GET", "/issuance/strange", "", "", ""); !strings.Contains(string(strange.body), "wallet.example") || strings.Contains(string(page.body), "registered itself") {
		t.Error("it does not say of whom alone nobody has checked the name")
	}
	if policy := page.header.Get("Content-Security-Policy"); !strings.Contains(policy, "form-action 'self' http://localhost:8084") {
		t.Errorf("the form cannot lead back to the wallet: %s", policy)
	}
	cases := []struct {
		name, method, path string
		status             int
		location           string
		steps              []string
	}{
		{"it asks who has not logged in to do so", "GET", "/issuance/anonymous", 303, "/next/anonymous", nil},
		{"it refuses another browser", "GET", "/issuance/other", 403, "", nil},
		{"it knows no other request", "GET", "/issuance/gone", 404, "", nil},
		{"it has nothing for who is not in the register", "GET", "/issuance/moved", 403, "", nil},
		{"it goes on when agreed", "POST", "/issuance/mine", 303, "/next/mine", []string{"mine issuance"}},
		{"it needs a login to agree", "POST", "/issuance/anonymous", 303, "/next/anonymous", nil},
		{"it goes back when denied", "POST", "/issuance/mine/deny", 303, "http://localhost:8084/callback?error=access_denied", []string{"mine denied"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w.gate.steps = nil
			a := w.do(t, c.method, c.path, "", "", "")
			if a.status != c.status || a.header.Get("Location") != c.location || !slices.Equal(w.gate.steps, c.steps) {
				t.Errorf("%d %s %v", a.status, a.header.Get("Location"), w.gate.steps)
			}
		})
	}
}

// Each language has every text.
func TestLocales(t *testing.T) {
	var en, ko map[string]string
	for file, into := range map[string]*map[string]string{"locale/en.json": &en, "locale/ko.json": &ko} {
		if err := json.Unmarshal(read(t, file), into); err != nil {
			t.Fatal(err)
		}
	}
	for id := range en {
		if ko[id] == "" {
			t.Errorf("no Korean for %s", id)
		}
	}
	if len(en) != len(ko) {
		t.Errorf("%d English, %d Korean texts", len(en), len(ko))
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
