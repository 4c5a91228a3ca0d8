package issuance_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/idp/issuance"
	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
	"github.com/govmydata/mydata/pkg/credential/sdjwt"
)

// gate stands where the authorization server does: it lets through who names a
// citizen, and knows one interaction.
type gate struct {
	scopes []string
	refs   map[string]string
	steps  []string
}

func (*gate) Standing(context.Context, oauth.Token) error { return nil }

// tokenOfNobody is what names a token that a client got for itself.
const tokenOfNobody = "client"

type tokenKey struct{}

func (g *gate) Protect(audience string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		citizen := r.Header.Get("Test-Citizen")
		if citizen == "" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if citizen == tokenOfNobody {
			citizen = ""
		}
		token := oauth.Token{Citizen: citizen, ClientID: r.Header.Get("Test-Client"), Scopes: g.scopes, Refs: g.refs, Audience: audience}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), tokenKey{}, token)))
	})
}

func tokenFrom(ctx context.Context) oauth.Token {
	token, _ := ctx.Value(tokenKey{}).(oauth.Token)
	return token
}

func (g *gate) Interaction(_ context.Context, r *http.Request, id string) (oauth.Interaction, error) {
	switch id {
	case "mine":
		return oauth.Interaction{ID: id, Citizen: "kim", Scopes: g.scopes, Client: registry.Client{ID: "wallet",
			Name: map[string]string{"en": "Demo wallet", "ko": "데모 지갑"}, RedirectURIs: []string{"http://localhost:8084/callback"}}}, nil
	case "strange":
		return oauth.Interaction{ID: id, Citizen: "kim", Scopes: g.scopes, Client: registry.Client{ID: "wallet"}, Stranger: "wallet.example"}, nil
	case "moved":
		return oauth.Interaction{ID: id, Citizen: "moved away", Scopes: g.scopes, Client: registry.Client{ID: "wallet"}}, nil
	case "anonymous":
		return oauth.Interaction{ID: id}, nil
	case "other":
		return oauth.Interaction{}, oauth.ErrOtherBrowser
	}
	return oauth.Interaction{}, oauth.ErrNoInteraction
}

func (g *gate) Done(_ context.Context, _ *http.Request, in oauth.Interaction, step string) (string, error) {
	g.steps = append(g.steps, in.ID+" "+step)
	return "/next/" + in.ID, nil
}

func (g *gate) Deny(_ context.Context, _ *http.Request, id string) (string, error) {
	g.steps = append(g.steps, id+" denied")
	return "http://localhost:8084/callback?error=access_denied", nil
}

func (g *gate) Next(_ context.Context, id string) (string, error) { return "/next/" + id, nil }

type residents map[string]account.Resident

func (r residents) Resident(_ context.Context, citizen string) (account.Resident, error) {
	resident, ok := r[citizen]
	if !ok {
		return account.Resident{}, account.ErrNotFound
	}
	return resident, nil
}

type salts struct{}

func (salts) Salt(_ context.Context, citizen, label string) ([32]byte, error) {
	return sha256.Sum256([]byte(citizen + "\x00" + label)), nil
}

type world struct {
	*issuance.Handler
	gate  *gate
	db    *store.DB
	roots *x509.CertPool
	now   time.Time

	rolledBack []byte // served instead of any status list
}

func newWorld(t *testing.T) *world {
	t.Helper()
	db, err := store.Open(t.Context(), "sqlite::memory:")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	w := &world{gate: &gate{scopes: []string{credential.ScopeResidentCard}}, db: db, now: time.Now().Truncate(time.Second)}
	clock := func() time.Time { return w.now }
	var served http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if w.rolledBack != nil && strings.HasPrefix(r.URL.Path, "/status/") {
			rw.Header().Set("Content-Type", "application/statuslist+jwt")
			_, _ = rw.Write(w.rolledBack)
			return
		}
		served.ServeHTTP(rw, r)
	}))
	t.Cleanup(server.Close)
	roots, key := newIssuerKey(t, server.URL, w.now)
	w.roots = roots
	frame := web.New(web.Options{Service: "idp", Development: true})
	rows := db.Credentials()
	secret := bytes.Repeat([]byte{7}, 32)
	w.Handler = &issuance.Handler{
		URL: server.URL, Frame: frame, Server: w.gate, TokenFrom: tokenFrom, Now: clock,
		Residents: residents{"kim": {NameKo: "김하늘", NameLatin: "KIM Haneul", FamilyName: "Kim", GivenName: "Haneul",
			BirthDate: "1990-05-05", Address: "서울특별시 중구 세종대로 1", ResidentNumber: "900505-0000000"}},
		Issuer:    &credential.Issuer{URL: server.URL, Store: rows, Salts: salts{}, Key: func() credential.Key { return key }, Now: clock},
		Offers:    &credential.Offers{Store: rows, Secret: secret, Now: clock},
		Nonces:    &credential.Nonces{Store: rows, Secret: secret, Now: clock},
		Deferrals: &credential.Deferrals{Store: rows, Now: clock},
	}
	requestKey, err := issuance.RequestKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	w.RequestKeys = []jose.JSONWebKey{requestKey}
	mux := http.NewServeMux()
	w.Mount(mux)
	served = frame.Handler(mux)
	return w
}

