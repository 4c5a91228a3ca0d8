package oauth

import (
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
	"github.com/zitadel/oidc/v3/pkg/oidc"

	"github.com/govmydata/mydata/internal/registry"
)

// EndRequest is a client's wish that somebody be logged out (OpenID Connect
// RP-Initiated Logout 1.0, 2).
type EndRequest struct {
	Client registry.Client // its ID is "" where nobody says who asks
	// Return is where the browser goes afterwards, with the client's state; "" for
	// a page of ours.
	Return string
	// Certain: the client showed the id_token of this very session. Otherwise the
	// person must be asked.
	Certain   bool
	UILocales []string
}

// EndRequest checks the parameters of the logout endpoint. Nothing is redirected
// to an address that is not registered for the client, byte for byte; a refusal is
// for a page.
func (s *Server) EndRequest(r *http.Request, form url.Values) (EndRequest, error) {
	if refusal := single(form); refusal != nil {
		return EndRequest{}, refusal
	}
	for _, values := range form {
		if strings.ContainsFunc(values[0], unicode.IsControl) {
			return EndRequest{}, refuse("invalid_request", "a parameter holds what no text has")
		}
	}
	out := EndRequest{UILocales: strings.Fields(form.Get("ui_locales"))}
	id := form.Get("client_id")
	var hint idHint
	if raw := form.Get("id_token_hint"); raw != "" {
		var err error
		if hint, err = s.hint(raw); err != nil {
			return out, &Refusal{Code: "invalid_request", Description: "id_token_hint: not an id_token of this server", Err: err}
		}
		if id != "" && id != hint.client() {
			return out, refuse("invalid_request", "client_id: not that of id_token_hint")
		}
		id = hint.client()
	}
	if id == "" {
		if form.Has("post_logout_redirect_uri") {
			return out, refuse("invalid_request", "post_logout_redirect_uri: nobody says whose it is")
		}
		return out, nil
	}
	client, refusal := s.client(r.Context(), id)
	if refusal != nil {
		if refusal.Code == "invalid_client" {
			refusal = refuse("invalid_request", "client_id: unknown")
		}
		return out, refusal
	}
	if hint.Subject != "" && !hint.of(client) {
		return out, refuse("invalid_request", "id_token_hint: not an id_token of this client")
	}
	out.Client = client
	if err := out.back(form); err != nil {
		return out, err
	}
	var err error
	out.Certain, err = s.ofThisSession(r, client, hint)
	return out, err
}

// back is where the browser may go.
func (e *EndRequest) back(form url.Values) error {
	uri := form.Get("post_logout_redirect_uri")
	if uri == "" {
		return nil
	}
	if !e.Client.MayReturn(uri) {
		return refuse("invalid_request", "post_logout_redirect_uri is not registered for this client")
	}
	e.Return = uri
	if state := form.Get("state"); state != "" {
		mark := "?"
		if strings.Contains(uri, "?") {
			mark = "&"
		}
		e.Return += mark + url.Values{"state": {state}}.Encode()
	}
	return nil
}

// ofThisSession says whether the hint is of the session that this browser has, or
// of one where it has none: then there is nobody to ask.
func (s *Server) ofThisSession(r *http.Request, c registry.Client, hint idHint) (bool, error) {
	if hint.Subject == "" || s.SessionFrom == nil {
		return false, nil
	}
	session, err := s.SessionFrom(r)
	if errors.Is(err, ErrNobody) {
		return true, nil
	}
	if err != nil {
		return false, internal(err)
	}
	return subtle.ConstantTimeCompare([]byte(hint.SID), []byte(s.sid(session.ID, c))) == 1, nil
}

// idHint is an id_token of ours that a client shows again.
type idHint struct {
	Issuer   string        `json:"iss"`
	Subject  string        `json:"sub"`
	Audience oidc.Audience `json:"aud"`
	SID      string        `json:"sid"`

	alg string
}

func (h idHint) client() string {
	if len(h.Audience) != 1 {
		return ""
	}
	return h.Audience[0]
}

// of says whether it is this client's. One that FAPI 2.0 binds never had an id_token
// by RS256 (FAPI 2.0, 5.4.1).
func (h idHint) of(c registry.Client) bool {
	return h.client() == c.ID && !(h.alg == string(jose.RS256) && c.High())
}

// hint opens an id_token that this server signed, also one that has expired. A
// token of another type does not pass for one.
func (s *Server) hint(raw string) (h idHint, err error) {
	signed, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.ES256, jose.RS256})
	if err != nil {
		return h, err
	}
	header := signed.Signatures[0].Protected
	if typ, ok := header.ExtraHeaders[jose.HeaderType].(string); ok && !strings.EqualFold(typ, "JWT") {
		return h, errors.New("typ is " + typ)
	}
	h.alg = header.Algorithm
	key, ok := keyOf(s.Keys.IDTokenHistory(), header.KeyID)
	if !ok {
		return h, errors.New("kid names no key of ours")
	}
	payload, err := signed.Verify(key)
	if err != nil {
		return h, err
	}
	if err := json.Unmarshal(payload, &h); err != nil {
		return h, err
	}
	if h.Issuer != s.Issuer || h.Subject == "" || h.client() == "" {
		return h, errors.New("iss, sub or aud is not an id_token's of this server")
	}
	return h, nil
}

func isOpenID(scopes []string) bool { return slices.Contains(scopes, oidc.ScopeOpenID) }

// keyOf is a key of a set by its kid.
func keyOf(set []jose.JSONWebKey, kid string) (any, bool) {
	i := slices.IndexFunc(set, func(k jose.JSONWebKey) bool { return k.KeyID == kid })
	if i < 0 {
		return nil, false
	}
	return set[i].Key, true
}
