package wallettest

import (
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
	"github.com/govmydata/mydata/pkg/credential/sdjwt"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
	"github.com/govmydata/mydata/pkg/dpop"
)

// Issuer is the test's issuer. Its fields may be changed between requests.
type Issuer struct {
	URL       string
	Authority *Authority

	// Claims of the credentials, each selectively disclosable.
	Claims map[string]any
	// TxCode, when set, is asked for.
	TxCode string
	// DPoPNonce makes every endpoint with DPoP ask for a nonce first.
	DPoPNonce bool
	// StaleNonce makes the credential endpoint refuse the first c_nonce.
	StaleNonce bool
	// Revoked is the status of every credential.
	Revoked bool

	// ClientID, when set, is the one client, and its proofs must name it.
	ClientID string

	// Intercept answers in the issuer's place where it returns true.
	Intercept func(w http.ResponseWriter, r *http.Request) bool
	// The knobs that bend an answer.
	Metadata   func(*openid4vci.Metadata)
	ServerInfo func(map[string]any)
	Token      func(map[string]any)
	Credential func(sdJWT map[string]any)
	Callback   func(url.Values)
	SignWith   *ecdsa.PrivateKey // instead of the certified key
	// KeyID, when set, names the key in place of a certificate, as issuers without
	// one do: credentials and status lists come without x5c.
	KeyID string

	mu     sync.Mutex
	pushed map[string]url.Values // by request_uri
	codes  map[string]url.Values // by code
	tokens map[string]string     // access token -> jkt
	nonces map[string]bool
	events []string
	replay *dpop.Memory
	key    *ecdsa.PrivateKey
	chain  [][]byte
}

// PreAuthorizedCode is the one code of this issuer; it stays good.
const PreAuthorizedCode = "pre-authorized-for-tests"

// NewIssuer starts one; it stops with the test.
func NewIssuer(t testing.TB) *Issuer {
	t.Helper()
	i := &Issuer{
		Authority: NewAuthority(t), key: Key(t), replay: &dpop.Memory{},
		pushed: map[string]url.Values{}, codes: map[string]url.Values{}, tokens: map[string]string{}, nonces: map[string]bool{},
		Claims: map[string]any{
			"name": "김민준", "age_over_19": true, "family_name": "Kim", "given_name": "Minjun", "birthdate": "1990-03-01",
			"address": map[string]any{"locality": "Seoul", "street_address": "1 Sejong-daero"},
		},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-credential-issuer", i.metadata)
	mux.HandleFunc("GET /.well-known/oauth-authorization-server", i.serverInfo)
	mux.HandleFunc("GET /offer", func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, i.offer(true)) })
	mux.HandleFunc("POST /par", i.par)
	mux.HandleFunc("GET /authorize", i.authorize)
	mux.HandleFunc("POST /token", i.token)
	mux.HandleFunc("POST /nonce", i.nonce)
	mux.HandleFunc("POST /credential", i.credential)
	mux.HandleFunc("POST /notification", i.notification)
	mux.HandleFunc("GET /status/1", i.status)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if i.Intercept == nil || !i.Intercept(w, r) {
			mux.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	i.URL = server.URL
	i.chain = i.Authority.Leaf(t, i.key.Public(), "Test issuer", i.URL)
	return i
}

func (i *Issuer) metadata(w http.ResponseWriter, _ *http.Request) {
	m := openid4vci.Metadata{
		CredentialIssuer: i.URL, CredentialEndpoint: i.URL + "/credential", NonceEndpoint: i.URL + "/nonce",
		NotificationEndpoint: i.URL + "/notification",
		CredentialConfigurationsSupported: map[string]openid4vci.CredentialConfiguration{credential.ConfigResidentCard: {
			Format: openid4vci.FormatSDJWT, Scope: credential.ScopeResidentCard, VCT: credential.VCTResidentCard,
			CryptographicBindingMethodsSupported: []string{"jwk"},
			ProofTypesSupported:                  map[string]openid4vci.ProofType{"jwt": {ProofSigningAlgValuesSupported: []string{"ES256"}}},
			CredentialMetadata: &openid4vci.CredentialMetadata{
				Display: []openid4vci.Display{{Name: "Resident card", Locale: "en"}, {Name: "주민등록증", Locale: "ko"}},
				Claims:  []openid4vci.ClaimDescription{{Path: []any{"family_name"}, Display: []openid4vci.Display{{Name: "Surname", Locale: "en"}, {Name: "성씨", Locale: "ko"}}}},
			},
		}},
	}
	if i.Metadata != nil {
		i.Metadata(&m)
	}
	answer(w, 200, m)
}

