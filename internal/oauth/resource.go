package oauth

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/pkg/dpop"
	"github.com/govmydata/mydata/pkg/jcs"
	"github.com/govmydata/mydata/pkg/jws"
)

// Token is a checked access token.
type Token struct {
	Citizen  string
	Subject  string // pairwise at the client
	ClientID string // "" for an anonymous wallet
	Scopes   []string
	JTI      string
	JKT      string // thumbprint of the key the token is bound to, or ""
	Ref      string // of the pre-authorized code, or ""
	// Refs are what authorization_details of each type gave; see References.
	Refs     map[string]string
	Audience string
	Grant    string
	IssuedAt time.Time
	Expires  time.Time
	AuthTime time.Time

	wanted []string // claims that userinfo was asked for one by one
}

type tokenKey struct{}

// TokenFrom is the token that Protect checked; the zero Token outside of it.
func TokenFrom(ctx context.Context) Token {
	t, _ := ctx.Value(tokenKey{}).(Token)
	return t
}

// Protect lets through requests with a live access token of ours for audience:
// at+jwt, signature, times, audience, revocation, and, for a bound token, its
// DPoP proof with ath (RFC 9449, 7). Otherwise 401 with WWW-Authenticate.
func (s *Server) Protect(audience string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, holder, err := s.check(r, audience)
		s.nonce(w, holder)
		if err != nil {
			s.challenge(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), tokenKey{}, token)))
	})
}

// Standing is nil while a token that Protect let through has not ended, and ErrGone
// once it has: for who has made of it what must not outlive it.
func (s *Server) Standing(ctx context.Context, t Token) error {
	_, _, err := s.Store.Token(ctx, t.JTI, s.now())
	return err
}

// errNoToken: the request has no token at all (RFC 6750, 3.1: no error code).
var errNoToken = errors.New("oauth: no access token")

// check verifies a request's token, and that the request is from its holder, the
// client that it answers where it has come to know it.
func (s *Server) check(r *http.Request, audience string) (Token, registry.Client, error) {
	var holder registry.Client
	scheme, raw, err := presented(r)
	if err != nil {
		return Token{}, holder, err
	}
	token, err := s.verify(r.Context(), raw)
	if err != nil {
		return Token{}, holder, err
	}
	if token.Audience != audience {
		return Token{}, holder, refuse("invalid_token", "aud: for another resource")
	}
	if holder, err = s.holder(r.Context(), token.ClientID, token.JKT); err != nil {
		return Token{}, holder, err
	}
	bound := strings.EqualFold(scheme, dpop.Header)
	if bound != (token.JKT != "") {
		return Token{}, holder, refuse("invalid_token", "scheme: a bound token needs DPoP, an unbound one Bearer")
	}
	if !bound {
		return token, holder, nil
	}
	_, err = dpop.Check(r, s.clientPolicy(holder, r.URL.EscapedPath(), token.JKT, raw))
	return token, holder, err
}

// holder is the client that a token was given to; nobody's registration, for an
// anonymous wallet. With its registration a client's tokens end (RFC 7592, 2.3).
func (s *Server) holder(ctx context.Context, id, jkt string) (registry.Client, error) {
	if id == "" {
		return registry.Client{}, nil
	}
	c, err := s.Clients.Client(ctx, id)
	if errors.Is(err, registry.ErrUnknown) {
		return registry.Client{}, refuse("invalid_token", "client: no longer registered")
	}
	if err != nil {
		return registry.Client{}, internal(err)
	}
	if c.DPoP && jkt == "" { // its registration was tightened since
		return c, refuse("invalid_token", "scheme: this client's tokens are bound to a key")
	}
	return c, nil
}

// MaxToken bounds an access token in a header field, as it does in a body.
const MaxToken = maxParam

// presented finds the token in the Authorization field, the one place for it.
func presented(r *http.Request) (scheme, token string, err error) {
	fields := r.Header.Values("Authorization")
	if len(fields) == 0 {
		return "", "", errNoToken
	}
	scheme, token, ok := strings.Cut(fields[0], " ")
	known := strings.EqualFold(scheme, "DPoP") || strings.EqualFold(scheme, "Bearer")
	if len(fields) > 1 || !ok || !known || token == "" || len(token) > MaxToken {
		return "", "", refuse("invalid_request", "one Authorization field, DPoP or Bearer, with a token of 32 KiB at most")
	}
	return scheme, strings.TrimSpace(token), nil
}

