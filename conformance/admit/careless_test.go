package admit_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/conformance/admit"
	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/consent/envelope"
	"github.com/govmydata/mydata/pkg/consent/transfer"
	"github.com/govmydata/mydata/pkg/dpop"
	"github.com/govmydata/mydata/sdk"
)

// careless is a consumer, pages and all, that can leave out one check, or several.
type careless struct {
	trust consent.Trust
	keys  sdk.Keys
	plan  admit.Plan
	site  string
	flaws map[string]bool
	skips []skipping

	mu       sync.Mutex
	sessions map[string]*errand
	fixed    *envelope.PrivateKey
}

// errand is what one browser has under way, and what it got.
type errand struct {
	sub, state, verifier, nonce, request string
	asking, done                         bool
	proves                               *ecdsa.PrivateKey
	opens                                *envelope.PrivateKey
	salt                                 [32]byte
	refresh, evidence                    string
}

func newCareless(folder, site string, plan admit.Plan) (*careless, error) {
	trust, err := sdk.LoadTrust(filepath.Join(folder, "trust"))
	if err != nil {
		return nil, err
	}
	keys, err := sdk.LoadKeys(filepath.Join(folder, "identity"))
	if err != nil {
		return nil, err
	}
	fixed, err := envelope.Generate()
	return &careless{trust: trust, keys: keys, plan: plan, site: site, flaws: map[string]bool{}, sessions: map[string]*errand{}, fixed: fixed}, err
}

func (c *careless) skipped(err error) bool {
	refused, ok := errors.AsType[*transfer.Refusal](err)
	for _, s := range c.skips {
		if ok && refused.Check == s.check && strings.Contains(refused.Cause, s.cause) {
			return true
		}
	}
	return false
}

func (c *careless) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.session(w, r)
	var err error
	switch {
	case r.Method == http.MethodPost && !c.flaws["pressed by anybody"] && r.Header.Get("Origin") != c.site:
		err = errors.New("from another site")
	case r.URL.Path == "/renew":
		err = c.push(w, r, e)
	case r.URL.Path == "/callback":
		err = c.callback(w, r, e)
	case r.URL.Path == "/again":
		err = c.again(r.Context(), e)
	}
	if errors.Is(err, errSent) {
		return
	}
	status, text := http.StatusOK, "welcome"
	if err != nil {
		status, text = http.StatusConflict, err.Error()
		if c.flaws["faulty page"] && strings.Contains(text, "denied") {
			status = http.StatusBadGateway
		}
	}
	if c.flaws["bare denial"] && strings.Contains(text, "denied") {
		w.WriteHeader(status)
		return
	}
	if c.flaws["silent about withdrawal"] {
		text = strings.ReplaceAll(text, "withdrawn", "over")
	}
	if c.flaws["shows evidence"] {
		text += e.evidence
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintf(w, `<!doctype html><html lang="en"><h1>Agency</h1><p>%s</p><form method="post" action="/renew"><button>Renew</button></form>
<form method="post" action="/again"><button>Again</button></form></html>`, text)
}

// errSent is a redirect that was written.
var errSent = errors.New("sent on")

func (c *careless) session(w http.ResponseWriter, r *http.Request) *errand {
	if cookie, err := r.Cookie("session"); err == nil && c.sessions[cookie.Value] != nil {
		return c.sessions[cookie.Value]
	}
	id, e := rand.Text(), &errand{}
	c.sessions[id] = e
	http.SetCookie(w, &http.Cookie{Name: "session", Value: id, Path: "/", HttpOnly: !c.flaws["open cookie"], SameSite: http.SameSiteLaxMode})
	return e
}