func (i *Issuer) serverInfo(w http.ResponseWriter, _ *http.Request) {
	m := map[string]any{
		"issuer": i.URL, "authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/token",
		"pushed_authorization_request_endpoint": i.URL + "/par", "code_challenge_methods_supported": []string{"S256"},
		"dpop_signing_alg_values_supported": []string{"ES256"}, "authorization_response_iss_parameter_supported": true,
		"pre-authorized_grant_anonymous_access_supported": true,
	}
	if i.ServerInfo != nil {
		i.ServerInfo(m)
	}
	answer(w, 200, m)
}

// Offer makes an offer link by value.
func (i *Issuer) Offer(t testing.TB, preAuthorized bool) string {
	t.Helper()
	link, err := i.offer(preAuthorized).URI()
	if err != nil {
		t.Fatal(err)
	}
	return link
}

func (i *Issuer) offer(preAuthorized bool) openid4vci.Offer {
	o := openid4vci.Offer{CredentialIssuer: i.URL, CredentialConfigurationIDs: []string{credential.ConfigResidentCard}, Grants: &openid4vci.Grants{}}
	if !preAuthorized {
		o.Grants.AuthorizationCode = &openid4vci.AuthorizationCodeGrant{IssuerState: "state-of-the-issuer"}
		return o
	}
	o.Grants.PreAuthorizedCode = &openid4vci.PreAuthorizedCodeGrant{PreAuthorizedCode: PreAuthorizedCode}
	if i.TxCode != "" {
		o.Grants.PreAuthorizedCode.TxCode = &openid4vci.TxCode{Length: len(i.TxCode)}
	}
	return o
}

// Events are the notifications that came.
func (i *Issuer) Events() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]string(nil), i.events...)
}

// Issue makes a credential for a holder's key outside any protocol.
func (i *Issuer) Issue(t testing.TB, holder *ecdsa.PublicKey) string {
	t.Helper()
	token, err := i.issue(holder)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func (i *Issuer) issue(holder any) (string, error) {
	jwk, err := publicJWK(holder)
	if err != nil {
		return "", err
	}
	claims := map[string]any{
		"iss": i.URL, "vct": credential.VCTResidentCard, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
		"cnf": map[string]any{"jwk": jwk}, "status": map[string]any{"status_list": map[string]any{"uri": i.URL + "/status/1", "idx": 3}},
	}
	for name, value := range i.Claims {
		claims[name] = sdjwt.Hidden{Value: value}
	}
	if i.Credential != nil {
		i.Credential(claims)
	}
	key := i.key
	if i.SignWith != nil {
		key = i.SignWith
	}
	if i.KeyID != "" {
		return sdjwt.Issue(sdjwt.Key{Signer: key, KeyID: i.KeyID}, claims)
	}
	return sdjwt.Issue(sdjwt.Key{Signer: key, X5C: i.chain}, claims)
}

// Public is the certified key.
func (i *Issuer) Public() *ecdsa.PublicKey { return &i.key.PublicKey }

func (i *Issuer) status(w http.ResponseWriter, _ *http.Request) {
	list, err := statuslist.New(1, 64)
	if err == nil && i.Revoked {
		err = list.Set(3, statuslist.Invalid)
	}
	if err != nil {
		http.Error(w, err.Error(), 500)
		return
	}
	key := statuslist.Key{Signer: i.key, X5C: i.chain}
	if i.KeyID != "" {
		key = statuslist.Key{Signer: i.key, KeyID: i.KeyID}
	}
	jwt, err := statuslist.Sign(key, statuslist.Token{
		URI: i.URL + "/status/1", IssuedAt: time.Now(), Expires: time.Now().Add(time.Hour), TTL: time.Second, List: list,
	})
	if err != nil {
		http.Error(w, err.Error(), 500)
		return
	}
	w.Header().Set("Content-Type", statuslist.MediaType)
	_, _ = w.Write([]byte(jwt))
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, status int, code, description string) {
	answer(w, status, map[string]string{"error": code, "error_description": description})
}

func text() string { return rand.Text() }
