package sdktest_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/credential/openid4vci"
	"github.com/govmydata/mydata/pkg/credential/sdjwt"
	"github.com/govmydata/mydata/pkg/dpop"
	"github.com/govmydata/mydata/sdk"
	"github.com/govmydata/mydata/sdk/sdktest"
)

const extract = "urn:example:resident-extract:1"

// bureau is an agency's issuer with a phone in front of it.
type bureau struct {
	*sdktest.Hub
	t      *testing.T
	url    string
	issuer *sdk.Issuer
	kim    *sdktest.Citizen
	phone  *ecdsa.PrivateKey
	proofs *dpop.Maker
	load   func(sdk.Subject) (sdk.Record, error)
	seen   []string // failed checks
}

func newBureau(t *testing.T) *bureau {
	b := &bureau{Hub: sdktest.New(t), t: t}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { b.issuer.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	b.url = server.URL + "/documents"
	b.load = func(who sdk.Subject) (sdk.Record, error) {
		return sdk.Record{"address": "Seoul, for " + who.ResidentID, "household": 3, "secret": "stays"}, nil
	}
	b.issuer = b.MustIssuer(b.url, map[string]sdk.Document{"extract": {Type: extract, Claims: []string{"address", "household"},
		Load: func(_ context.Context, who sdk.Subject) (sdk.Record, error) { return b.load(who) }, Display: map[string]string{"en": "Resident extract"}}},
		func(c *sdk.IssuerConfig) { c.Refused = func(check string) { b.seen = append(b.seen, check) } })
	b.kim = b.MustCitizen("kim")
	var err error
	if b.phone, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	if b.proofs, err = dpop.NewMaker(b.phone); err != nil {
		t.Fatal(err)
	}
	b.proofs.Now = b.Now
	return b
}

func (b *bureau) token(bend ...func(map[string]any)) string {
	return b.kim.IssuanceToken(b.url, "extract", "phone", b.proofs.JKT(), bend...)
}

func (b *bureau) nonce() string {
	res, err := http.Post(b.url+"/nonce", "", nil)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	var n openid4vci.NonceResponse
	if err := json.NewDecoder(res.Body).Decode(&n); err != nil || n.CNonce == "" || res.Header.Get("Cache-Control") != "no-store" {
		b.t.Fatalf("nonce: %v", err)
	}
	return n.CNonce
}

// proof is the wallet's key proof (OpenID4VCI 1.0, F.1).
func (b *bureau) proof(aud, nonce string) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: b.phone},
		(&jose.SignerOptions{EmbedJWK: true}).WithType(openid4vci.ProofTyp))
	if err != nil {
		b.t.Fatal(err)
	}
	claims, _ := json.Marshal(map[string]any{"iss": "phone", "aud": aud, "iat": b.Now().Unix(), "nonce": nonce})
	object, err := signer.Sign(claims)
	if err != nil {
		b.t.Fatal(err)
	}
	text, _ := object.CompactSerialize()
	return text
}

// post asks for a document and answers status and body.
func (b *bureau) post(token, proof, config string) (int, string) {
	by := "credential_identifier"
	if id, ok := strings.CutPrefix(config, "configuration "); ok {
		by, config = "credential_configuration_id", id
	}
	body, _ := json.Marshal(map[string]any{by: config, "proofs": map[string]any{"jwt": []string{proof}}})
	req, _ := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.url+"/credential", bytes.NewReader(body))
	shown, err := b.proofs.Proof(http.MethodPost, b.url+"/credential", token, "")
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("DPoP", shown)
	req.Header.Set("Authorization", "DPoP "+token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(text)
}

func (b *bureau) mustIssue() string {
	b.t.Helper()
	status, text := b.post(b.token(), b.proof(b.url, b.nonce()), "extract")
	var answer openid4vci.CredentialResponse
	if err := json.Unmarshal([]byte(text), &answer); err != nil || status != http.StatusOK || len(answer.Credentials) != 1 {
		b.t.Fatalf("%d %s", status, text)
	}
	return answer.Credentials[0].Credential
}