func (c *careless) sign(typ string, claims any) string {
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: c.keys.Signer}, (&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	if err != nil {
		panic(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	object, err := s.Sign(payload)
	if err != nil {
		panic(err)
	}
	text, err := object.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return text
}

// push sends a request object, for a login or for data.
func (c *careless) push(w http.ResponseWriter, r *http.Request, e *errand) error {
	id, now := c.plan.Site.ClientID, time.Now().Unix()
	e.state, e.verifier, e.nonce, e.asking, e.done = rand.Text(), rand.Text()+rand.Text(), rand.Text(), e.sub != "", false
	if c.flaws["one state"] {
		e.state = "a-state-for-everybody"
	}
	if c.flaws["one nonce"] {
		e.nonce = "a-nonce-for-everybody"
	}
	e.proves = consenttest.NewKey()
	maker, err := dpop.NewMaker(e.proves)
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(e.verifier))
	claims := map[string]any{"iss": id, "client_id": id, "aud": c.trust.Issuer, "exp": now + 60, "response_type": "code", "redirect_uri": c.plan.Site.RedirectURI,
		"scope": "openid", "state": e.state, "nonce": e.nonce, "dpop_jkt": maker.JKT(),
		"code_challenge": base64.RawURLEncoding.EncodeToString(sum[:]), "code_challenge_method": "S256"}
	if c.flaws["no PKCE"] {
		claims["code_challenge_method"] = "plain"
	}
	if c.flaws["for any hub"] {
		claims["aud"] = "https://anywhere.example"
	}
	if c.flaws["unbound"] {
		delete(claims, "dpop_jkt")
	}
	if e.asking {
		if err := c.ask(e, claims); err != nil {
			return err
		}
	}
	status, body, err := c.post(r.Context(), c.trust.Issuer+"/par", "", url.Values{"request": {c.sign("oauth-authz-req+jwt", claims)}}, nil)
	var pushed struct {
		URI string `json:"request_uri"`
	}
	if err != nil || json.Unmarshal(body, &pushed) != nil || pushed.URI == "" {
		return fmt.Errorf("push: %d %s %w", status, body, err)
	}
	query := url.Values{"client_id": {id}, "request_uri": {pushed.URI}}
	if c.flaws["through the browser"] {
		query.Set("scope", "openid")
	}
	http.Redirect(w, r, c.trust.Issuer+"/authorize?"+query.Encode(), http.StatusSeeOther)
	return errSent
}

// ask adds the agency's own signed request.
func (c *careless) ask(e *errand, claims map[string]any) error {
	rand.Read(e.salt[:])
	if c.flaws["one salt"] {
		e.salt = [32]byte{1}
	}
	var err error
	if e.opens, err = envelope.Generate(); err != nil {
		return err
	}
	if c.flaws["one key"] {
		e.opens = c.fixed
	}
	now := time.Now().Unix()
	details := consent.Detail{Type: consent.TransferType, Locations: []string{c.plan.Provider}, Actions: []string{consent.ActionDerive},
		DataTypes: []string{c.plan.DataSet.ID}, SchemaHash: c.plan.DataSet.Hash(), Purpose: c.plan.Purpose.Code, MaxUses: 2,
		Validity: consent.Duration{Seconds: 86400}, Retention: "P1D", Jurisdiction: "KR", LegalBasis: consent.LegalBasis{Kind: consent.BasisConsent}}
	for _, name := range c.plan.Claims {
		details.Claims = append(details.Claims, consent.RequestedClaim{Name: name})
	}
	for _, name := range c.plan.Optional {
		details.Claims = append(details.Claims, consent.RequestedClaim{Name: name, Optional: true})
	}
	e.request, err = consent.SignRequest(consent.RequestClaims{Issuer: c.keys.Agency, Audience: c.trust.Issuer, IssuedAt: now, Expires: now + 600, ID: rand.Text(),
		Subject: consent.SubjectCommitment(e.salt, e.sub), RecipientKey: consent.RecipientKey{KEM: envelope.KEM, Public: consent.Encode(e.opens.Public())},
		Details: []consent.Detail{details}}, c.keys.Signer, c.keys.Chain)
	claims["authorization_details"] = []any{map[string]any{"type": consent.TransferType, "request": e.request}}
	claims["mydata_subject"] = map[string]any{"sub": e.sub, "salt": consent.Encode(e.salt[:])}
	return err
}

// post sends a form with the client's assertion, or a body of its own.
func (c *careless) post(ctx context.Context, address, media string, form url.Values, e *errand) (int, []byte, error) {
	id, now := c.plan.Site.ClientID, time.Now().Unix()
	aud := c.trust.Issuer
	if c.flaws["assertion for anybody"] {
		aud = "https://anywhere.example"
	}
	body := form.Get("")
	if media == "" {
		media = "application/x-www-form-urlencoded"
		form.Set("client_id", id)
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", c.sign("JWT", map[string]any{"iss": id, "sub": id, "aud": aud, "jti": rand.Text(), "iat": now, "exp": now + 60}))
		body = form.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Content-Type", media)
	if e != nil {
		maker, err := dpop.NewMaker(e.proves)
		if err != nil {
			return 0, nil, err
		}
		token := form.Get("token")
		proof, err := maker.Proof(http.MethodPost, address, token, "")
		if err != nil {
			return 0, nil, err
		}
		r.Header.Set(dpop.Header, proof)
		if token != "" {
			r.Header.Set("Authorization", "DPoP "+token)
		}
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	return res.StatusCode, got, err
}

func (c *careless) listing(ctx context.Context) (*catalogue.Catalogue, error) {
	l := &loose{trust: c.trust}
	return l.listing(ctx)
}
