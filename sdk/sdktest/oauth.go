package sdktest

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/dpop"
)

// pushed is a request object (RFC 9101) as far as it is used.
type pushed struct {
	ClientID    string          `json:"client_id"`
	RedirectURI string          `json:"redirect_uri"`
	State       string          `json:"state"`
	Nonce       string          `json:"nonce"`
	Challenge   string          `json:"code_challenge"`
	JKT         string          `json:"dpop_jkt"`
	Details     json.RawMessage `json:"authorization_details"`
	Subject     struct {
		Sub  string `json:"sub"`
		Salt string `json:"salt"`
	} `json:"mydata_subject"`
	grant consent.GrantID
}

// ticket is what a code or refresh token stands for.
type ticket struct {
	pushed
	citizen string
	refresh bool
}

func (h *Hub) metadata(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"issuer": h.URL, "authorization_endpoint": h.URL + "/authorize",
		"token_endpoint": h.URL + "/token", "pushed_authorization_request_endpoint": h.URL + "/par"})
}

func oauthError(w http.ResponseWriter, status int, code, description string) {
	writeJSON(w, status, map[string]string{"error": code, "error_description": description})
}

// signed opens a JWS by the one client's key.
func (h *Hub) signed(compact string, claims any) error {
	object, err := jose.ParseSignedCompact(compact, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return err
	}
	payload, err := object.Verify(h.world.Consumer.Key.Public())
	if err != nil {
		return err
	}
	return json.Unmarshal(payload, claims)
}

// client checks the client's assertion (RFC 7523, 3): by its key, for this hub,
// in time, once.
func (h *Hub) client(w http.ResponseWriter, r *http.Request) bool {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	var c struct {
		Iss, Sub, Aud, Jti string
		Exp                int64
	}
	err := h.signed(r.PostFormValue("client_assertion"), &c)
	now := h.hubNow()
	if err == nil && (c.Iss != ClientID || c.Sub != c.Iss || c.Aud != h.URL || c.Jti == "" || now.Unix() >= c.Exp) {
		err = errors.New("not this client's")
	}
	if err == nil {
		err = h.replay.Once(r.Context(), "assertion "+c.Jti, time.Unix(c.Exp, 0))
	}
	if err != nil {
		oauthError(w, http.StatusUnauthorized, "invalid_client", "client authentication failed")
		return false
	}
	return true
}

// par takes a pushed request (RFC 9126).
func (h *Hub) par(w http.ResponseWriter, r *http.Request) {
	if !h.client(w, r) {
		return
	}
	var p pushed
	if err := h.signed(r.PostFormValue("request"), &p); err != nil || p.ClientID != ClientID || p.RedirectURI != RedirectURI {
		oauthError(w, http.StatusBadRequest, "invalid_request_object", "not this client's")
		return
	}
	if len(p.Details) > 0 {
		grant, err := h.requested(r, p)
		if err != nil {
			word, cause := wordOf(err)
			oauthError(w, http.StatusBadRequest, "invalid_authorization_details", word+": "+cause)
			return
		}
		p.grant = grant
	}
	uri := "urn:ietf:params:oauth:request_uri:" + rand.Text()
	h.mu.Lock()
	h.pushed[uri] = p
	h.mu.Unlock()
	writeJSON(w, http.StatusCreated, map[string]any{"request_uri": uri, "expires_in": 90})
}

func (h *Hub) requested(r *http.Request, p pushed) (consent.GrantID, error) {
	refused := func(cause string) (consent.GrantID, error) {
		return "", &consent.CheckError{Check: "authorization_details", Cause: cause}
	}
	var details []struct{ Type, Request string }
	if json.Unmarshal(p.Details, &details) != nil || len(details) != 1 || details[0].Type != consent.TransferType {
		return refused("exactly one transfer")
	}
	salt, err := base64.RawURLEncoding.Strict().DecodeString(p.Subject.Salt)
	if err != nil || len(salt) != 32 || p.Subject.Sub == "" {
		return "", &consent.CheckError{Check: "mydata_subject", Cause: "sub and a salt of 32 bytes are needed"}
	}
	record, err := h.world.Ledger.Request(r.Context(), consent.Requested{
		Client: ClientID, Agency: ConsumerID, JWS: details[0].Request, Sub: p.Subject.Sub, Salt: [32]byte(salt)})
	return record.Grant, err
}