// A document goes from the agency's callback to a verifier of the SDK, and is
// revoked.
//
//clause:kit an agency's own documents (OpenID4VCI 1.0), from its callback to a verifier, and revoked
func TestIssuer(t *testing.T) {
	b := newBureau(t)
	metadata, err := openid4vci.MetadataURL(b.url)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.Get(metadata)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	m, err := openid4vci.ParseMetadata(text, b.url)
	if err != nil || len(m.AuthorizationServers) != 1 || m.AuthorizationServers[0] != b.URL || m.CredentialConfigurationsSupported["extract"].VCT != extract {
		t.Fatalf("metadata: %v %s", err, text)
	}
	parsed, err := sdjwt.Parse(b.mustIssue())
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := sdk.NewVerifier(sdk.VerifierConfig{Trust: b.Trust(), Types: []string{extract}, AllowLoopback: true, Now: b.Now})
	if err != nil {
		t.Fatal(err)
	}
	present := func() (sdk.Result, error) {
		t.Helper()
		shown, err := parsed.Present(sdjwt.Path{"address"})
		if err != nil {
			t.Fatal(err)
		}
		bound, err := sdjwt.Bind(shown, b.phone, sdjwt.KeyBinding{Audience: "me", Nonce: "n", IssuedAt: b.Now()})
		if err != nil {
			t.Fatal(err)
		}
		return verifier.Verify(t.Context(), bound, sdk.Expect{Audience: "me", Nonce: "n"})
	}
	result, err := present()
	if err != nil || result.Claims["address"] != "Seoul, for kim" || result.Claims["household"] != nil || result.Claims["secret"] != nil || result.Issuer != b.url {
		t.Fatalf("%v %+v", err, result)
	}
	all, err := b.issuer.Documents(t.Context(), b.kim.ProviderSub())
	if err != nil || len(all) != 1 || all[0].Revoked || strings.Join(all[0].Claims, " ") != "address household" {
		t.Fatalf("documents: %+v, %v", all, err)
	}
	for range 2 {
		if err := b.issuer.Revoke(t.Context(), all[0].ID); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.issuer.Revoke(t.Context(), "none"); !errors.Is(err, sdk.ErrAbsent) {
		t.Errorf("revoke nothing: %v", err)
	}
	b.Advance(time.Minute) // the verifier keeps a list for as long as the list says
	_, err = present()
	refused(t, err, "sdk", "refused", "status")
	if all, _ = b.issuer.Documents(t.Context(), ""); len(all) != 1 || !all[0].Revoked {
		t.Errorf("documents: %+v", all)
	}
}

//clause:issuer 6.2, 8.2: `credential_identifiers` in the token response, and by these alone at the agency
//clause:kit an agency's own documents (OpenID4VCI 1.0), from its callback to a verifier, and revoked
func TestIssuerRefuses(t *testing.T) {
	b := newBureau(t)
	set := func(name string, value any) func(map[string]any) {
		return func(c map[string]any) { c[name] = value }
	}
	// An authorization server of before section 6.2 names no identifiers.
	without := set("authorization_details", []openid4vci.Detail{{Type: openid4vci.DetailType, CredentialConfigurationID: "extract"}})
	elsewhere := b.kim.IssuanceToken("https://other.example", "extract", "phone", b.proofs.JKT())
	good := func() string { return b.proof(b.url, b.nonce()) }
	spent := good()
	b.post(b.token(), spent, "extract")
	for name, tt := range map[string]struct {
		token, proof, config string
		status               int
		word, check          string
	}{
		"it refuses a token for another issuer":            {elsewhere, good(), "extract", 401, "invalid_token", "audience"},
		"it refuses a token of another hub":                {b.token(set("iss", "https://hub.example")), good(), "extract", 401, "invalid_token", "token"},
		"it refuses a token that expired":                  {b.token(set("exp", time.Now().Unix()-1)), good(), "extract", 401, "invalid_token", "token"},
		"it refuses a token without an end":                {b.token(set("exp", nil)), good(), "extract", 401, "invalid_token", "token"},
		"it refuses a token that lives long":               {b.token(set("exp", time.Now().Unix()+86400)), good(), "extract", 401, "invalid_token", "token"},
		"it refuses a token from the future":               {b.token(set("iat", time.Now().Unix()+300)), good(), "extract", 401, "invalid_token", "token"},
		"it refuses a token bound to no key":               {b.token(set("cnf", nil)), good(), "extract", 401, "invalid_dpop_proof", "proof"},
		"it refuses a token of another key":                {b.token(set("cnf", map[string]string{"jkt": "x"})), good(), "extract", 401, "invalid_dpop_proof", "proof"},
		"it refuses a token for no document":               {b.token(set("authorization_details", nil)), good(), "extract", 401, "invalid_token", "document"},
		"it refuses a token that names nobody":             {b.token(set("mydata_subject", "")), good(), "extract", 401, "invalid_token", "subject"},
		"it refuses a token that is none":                  {"a.b.c", good(), "extract", 401, "invalid_token", "token"},
		"it refuses an identifier that is not the token's": {b.token(), good(), "licence", 400, "unknown_credential_identifier", "credential_identifier"},
		"it refuses a configuration beside identifiers":    {b.token(), good(), "configuration extract", 400, "invalid_credential_request", "credential_identifier"},
		"it refuses another document":                      {b.token(without), good(), "configuration licence", 400, "unknown_credential_configuration", "credential_configuration_id"},
		"it refuses a proof for another issuer":            {b.token(), b.proof("https://other.example", b.nonce()), "extract", 400, "invalid_proof", "aud"},
		"it refuses a nonce that is not its own":           {b.token(), b.proof(b.url, "made-up"), "extract", 400, "invalid_nonce", "nonce"},
		"it refuses a nonce that is spent":                 {b.token(), spent, "extract", 400, "invalid_nonce", "nonce"},
		"it refuses a client that is not the token's":      {b.token(set("client_id", "other")), good(), "extract", 400, "invalid_proof", "iss"},
	} {
		t.Run(name, func(t *testing.T) {
			b.seen = nil
			status, text := b.post(tt.token, tt.proof, tt.config)
			if status != tt.status || !strings.Contains(text, `"error":"`+tt.word+`"`) || len(b.seen) != 1 || b.seen[0] != tt.check {
				t.Errorf("%d %s, checks %v; want %d %s, %s", status, text, b.seen, tt.status, tt.word, tt.check)
			}
		})
	}
	if status, text := b.post(b.token(without), good(), "configuration extract"); status != 200 {
		t.Errorf("by configuration: %d %s", status, text)
	}
	if link, err := b.issuer.Offer("extract"); err != nil || !strings.Contains(link, "extract") || !strings.Contains(link, "authorization_server") {
		t.Errorf("offer: %s, %v", link, err)
	}
	if link, err := b.issuer.Offer("licence"); err == nil {
		t.Errorf("it offers what it has not: %s", link)
	}
	for name, failure := range map[string]error{"it denies where there is no record": sdk.ErrNoMatch, "it denies where there are several": sdk.ErrSeveral} {
		t.Run(name, func(t *testing.T) {
			b.load = func(sdk.Subject) (sdk.Record, error) { return nil, failure }
			if status, text := b.post(b.token(), good(), "extract"); status != 400 || !strings.Contains(text, "credential_request_denied") {
				t.Errorf("%d %s", status, text)
			}
		})
	}
	b.load = func(sdk.Subject) (sdk.Record, error) { return nil, errors.New("hunter2") }
	if status, text := b.post(b.token(), good(), "extract"); status != 500 || strings.Contains(text, "hunter2") {
		t.Errorf("a fault of its own: %d %s", status, text)
	}
	if all, _ := b.issuer.Documents(t.Context(), ""); len(all) != 2 { // the one with the proof that was spent, and that by configuration
		t.Errorf("%d documents", len(all))
	}
}

// Each write of an issuance is broken twice: lost, and kept but called lost. No
// document leaves that the journal does not have, and the next try succeeds.
//
//clause:kit an agency's own documents (OpenID4VCI 1.0), from its callback to a verifier, and revoked
func TestIssuerSurvivesItsJournal(t *testing.T) {
	for _, kept := range []bool{false, true} {
		for n := 2; ; n++ { // the first is the secret's, when it is opened
			b := newBureau(t)
			journal := sdktest.BreakWrite(b.journal(), n, kept)
			b.issuer = b.MustIssuer(b.url, map[string]sdk.Document{"extract": {Type: extract, Claims: []string{"address"},
				Load: func(_ context.Context, who sdk.Subject) (sdk.Record, error) { return b.load(who) }}},
				func(c *sdk.IssuerConfig) { c.Journal = journal })
			status, text := b.post(b.token(), b.proof(b.url, b.nonce()), "extract")
			if !journal.Broken() {
				if n < 6 {
					t.Errorf("only %d writes", n-1)
				}
				break
			}
			if status == http.StatusOK {
				t.Errorf("write %d, kept %v: it was sent: %s", n, kept, text)
			}
			b.mustIssue()
		}
	}
}

func (b *bureau) journal() sdk.Journal {
	j, err := sdk.OpenFileJournal(filepath.Join(b.t.TempDir(), "journal"))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { j.Close() })
	return j
}

// A Load that panics is a fault of the agency's, told as one: net/http would write what
// the panic says, which may be personal, to the log, and hang up.
//
//clause:kit an agency's own documents (OpenID4VCI 1.0), from its callback to a verifier, and revoked
func TestIssuerOfALoadThatPanics(t *testing.T) {
	b := newBureau(t)
	whole := b.load
	b.load = func(sdk.Subject) (sdk.Record, error) { panic("Hong Gildong") }
	if status, text := b.post(b.token(), b.proof(b.url, b.nonce()), "extract"); status != http.StatusInternalServerError || !json.Valid([]byte(text)) || strings.Contains(text, "Hong") {
		t.Errorf("%d %s", status, text)
	}
	b.load = whole
	b.mustIssue()
}
