package admit

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/dpop"
)

// Flaws that a consumer's requests can have, by the case that reports them. The
// hub played here notes them and goes on, so that one flaw fails one case.
const (
	flawClient    = "client"
	flawObject    = "request object"
	flawPKCE      = "PKCE"
	flawState     = "state"
	flawNonce     = "nonce"
	flawBinding   = "DPoP"
	flawAuthorize = "authorize"
	flawConsumer  = "consumer's request"
	flawSubject   = "subject"
	flawRelease   = "release"
	flawKey       = "idempotency key"
)

// pushed is a request object (RFC 9101) as far as it is looked at.
type pushed struct {
	Issuer      string          `json:"iss"`
	Audience    string          `json:"aud"`
	Expires     int64           `json:"exp"`
	Type        string          `json:"response_type"`
	ClientID    string          `json:"client_id"`
	RedirectURI string          `json:"redirect_uri"`
	State       string          `json:"state"`
	Nonce       string          `json:"nonce"`
	Challenge   string          `json:"code_challenge"`
	Method      string          `json:"code_challenge_method"`
	JKT         string          `json:"dpop_jkt"`
	Details     json.RawMessage `json:"authorization_details"`
	Subject     struct {
		Sub  string `json:"sub"`
		Salt string `json:"salt"`
	} `json:"mydata_subject"`

	grant     consent.GrantID
	jws       string
	recipient string
}

// ticket is what a code or a refresh token stands for.
type ticket struct {
	*pushed
	person  string
	refresh bool
}

// flaw notes what a request lacks.
func (h *hub) flaw(kind, cause string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.flaws[kind] = cause
}

func (h *hub) metadata(w http.ResponseWriter, _ *http.Request) {
	at := h.b.options.Issuer
	writeJSON(w, http.StatusOK, map[string]any{"issuer": at, "authorization_endpoint": at + "/authorize", "token_endpoint": at + "/token",
		"pushed_authorization_request_endpoint": at + "/par", "authorization_response_iss_parameter_supported": true,
		"code_challenge_methods_supported": []string{"S256"}, "require_pushed_authorization_requests": true})
}

func oauthError(w http.ResponseWriter, status int, code, description string) {
	writeJSON(w, status, map[string]string{"error": code, "error_description": description})
}

// signed opens a JWS by the consumer's key; its typ must be one of types.
func (h *hub) signed(compact string, claims any, types ...string) error {
	object, err := jose.ParseSignedCompact(compact, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return errors.New("it is no JWS signed by ES256")
	}
	payload, err := object.Verify(h.b.world.Consumer.Key.Public())
	if err != nil {
		return errors.New("its signature is not by the key of the certificate")
	}
	if err := json.Unmarshal(payload, claims); err != nil {
		return err
	}
	typ, _ := object.Signatures[0].Protected.ExtraHeaders[jose.HeaderType].(string)
	for _, t := range types {
		if t == typ {
			return nil
		}
	}
	return errors.New("its typ is " + typ)
}

// authenticate looks at the client's assertion (RFC 7523, 3; FAPI 2.0: aud is the issuer).
func (h *hub) authenticate(r *http.Request) {
	var c struct {
		Iss, Sub, Aud, Jti string
		Exp                int64
	}
	id, now := h.b.plan.Site.ClientID, h.b.now()
	err := h.signed(r.PostFormValue("client_assertion"), &c, "JWT", "", "client-authentication+jwt")
	if err == nil && (c.Iss != id || c.Sub != id || c.Aud != h.b.options.Issuer || c.Jti == "" || c.Exp <= now.Unix() || c.Exp > now.Add(time.Hour).Unix()) {
		err = errors.New("it is not this client's, for this hub, with jti and a near exp")
	}
	if err == nil {
		err = h.replay.Once(r.Context(), "assertion "+c.Jti, time.Unix(c.Exp, 0))
	}
	if err != nil {
		h.flaw(flawClient, err.Error())
	}
}

