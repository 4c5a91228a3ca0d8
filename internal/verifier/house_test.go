package verifier_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/conformance/wallet"
	"github.com/govmydata/mydata/conformance/wallet/wallettest"
	"github.com/govmydata/mydata/internal/verifier"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vp"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
)

// house is a verifier, an issuer and a phone that holds a card.
type house struct {
	url      string
	admin    http.Handler
	server   *verifier.Server
	issuer   *wallettest.Issuer
	phone    *wallet.Wallet
	log      *lockedBuffer
	attester *ecdsa.PrivateKey // whom the phone trusts to attest verifiers
	admit    func(*http.Request) (context.Context, error)

	mu  sync.Mutex
	now time.Time
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *house) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

func newHouse(t *testing.T, change ...func(*verifier.Config)) *house {
	t.Helper()
	h := &house{issuer: wallettest.NewIssuer(t), now: time.Now(), log: &lockedBuffer{}, attester: wallettest.Key(t)}
	pool := h.issuer.Authority.Pool()
	h.phone = wallet.New(wallet.Config{Issuers: pool, Verifiers: pool, Development: true, Now: h.clock,
		Presenting: wallet.Presenting{Types: openid4vp.Transactions(), Plain: true, Unsigned: true, Sealed: true, Issuer: "https://wallet.example",
			Attesters: map[string]jose.JSONWebKeySet{"https://attester.example": {Keys: []jose.JSONWebKey{{Key: h.attester.Public()}}}}}})
	offer, err := h.phone.ReadOffer(t.Context(), h.issuer.Offer(t, true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.phone.Accept(t.Context(), offer, ""); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	log := slog.New(slog.NewTextHandler(h.log, nil))
	h.admit = func(r *http.Request) (context.Context, error) { return r.Context(), nil }
	frame := web.New(web.Options{Service: "verifier", Development: true, Logger: log,
		Admit: func(r *http.Request) (context.Context, error) { return h.admit(r) }})
	server := httptest.NewServer(frame.Handler(mux))
	t.Cleanup(server.Close)
	h.url = server.URL
	key := wallettest.Key(t)
	config := verifier.Config{
		URL: h.url, Wallet: "http://localhost:8084", Key: key,
		Chain:   h.issuer.Authority.Leaf(t, key.Public(), "Test verifier", h.url, func(c *x509.Certificate) { c.DNSNames = []string{"127.0.0.1"} }),
		Queries: verifier.Presets(), Types: openid4vp.Transactions(), CrossDevice: verifier.CrossPlain, Frame: frame, Now: h.clock, Logger: log,
		Verifier: &credential.Verifier{
			Policy: credential.Policy{Roots: map[string]*x509.CertPool{credential.VCTResidentCard: pool}},
			Status: &statuslist.Client{Development: true}, Now: h.clock,
		},
	}
	config.Attestation = h.attest(t, key.Public())
	for _, f := range change {
		f(&config)
	}
	v, err := verifier.New(config)
	if err != nil {
		t.Fatal(err)
	}
	v.Mount(mux)
	h.admin, h.server = v.Admin(), v
	return h
}

// attest is what the attester says of the verifier's key.
func (h *house) attest(t *testing.T, key any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: h.attester}, (&jose.SignerOptions{}).WithType(openid4vp.AttestationTyp))
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(map[string]any{"iss": "https://attester.example", "sub": "shop", "exp": h.now.Add(time.Hour).Unix(),
		"cnf": map[string]any{"jwk": jose.JSONWebKey{Key: key}}})
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

// place asks by the command's socket.
func (h *house) place(t *testing.T, order string) (verifier.Placed, int) {
	t.Helper()
	w := httptest.NewRecorder()
	h.admin.ServeHTTP(w, httptest.NewRequest("POST", "/requests", strings.NewReader(order)))
	var placed verifier.Placed
	if err := json.Unmarshal(w.Body.Bytes(), &placed); err != nil {
		t.Fatal(err)
	}
	return placed, w.Code
}

func (h *house) result(t *testing.T, id string) verifier.Result {
	t.Helper()
	w := httptest.NewRecorder()
	h.admin.ServeHTTP(w, httptest.NewRequest("GET", "/results/"+id, nil))
	var r verifier.Result
	if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func (h *house) present(t *testing.T, link string) (string, error) {
	t.Helper()
	asked, err := h.phone.ReadRequest(t.Context(), link)
	if err != nil {
		return "", err
	}
	return h.phone.Present(t.Context(), asked, asked.Least())
}

func names(checks []credential.Check, ok bool) []string {
	var list []string
	for _, c := range checks {
		if c.OK == ok {
			list = append(list, c.Name)
		}
	}
	return list
}

func TestNewWantsAll(t *testing.T) {
	if _, err := verifier.New(verifier.Config{URL: "http://localhost"}); err == nil {
		t.Fatal("a verifier without a key")
	}
	newHouse(t, func(c *verifier.Config) {
		bad := *c
		if bad.URL = "http://%zz"; func() error { _, err := verifier.New(bad); return err }() == nil {
			t.Fatal("a verifier without an address")
		}
	})
}

func TestWithoutDemoWallet(t *testing.T) {
	h := newHouse(t, func(c *verifier.Config) { c.Wallet = "" })
	if _, page := h.start(t, browser(t), "identity"); strings.Contains(page, "open-demo-wallet") || !strings.Contains(page, "open-wallet") {
		t.Fatal(page)
	}
}
