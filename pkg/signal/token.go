package signal

import (
	"crypto"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"

	"github.com/govmydata/mydata/pkg/jws"
)

// The wire's words.
const (
	Type      = "secevent+jwt"             // RFC 8417, 2.3
	MediaType = "application/secevent+jwt" // RFC 8417, 7.2
)

// The limits of a token.
const (
	MaxToken = 8 << 10
	maxText  = 256
	maxSkew  = 10 * time.Second
)

// claims are RFC 8417, 2.2.
type claims struct {
	Issuer   string             `json:"iss"`
	Issued   int64              `json:"iat"`
	ID       string             `json:"jti"`
	Audience string             `json:"aud"`
	Txn      string             `json:"txn,omitempty"`
	Happened int64              `json:"toe"`
	Subject  subject            `json:"sub_id"`
	Events   map[string]payload `json:"events"`
}

// subject is RFC 9493, 3.2.8.
type subject struct {
	Format string `json:"format"`
	ID     string `json:"id"`
}

type payload struct {
	Seq int64 `json:"seq"`
	Use int   `json:"use,omitempty"`
}

// Make signs a signal for its audience. now is its iat.
func Make(s Signal, issuer string, now time.Time, key crypto.Signer, kid string) (string, error) {
	if _, citizen := CitizenOf(s.Audience); citizen || s.Audience == "" {
		return "", errors.New("signal: a token is for an agency")
	}
	if s.Seq < 1 || !s.Kind.valid() || s.Grant == "" || s.ID == "" {
		return "", errors.New("signal: it has no number, kind, grant or id")
	}
	body, err := json.Marshal(claims{
		Issuer: issuer, Issued: now.Unix(), ID: s.ID, Audience: s.Audience, Txn: s.Txn, Happened: s.At.Unix(),
		Subject: subject{"opaque", s.Grant}, Events: map[string]payload{s.Kind.URI(): {s.Seq, s.Use}},
	})
	if err != nil {
		return "", err
	}
	token, err := jws.Sign(jws.Protected{KeyID: kid, Type: Type}, body, key)
	if err != nil {
		return "", fmt.Errorf("signal: %w", err)
	}
	return token, nil
}

// Expected is what a recipient knows of the tokens it takes.
type Expected struct {
	Issuer   string
	Audience string
	Keys     jose.JSONWebKeySet // the hub's
	Now      time.Time
}

// Open checks a token. Its errors are *Error. What is left to the recipient: that
// the jti is new, and that Seq follows the last one.
func Open(token string, want Expected) (Signal, error) {
	body, err := verify(token, want.Keys)
	if err != nil {
		return Signal{}, err
	}
	var c claims
	if err := json.Unmarshal(body, &c); err != nil {
		return Signal{}, refuse("claims", CodeRequest, "they are no claims of a security event token")
	}
	return c.check(want)
}

// verify answers the signed bytes.
func verify(token string, keys jose.JSONWebKeySet) ([]byte, error) {
	if len(token) > MaxToken {
		return nil, refuse("size", CodeRequest, "longer than %d bytes", MaxToken)
	}
	for part := range strings.SplitSeq(token, ".") {
		if raw, err := base64.RawURLEncoding.Strict().DecodeString(part); err != nil || base64.RawURLEncoding.EncodeToString(raw) != part {
			return nil, refuse("form", CodeRequest, "not a compact JWS of unpadded base64url")
		}
	}
	object, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return nil, refuse("form", CodeRequest, "not a JWS by ES256")
	}
	header := object.Signatures[0].Protected
	if typ, _ := header.ExtraHeaders[jose.HeaderType].(string); typ != Type {
		return nil, refuse("typ", CodeRequest, "it is not %s", Type)
	}
	found := keys.Key(header.KeyID)
	if header.KeyID == "" || len(found) != 1 || !found[0].IsPublic() {
		return nil, refuse("key", CodeKey, "kid names no key of the hub")
	}
	body, err := object.Verify(found[0].Key)
	if err != nil {
		return nil, refuse("signature", CodeAuthentication, "it does not verify with the hub's key")
	}
	return body, nil
}

func (c claims) check(want Expected) (Signal, error) {
	switch {
	case want.Issuer == "" || c.Issuer != want.Issuer:
		return Signal{}, refuse("iss", CodeIssuer, "it is by another issuer")
	case want.Audience == "" || c.Audience != want.Audience:
		return Signal{}, refuse("aud", CodeAudience, "it is for another audience")
	case c.ID == "" || len(c.ID) > maxText:
		return Signal{}, refuse("jti", CodeRequest, "it is missing or too long")
	case c.Issued <= 0:
		return Signal{}, refuse("iat", CodeRequest, "it is missing")
	case time.Unix(c.Issued, 0).After(want.Now.Add(maxSkew)):
		return Signal{}, refuse("iat", CodeRequest, "it is from the future")
	case c.Happened <= 0 || c.Happened > c.Issued+int64(maxSkew/time.Second):
		return Signal{}, refuse("toe", CodeRequest, "it is missing, or after iat")
	case c.Subject.Format != "opaque" || c.Subject.ID == "" || len(c.Subject.ID) > maxText:
		return Signal{}, refuse("sub_id", CodeRequest, "it is not one opaque grant")
	case len(c.Txn) > maxText:
		return Signal{}, refuse("txn", CodeRequest, "it is too long")
	case len(c.Events) != 1:
		return Signal{}, refuse("events", CodeRequest, "there are %d instead of one", len(c.Events))
	}
	s := Signal{ID: c.ID, Audience: c.Audience, Grant: c.Subject.ID, At: time.Unix(c.Happened, 0).UTC(), Txn: c.Txn}
	for uri, p := range c.Events {
		kind, ours := strings.CutPrefix(uri, eventPrefix)
		if s.Kind = Kind(kind); !ours || !s.Kind.valid() {
			return Signal{}, refuse("events", CodeRequest, "the event's name is not one of %s", eventPrefix)
		}
		if p.Seq < 1 || p.Use < 0 {
			return Signal{}, refuse("event", CodeRequest, "its seq or use is not a number from 1")
		}
		s.Seq, s.Use = p.Seq, p.Use
	}
	return s, nil
}