// par takes a pushed request (RFC 9126).
func (h *hub) par(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	h.authenticate(r)
	p := &pushed{}
	if err := h.signed(r.PostFormValue("request"), p, "oauth-authz-req+jwt"); err != nil {
		h.flaw(flawObject, err.Error())
	}
	if p.RedirectURI != h.b.plan.Site.RedirectURI {
		oauthError(w, http.StatusBadRequest, "invalid_request", "the redirect_uri is not the plan's, "+h.b.plan.Site.RedirectURI)
		return
	}
	h.look(p)
	if len(p.Details) > 0 {
		if err := h.requested(r.Context(), p); err != nil {
			_, code, check, cause := wordOf(err)
			h.flaw(flawConsumer, check+": "+cause)
			oauthError(w, http.StatusBadRequest, "invalid_authorization_details", code+": "+cause)
			return
		}
	}
	uri := "urn:ietf:params:oauth:request_uri:" + rand.Text()
	h.mu.Lock()
	h.pushed[uri] = p
	h.pushes = append(h.pushes, p)
	h.mu.Unlock()
	writeJSON(w, http.StatusCreated, map[string]any{"request_uri": uri, "expires_in": 90})
}

// look notes what a request object lacks.
func (h *hub) look(p *pushed) {
	now := h.b.now()
	if p.Issuer != h.b.plan.Site.ClientID || p.ClientID != p.Issuer || p.Audience != h.b.options.Issuer || p.Type != "code" || p.Expires <= now.Unix() {
		h.flaw(flawObject, "iss, client_id, aud, response_type or exp")
	}
	if raw, err := base64.RawURLEncoding.DecodeString(p.Challenge); p.Method != "S256" || err != nil || len(raw) != sha256.Size {
		h.flaw(flawPKCE, "the request has no code_challenge by S256")
	}
	if len(p.State) < 16 || h.seen("state", p.State) {
		h.flaw(flawState, "it has under 16 characters, or was there before")
	}
	if len(p.Nonce) < 16 || h.seen("nonce", p.Nonce) {
		h.flaw(flawNonce, "it has under 16 characters, or was there before")
	}
	if p.JKT == "" {
		h.flaw(flawBinding, "the request has no dpop_jkt")
	}
}

// seen says whether a value was there before, and remembers it.
func (h *hub) seen(kind, value string) bool {
	return h.replay.Once(context.Background(), kind+" "+value, h.b.now().Add(time.Hour)) != nil
}

func (h *hub) requested(ctx context.Context, p *pushed) error {
	var details []struct{ Type, Request string }
	if json.Unmarshal(p.Details, &details) != nil || len(details) != 1 || details[0].Type != consent.TransferType {
		return &consent.CheckError{Check: "authorization_details", Cause: "exactly one transfer"}
	}
	salt, err := base64.RawURLEncoding.Strict().DecodeString(p.Subject.Salt)
	if err != nil || len(salt) != 32 || p.Subject.Sub == "" {
		return &consent.CheckError{Check: "mydata_subject", Cause: "sub and a salt of 32 bytes are needed"}
	}
	p.jws = details[0].Request
	if claims, err := consent.OpenRequest(p.jws, h.b.world.Trust.AgencyRoots); err == nil {
		p.recipient = claims.RecipientKey.Public
		if h.seen("salt", p.Subject.Salt) {
			h.flaw(flawSubject, "its salt was there before")
		}
	}
	record, err := h.b.world.Ledger.Request(ctx, consent.Requested{
		Client: h.b.plan.Site.ClientID, Agency: h.b.plan.Consumer, JWS: p.jws, Sub: p.Subject.Sub, Salt: [32]byte(salt)})
	p.grant = record.Grant
	return err
}

