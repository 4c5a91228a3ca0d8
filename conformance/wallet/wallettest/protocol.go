package wallettest

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/credential/openid4vci"
	"github.com/govmydata/mydata/pkg/dpop"
)

const serverNonce = "nonce-of-the-server"

// proof checks the DPoP proof of a request; token is "" at PAR and token.
func (i *Issuer) proof(w http.ResponseWriter, r *http.Request, token, jkt string) (string, bool) {
	p := dpop.Policy{Target: i.URL + r.URL.Path, AccessToken: token, JKT: jkt, Replay: i.replay}
	if i.DPoPNonce {
		p.Nonce = func(_ context.Context, nonce string) bool { return nonce == serverNonce }
		w.Header().Set(dpop.NonceHeader, serverNonce)
	}
	got, err := dpop.Check(r, p)
	if err == nil {
		return got.JKT, true
	}
	code := "invalid_dpop_proof"
	var refused *dpop.Error
	if errors.As(err, &refused) && refused.Check == dpop.CheckNonce {
		code = "use_dpop_nonce"
	}
	if token != "" {
		w.Header().Set("WWW-Authenticate", `DPoP error="`+code+`"`)
		refuse(w, 401, code, err.Error())
	} else {
		refuse(w, 400, code, err.Error())
	}
	return "", false
}

func (i *Issuer) par(w http.ResponseWriter, r *http.Request) {
	jkt, ok := i.proof(w, r, "", "")
	if !ok {
		return
	}
	if err := r.ParseForm(); err != nil || r.PostForm.Get("dpop_jkt") != jkt || r.PostForm.Get("code_challenge_method") != "S256" {
		refuse(w, 400, "invalid_request", "form, dpop_jkt or code_challenge_method")
		return
	}
	if (r.PostForm.Get("scope") == "") == (r.PostForm.Get("authorization_details") == "") || r.PostForm.Get("issuer_state") != "state-of-the-issuer" || r.PostForm.Get("state") == "" {
		refuse(w, 400, "invalid_request", "scope or authorization_details, issuer_state or state")
		return
	}
	uri := "urn:ietf:params:oauth:request_uri:" + text()
	i.mu.Lock()
	i.pushed[uri] = r.PostForm
	i.mu.Unlock()
	answer(w, 201, map[string]any{"request_uri": uri, "expires_in": 60})
}

// authorize agrees at once and sends the browser back.
func (i *Issuer) authorize(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	uri := r.URL.Query().Get("request_uri")
	form, ok := i.pushed[uri]
	delete(i.pushed, uri)
	if !ok || form.Get("client_id") != r.URL.Query().Get("client_id") {
		refuse(w, 400, "invalid_request", "request_uri")
		return
	}
	code := text()
	i.codes[code] = form
	q := url.Values{"code": {code}, "state": {form.Get("state")}, "iss": {i.URL}}
	if i.Callback != nil {
		i.Callback(q)
	}
	http.Redirect(w, r, form.Get("redirect_uri")+"?"+q.Encode(), http.StatusSeeOther)
}

func (i *Issuer) token(w http.ResponseWriter, r *http.Request) {
	jkt, ok := i.proof(w, r, "", "")
	if !ok {
		return
	}
	if err := r.ParseForm(); err != nil || (i.ClientID != "" && r.PostForm.Get("client_id") != i.ClientID) || !i.grant(r.PostForm, jkt) {
		refuse(w, 400, "invalid_grant", "the grant is not good")
		return
	}
	token := text()
	i.mu.Lock()
	i.tokens[token] = jkt
	i.mu.Unlock()
	t := map[string]any{"access_token": token, "token_type": "DPoP", "expires_in": 60}
	if i.Token != nil {
		i.Token(t)
	}
	answer(w, 200, t)
}

func (i *Issuer) grant(form url.Values, jkt string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if form.Get("grant_type") == openid4vci.PreAuthorizedGrantType {
		return form.Get("pre-authorized_code") == PreAuthorizedCode && form.Get("tx_code") == i.TxCode
	}
	pushed, ok := i.codes[form.Get("code")]
	delete(i.codes, form.Get("code"))
	sum := sha256.Sum256([]byte(form.Get("code_verifier")))
	return ok && form.Get("grant_type") == "authorization_code" && form.Get("redirect_uri") == pushed.Get("redirect_uri") &&
		base64.RawURLEncoding.EncodeToString(sum[:]) == pushed.Get("code_challenge") && pushed.Get("dpop_jkt") == jkt
}