// token gives an access token, bound to the proof's key (RFC 9449, 5).
func (h *Hub) token(w http.ResponseWriter, r *http.Request) {
	if !h.client(w, r) {
		return
	}
	proof, err := dpop.Check(r, dpop.Policy{Target: h.URL + "/token", Replay: &h.replay, Now: h.hubNow})
	if err != nil {
		oauthError(w, http.StatusBadRequest, "invalid_dpop_proof", err.Error())
		return
	}
	t, refusal := h.ticket(r, proof.JKT)
	if refusal != "" {
		oauthError(w, http.StatusBadRequest, "invalid_grant", refusal)
		return
	}
	answer := map[string]any{"access_token": "of-no-use", "token_type": "DPoP", "expires_in": 60}
	if !t.refresh {
		answer["id_token"] = h.idToken(t)
	}
	if t.grant != "" {
		if err := h.transfer(r.Context(), answer, t); err != nil {
			word, cause := wordOf(err)
			oauthError(w, http.StatusBadRequest, "invalid_grant", word+": "+cause)
			return
		}
		answer["refresh_token"] = h.refreshToken(r, t)
	}
	writeJSON(w, http.StatusOK, answer)
}

// ticket finds what a code or refresh token stands for; a code is good once.
func (h *Hub) ticket(r *http.Request, jkt string) (*ticket, string) {
	kind := r.PostFormValue("grant_type")
	name := map[string]string{"authorization_code": "code", "refresh_token": "refresh_token"}[kind]
	h.mu.Lock()
	defer h.mu.Unlock()
	key := r.PostFormValue(name)
	t, ok := h.codes[key]
	word := map[string]string{"code": "code", "refresh_token": "refresh"}[name]
	if !ok || t.refresh != (name == "refresh_token") || t.JKT != jkt {
		return nil, word + ": unknown or expired"
	}
	if !t.refresh {
		sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
		challenge := base64.RawURLEncoding.EncodeToString(sum[:])
		if subtle.ConstantTimeCompare([]byte(challenge), []byte(t.Challenge)) != 1 {
			return nil, "code_verifier: not that of the request"
		}
		delete(h.codes, key)
	}
	return t, ""
}

// refreshToken does not rotate: it is bound to a key (FAPI 2.0, 5.3.2.1).
func (h *Hub) refreshToken(r *http.Request, t *ticket) string {
	if t.refresh {
		return r.PostFormValue("refresh_token")
	}
	again := *t
	again.refresh = true
	token := rand.Text()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.codes[token] = &again
	return token
}

func (h *Hub) idToken(t *ticket) string {
	now := h.hubNow().Unix()
	sub, err := h.world.People.Pairwise(h.t.Context(), t.citizen, ConsumerID)
	if err != nil {
		h.t.Error(err)
	}
	return h.sign("JWT", map[string]any{"iss": h.URL, "sub": sub, "aud": ClientID, "nonce": t.Nonce, "iat": now,
		"exp": now + 300, "auth_time": now, "amr": []string{"hwk", "user"}})
}

// sign signs as the hub.
func (h *Hub) sign(typ string, claims any) string {
	key := h.world.Trust.HubKeys.Keys[0]
	options := (&jose.SignerOptions{}).WithHeader("kid", key.KeyID).WithType(jose.ContentType(typ))
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: h.world.Hub}, options)
	if err != nil {
		panic("sdktest: " + err.Error())
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		panic("sdktest: " + err.Error())
	}
	object, err := signer.Sign(payload)
	if err != nil {
		panic("sdktest: " + err.Error())
	}
	return must(object.CompactSerialize())
}

func must[T any](v T, err error) T {
	if err != nil {
		panic("sdktest: " + err.Error())
	}
	return v
}

// one says whether a list holds a value.
func one[T comparable](v T, of ...T) bool { return slices.Contains(of, v) }