// authorize is the person at the hub: it logs in, and decides as the case says.
func (h *hub) authorize(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	h.mu.Lock()
	p := h.pushed[query.Get("request_uri")]
	delete(h.pushed, query.Get("request_uri")) // RFC 9126, 4
	k := h.hooks
	h.mu.Unlock()
	if p == nil {
		http.Error(w, "no such request", http.StatusBadRequest)
		return
	}
	for name := range query {
		if name != "client_id" && name != "request_uri" {
			h.flaw(flawAuthorize, name+" goes through the browser")
		}
	}
	back := map[string]string{"state": p.State, "iss": h.b.options.Issuer}
	switch err := h.decide(r.Context(), p, k); {
	case err == nil && p.grant != "" && k.deny:
		back["error"] = "access_denied"
	case err == nil:
		code := rand.Text()
		h.mu.Lock()
		h.codes[code] = &ticket{pushed: p, person: h.b.plan.People.One.ID}
		h.mu.Unlock()
		back["code"] = code
	default:
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if p.grant != "" && k.back != nil {
		k.back(back)
	}
	values := url.Values{}
	for name, value := range back {
		values.Set(name, value)
	}
	to := p.RedirectURI + "?" + values.Encode()
	h.mu.Lock()
	h.callback = to
	h.mu.Unlock()
	if p.grant != "" && k.stay {
		_, _ = w.Write([]byte("the browser stays here"))
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func (h *hub) decide(ctx context.Context, p *pushed, k hooks) error {
	person := h.b.plan.People.One.ID
	switch {
	case p.grant == "":
		return nil
	case k.deny:
		_, err := h.b.world.Ledger.Deny(ctx, p.grant, person)
		return err
	}
	offer, err := h.b.world.Ledger.Offer(ctx, p.grant, person, "en")
	if err != nil {
		return err
	}
	var ticked []string
	for _, c := range offer.Terms.Claims {
		if !k.least || !c.Optional {
			ticked = append(ticked, c.Name)
		}
	}
	_, err = h.b.world.Approve(ctx, p.grant, person, h.b.people[person], ticked...)
	return err
}

// token gives an access token (RFC 6749, 5.1; RFC 9449, 5).
func (h *hub) token(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	h.mu.Lock()
	h.attempts++
	h.mu.Unlock()
	h.authenticate(r)
	proof, err := dpop.Check(r, dpop.Policy{Target: h.b.options.Issuer + "/token", Replay: &h.replay, Now: h.b.now})
	if err != nil {
		h.flaw(flawBinding, "at the token endpoint: "+err.Error())
	}
	t, refused := h.ticket(r, proof.JKT)
	if refused != "" {
		oauthError(w, http.StatusBadRequest, "invalid_grant", refused)
		return
	}
	m, err := h.mint(r.Context(), t, proof.JKT)
	if err != nil {
		_, code, _, cause := wordOf(err)
		oauthError(w, http.StatusBadRequest, "invalid_grant", code+": "+cause)
		return
	}
	k := h.hooked()
	if k.answer != nil && t.grant != "" {
		k.answer(t, m)
	}
	answer, err := m.answer(h, t)
	if err != nil {
		oauthError(w, http.StatusInternalServerError, "server_error", err.Error())
		return
	}
	if t.grant != "" {
		answer["refresh_token"] = h.refreshToken(r, t)
		h.mu.Lock()
		h.tokens++
		h.mu.Unlock()
	}
	h.secret(answer["access_token"], answer["refresh_token"], answer["id_token"])
	writeJSON(w, http.StatusOK, answer)
}

// secret remembers what no page may show.
func (h *hub) secret(values ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, v := range values {
		if s, ok := v.(string); ok && len(s) > 16 {
			h.secrets = append(h.secrets, s)
		}
	}
}

func (h *hub) ticket(r *http.Request, jkt string) (*ticket, string) {
	kind := r.PostFormValue("grant_type")
	name := map[string]string{"authorization_code": "code", "refresh_token": "refresh_token"}[kind]
	h.mu.Lock()
	t, ok := h.codes[r.PostFormValue(name)]
	h.mu.Unlock()
	if name == "" || !ok || t.refresh != (name == "refresh_token") {
		return nil, "unknown or expired"
	}
	if jkt != "" && t.JKT != "" && jkt != t.JKT {
		h.flaw(flawBinding, "the proof is not by the key of dpop_jkt")
	}
	if t.refresh {
		return t, ""
	}
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if base64.RawURLEncoding.EncodeToString(sum[:]) != t.Challenge {
		h.flaw(flawPKCE, "the code_verifier is not the one of the challenge")
	}
	if r.PostFormValue("redirect_uri") != t.RedirectURI {
		h.flaw(flawObject, "the redirect_uri at the token endpoint is another")
	}
	h.mu.Lock()
	delete(h.codes, r.PostFormValue(name))
	h.mu.Unlock()
	return t, ""
}

// refreshToken does not rotate: it is bound to a key (FAPI 2.0, 5.3.2.1).
func (h *hub) refreshToken(r *http.Request, t *ticket) string {
	if t.refresh {
		return r.PostFormValue("refresh_token")
	}
	again := *t
	again.refresh = true
	token := rand.Text() + rand.Text()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.codes[token] = &again
	return token
}