func newIssuerKey(t *testing.T, uri string, now time.Time) (*x509.CertPool, credential.Key) {
	t.Helper()
	caKey, leafKey := newKey(t), newKey(t)
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA"}, NotBefore: now.Add(-time.Hour),
		NotAfter: now.Add(24 * 365 * 3 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	if err != nil {
		t.Fatal(err)
	}
	if ca, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "issuer"}, NotBefore: ca.NotBefore,
		NotAfter: ca.NotAfter, KeyUsage: x509.KeyUsageDigitalSignature, URIs: []*url.URL{u}, BasicConstraintsValid: true}
	if der, err = x509.CreateCertificate(rand.Reader, leaf, ca, leafKey.Public(), caKey); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	return roots, credential.Key{Signer: leafKey, KeyID: "key-1", Chain: [][]byte{der}}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

func (w *world) do(t *testing.T, method, path, citizen, contentType, body string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, w.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("Accept-Language", "en")
	if citizen != "" {
		request.Header.Set("Test-Citizen", citizen)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, data}
}

func (w *world) freshNonce(t *testing.T) string {
	t.Helper()
	a := w.do(t, "POST", "/nonce", "", "", "")
	var n openid4vci.NonceResponse
	if err := json.Unmarshal(a.body, &n); err != nil || a.status != 200 || n.CNonce == "" {
		t.Fatalf("nonce: %d %s", a.status, a.body)
	}
	if a.header.Get("Cache-Control") != "no-store" {
		t.Error("it lets nonces be cached")
	}
	return n.CNonce
}

func (w *world) proof(t *testing.T, holder crypto.Signer, nonce string, header map[jose.HeaderKey]any) string {
	t.Helper()
	options := (&jose.SignerOptions{ExtraHeaders: header}).WithType(openid4vci.ProofTyp)
	if header == nil {
		options.WithHeader("jwk", jose.JSONWebKey{Key: holder.Public()})
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: holder}, options)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(map[string]any{"aud": w.URL, "iat": w.now.Unix(), "nonce": nonce})
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

func request(config string, proofs ...string) string {
	body, err := json.Marshal(map[string]any{"credential_configuration_id": config, "proofs": map[string]any{"jwt": proofs}})
	if err != nil {
		panic(err)
	}
	return string(body)
}

// issue gets a card for kim by the door.
func (w *world) issue(t *testing.T, holder crypto.Signer) (card, notification string) {
	t.Helper()
	proof := w.proof(t, holder, w.freshNonce(t), nil)
	a := w.do(t, "POST", "/credential", "kim", "application/json", request(credential.ConfigResidentCard, proof))
	var response openid4vci.CredentialResponse
	if err := json.Unmarshal(a.body, &response); err != nil || a.status != 200 || len(response.Credentials) != 1 {
		t.Fatalf("credential: %d %s", a.status, a.body)
	}
	if a.header.Get("Cache-Control") != "no-store" {
		t.Error("it lets credentials be cached")
	}
	return response.Credentials[0].Credential, response.NotificationID
}

var errNone = errors.New("none")

func code(t *testing.T, a answer) string {
	t.Helper()
	var e struct {
		Error string `json:"error"`
		Code  string `json:"code"`
	}
	if err := json.Unmarshal(a.body, &e); err != nil {
		t.Fatalf("%d %s: %v", a.status, a.body, errors.Join(err, errNone))
	}
	return e.Error + e.Code
}

func disclosed(t *testing.T, card string) map[string]any {
	t.Helper()
	token, err := sdjwt.Parse(card)
	if err != nil {
		t.Fatal(err)
	}
	all, err := token.Unverified()
	if err != nil {
		t.Fatal(err)
	}
	return all
}