func (i *Issuer) nonce(w http.ResponseWriter, _ *http.Request) {
	n := text()
	i.mu.Lock()
	i.nonces[n] = true
	i.mu.Unlock()
	answer(w, 200, openid4vci.NonceResponse{CNonce: n})
}

func (i *Issuer) spend(_ context.Context, nonce string) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	live := i.nonces[nonce]
	delete(i.nonces, nonce)
	if i.StaleNonce {
		i.StaleNonce, live = false, false
	}
	if !live {
		return openid4vci.ErrNonce
	}
	return nil
}

// bearer checks token and proof of a protected endpoint and reads the body.
func (i *Issuer) bearer(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	token := r.Header.Get("Authorization")
	if len(token) < 5 || token[:5] != "DPoP " {
		refuse(w, 401, "invalid_token", "no DPoP token")
		return nil, false
	}
	i.mu.Lock()
	jkt, ok := i.tokens[token[5:]]
	i.mu.Unlock()
	if !ok {
		refuse(w, 401, "invalid_token", "unknown")
		return nil, false
	}
	if _, ok := i.proof(w, r, token[5:], jkt); !ok {
		return nil, false
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, openid4vci.MaxMessage))
	if err != nil {
		refuse(w, 400, "invalid_credential_request", "body")
		return nil, false
	}
	return body, true
}

func (i *Issuer) credential(w http.ResponseWriter, r *http.Request) {
	body, ok := i.bearer(w, r)
	if !ok {
		return
	}
	request, err := openid4vci.ParseCredentialRequest(body)
	var keys []jose.JSONWebKey
	if err == nil {
		keys, err = openid4vci.VerifyProofs(r.Context(), request.Proofs, openid4vci.ProofPolicy{
			Issuer: i.URL, ClientID: claimedClient(request), Nonce: i.spend,
		})
	}
	if err == nil && i.ClientID != "" && claimedClient(request) != i.ClientID {
		err = &openid4vci.Error{Code: openid4vci.InvalidProof, Description: "iss is not the client"}
	}
	var token string
	if err == nil {
		token, err = i.issue(keys[0].Key)
	}
	var refused *openid4vci.Error
	switch {
	case errors.As(err, &refused):
		answer(w, refused.Status(), refused)
	case err != nil:
		http.Error(w, err.Error(), 500)
	default:
		answer(w, 200, openid4vci.CredentialResponse{
			Credentials: []openid4vci.IssuedCredential{{Credential: token}}, NotificationID: "notification-1",
		})
	}
}

// claimedClient takes the proof's word for the client: this issuer registers
// nobody.
func claimedClient(request openid4vci.CredentialRequest) string {
	var claims struct {
		Iss string `json:"iss"`
	}
	if request.Proofs != nil {
		jws, err := jose.ParseSignedCompact(request.Proofs.JWT[0], []jose.SignatureAlgorithm{jose.ES256})
		if err == nil && json.Unmarshal(jws.UnsafePayloadWithoutVerification(), &claims) != nil {
			return ""
		}
	}
	return claims.Iss
}

func (i *Issuer) notification(w http.ResponseWriter, r *http.Request) {
	body, ok := i.bearer(w, r)
	if !ok {
		return
	}
	n, err := openid4vci.ParseNotification(body)
	if err != nil {
		refuse(w, 400, string(openid4vci.InvalidNotificationRequest), err.Error())
		return
	}
	i.mu.Lock()
	i.events = append(i.events, n.Event)
	i.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

func publicJWK(key any) (any, error) {
	public, ok := key.(*ecdsa.PublicKey)
	if !ok {
		return nil, errors.New("not an elliptic-curve key")
	}
	body, err := jose.JSONWebKey{Key: public}.MarshalJSON()
	if err != nil {
		return nil, err
	}
	var members map[string]any
	return members, json.Unmarshal(body, &members)
}