// accessClaims are what is read of an access token; the rest is in its row.
type accessClaims struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Audience string `json:"aud"`
	ID       string `json:"jti"`
	IssuedAt int64  `json:"iat"`
	Expires  int64  `json:"exp"`
	Cnf      struct {
		JKT string `json:"jkt"`
	} `json:"cnf"`
}

// verify checks a token by itself (RFC 9068, 4), and that it was not revoked.
func (s *Server) verify(ctx context.Context, raw string) (Token, error) {
	c, err := s.open(raw)
	if err != nil {
		return Token{}, &Refusal{Code: "invalid_token", Description: "token: not an access token of this server", Err: err}
	}
	if !s.now().Before(time.Unix(c.Expires, 0)) {
		return Token{}, refuse("invalid_token", "exp: expired")
	}
	if future(c.IssuedAt, s.now()) {
		return Token{}, refuse("invalid_token", "iat: from the future")
	}
	row, g, err := s.Store.Token(ctx, c.ID, s.now())
	if errors.Is(err, ErrGone) {
		return Token{}, refuse("invalid_token", "revoked: the token has ended")
	}
	if err != nil {
		return Token{}, internal(err)
	}
	if row.JKT != c.Cnf.JKT || row.Audience != c.Audience {
		return Token{}, internal(errors.New("oauth: an access token differs from its row"))
	}
	if _, err := s.holder(ctx, g.Client, row.JKT); err != nil {
		return Token{}, err
	}
	return Token{
		Citizen: g.Citizen, Subject: g.Subject, ClientID: g.Client, Scopes: row.Scopes, JTI: row.JTI, JKT: row.JKT,
		Ref: g.Ref, Refs: g.Refs, Audience: row.Audience, Grant: g.ID, AuthTime: g.AuthTime, wanted: g.Wanted.UserInfo,
		IssuedAt: time.Unix(c.IssuedAt, 0), Expires: time.Unix(c.Expires, 0),
	}, nil
}

// open verifies the signature by a key of ours, of which the token says no more
// than the name.
func (s *Server) open(raw string) (accessClaims, error) {
	set := s.Keys.TokenKeys(s.now())
	payload, ok := jws.Open(raw, accessType, set) // as we write it; whatever else there is, is for go-jose
	if !ok {
		var err error
		if payload, err = opened(raw, set); err != nil {
			return accessClaims{}, err
		}
	}
	var c accessClaims
	if err := jcs.Unmarshal(payload, &c); err != nil {
		return accessClaims{}, err
	}
	if c.Issuer != s.Issuer {
		return accessClaims{}, errors.New("iss is another")
	}
	return c, nil
}

// opened is the payload of an access token that one of these keys signed.
func opened(raw string, set []jose.JSONWebKey) ([]byte, error) {
	signed, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return nil, err
	}
	if signed.Signatures[0].Protected.ExtraHeaders[jose.HeaderType] != accessType {
		return nil, errors.New("typ is not " + accessType)
	}
	key, ok := keyOf(set, signed.Signatures[0].Protected.KeyID)
	if !ok {
		return nil, errors.New("kid names no key of ours")
	}
	return signed.Verify(key)
}

// algs are those of proofs, as a challenge says them (RFC 9449, 7.1).
var algs = strings.Join(names(proofAlgorithms), " ")

// challenge answers 401 (RFC 6750, 3; RFC 9449, 7.1), or 5xx where the fault is ours.
func (s *Server) challenge(w http.ResponseWriter, r *http.Request, err error) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	if errors.Is(err, errNoToken) {
		header.Add("WWW-Authenticate", `DPoP algs="`+algs+`"`)
		header.Add("WWW-Authenticate", "Bearer")
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	refusal := refusalOf(err)
	s.log(r.Context(), refusal)
	status := http.StatusUnauthorized
	switch refusal.Code {
	case "server_error", "temporarily_unavailable", "slow_down":
		retryAfter(w, refusal.after)
		writeJSON(w, codes[refusal.Code].status, map[string]string{"error": refusal.Code, "error_description": refusal.Description})
		return
	case "insufficient_scope":
		status = http.StatusForbidden
	case "invalid_request":
		status = http.StatusBadRequest
	}
	text := `error="` + refusal.Code + `", error_description="` + ascii(refusal.Description) + `"`
	header.Add("WWW-Authenticate", `DPoP algs="`+algs+`", `+text)
	writeJSON(w, status, map[string]string{"error": refusal.Code, "error_description": ascii(refusal.Description)})
}
