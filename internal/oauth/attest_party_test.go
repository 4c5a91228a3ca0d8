package oauth_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/wallet/wallettest"
	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
	"github.com/govmydata/mydata/pkg/dpop"
)

const (
	foreign = "https://wallet.example/app"
	another = "https://other.example/app"
)

// phone is an instance of a foreign wallet.
type phone struct {
	*client
	provider *wallettest.Provider
	key      *ecdsa.PrivateKey
	combined bool

	// The knobs of its proof of possession, and of the request as a whole.
	popHeader, popClaims func(map[string]any)
	popKey               *ecdsa.PrivateKey
	popBody              string
	request              func(*http.Request)
}

// counted counts what the store made durable.
type counted struct {
	oauth.Store
	mu     sync.Mutex
	writes int
}

func (c *counted) note(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		c.writes++
	}
	return err
}

func (c *counted) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.writes
}

func (c *counted) Once(ctx context.Context, scope, key string, until time.Time) error {
	return c.note(c.Store.Once(ctx, scope, key, until))
}
func (c *counted) PutPushed(ctx context.Context, p oauth.Pushed) error {
	return c.note(c.Store.PutPushed(ctx, p))
}
func (c *counted) Redeem(ctx context.Context, hash string, g oauth.Grant, t oauth.Tokens) error {
	return c.note(c.Store.Redeem(ctx, hash, g, t))
}
func (c *counted) PutGrant(ctx context.Context, g oauth.Grant, t oauth.Tokens) error {
	return c.note(c.Store.PutGrant(ctx, g, t))
}
func (c *counted) PutTokens(ctx context.Context, grant string, t oauth.Tokens) error {
	return c.note(c.Store.PutTokens(ctx, grant, t))
}
func (c *counted) Rotate(ctx context.Context, hash, grant string, t oauth.Tokens) error {
	return c.note(c.Store.Rotate(ctx, hash, grant, t))
}
func (c *counted) RevokeGrant(ctx context.Context, grant string) error {
	return c.note(c.Store.RevokeGrant(ctx, grant))
}
func (c *counted) RevokeToken(ctx context.Context, jti string) error {
	return c.note(c.Store.RevokeToken(ctx, jti))
}

// attestedHub trusts two providers with a wallet each.
func attestedHub(t testing.TB, change ...func(*oauth.Config)) (*hub, *counted, *wallettest.Provider, *wallettest.Provider) {
	t.Helper()
	one, two := wallettest.NewProvider(t, "one.example"), wallettest.NewProvider(t, "two.example")
	writes := &counted{}
	h := newHub(t, append([]func(*oauth.Config){func(c *oauth.Config) {
		writes.Store, c.Store = c.Store, writes
		c.WalletProviders = []oauth.WalletProvider{
			{Name: "One", Roots: []*x509.Certificate{one.Authority.Certificate},
				Clients: []oauth.WalletClient{{ID: foreign, Name: "One's wallet", RedirectURIs: []string{redirect}}}},
			{Name: "Two", Roots: []*x509.Certificate{two.Authority.Certificate},
				Clients: []oauth.WalletClient{{ID: another, RedirectURIs: []string{redirect}}}},
		}
	}}, change...)...)
	one.Now, two.Now = h.now, h.now
	return h, writes, one, two
}

// phone makes an instance of the foreign wallet, with keys of its own.
func (h *hub) phone(p *wallettest.Provider) *phone {
	h.t.Helper()
	return &phone{
		client: &client{h: h, id: foreign, verifier: base64.RawURLEncoding.EncodeToString(random(32)), browser: newBrowser(), dpop: h.maker()},
		key:    newKey(h.t), provider: p,
	}
}

// combine lets one key be the instance's and DPoP's.
func (p *phone) combine() *phone {
	maker, err := dpop.NewMaker(p.key)
	check(p.h.t, err)
	maker.Now = p.h.now
	p.dpop, p.combined = maker, true
	return p
}

func (h *hub) challenge() string {
	h.t.Helper()
	a := h.post("/challenge", nil)
	if a.status != http.StatusOK || a.header.Get("Cache-Control") != "no-store" {
		h.t.Fatalf("challenge: %d %s", a.status, a.text)
	}
	return a.str("attestation_challenge")
}

// attest adds the attestation and the proofs to a request.
func (p *phone) attest(path string) func(*http.Request) {
	return func(r *http.Request) {
		t := p.h.t
		t.Helper()
		word, err := p.provider.AttestWallet(r.Context(), p.id, p.key.Public())
		check(t, err)
		r.Header.Set(openid4vci.AttestationHeader, word)
		if path == "/par" || path == "/token" || p.combined {
			p.proof(path, "")(r)
		}
		if !p.combined {
			r.Header.Set(openid4vci.AttestationPoPHeader, p.pop())
		}
		if p.request != nil {
			p.request(r)
		}
	}
}

func (p *phone) pop() string {
	header := map[string]any{"alg": "ES256", "typ": openid4vci.AttestationPoPTyp}
	claims := map[string]any{
		"iss": p.id, "aud": p.h.url, "jti": base64.RawURLEncoding.EncodeToString(random(16)), "iat": p.h.now().Unix(), "challenge": p.h.challenge(),
	}
	for _, bend := range []struct {
		f func(map[string]any)
		m map[string]any
	}{{p.popHeader, header}, {p.popClaims, claims}} {
		if bend.f != nil {
			bend.f(bend.m)
		}
	}
	key := p.key
	if p.popKey != nil {
		key = p.popKey
	}
	var body any = claims
	if p.popBody != "" {
		body = p.popBody
	}
	pop, err := wallettest.SignRaw(key, header, body)
	check(p.h.t, err)
	return pop
}

func (p *phone) push() answer {
	p.h.t.Helper()
	return p.h.post("/par", p.authorization("resident_card"), p.attest("/par"))
}

func (p *phone) code() string {
	p.h.t.Helper()
	pushed := p.push()
	if pushed.status != http.StatusCreated {
		p.h.t.Fatalf("PAR: %d %s", pushed.status, pushed.text)
	}
	return p.open(url.Values{"client_id": {p.id}, "request_uri": {pushed.str("request_uri")}}).Get("code")
}

func (p *phone) redeem(code string) answer {
	p.h.t.Helper()
	return p.h.post("/token", p.redemption(code), p.attest("/token"))
}

func (p *phone) refresh(token string) answer {
	p.h.t.Helper()
	return p.h.post("/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}, p.attest("/token"))
}
