package oauth

import (
	stdjson "encoding/json"
	"time"

	"github.com/go-jose/go-jose/v4/json"

	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/pkg/jcs"
)

// objectType is the typ of a request object (RFC 9101, 10.8).
const objectType = "oauth-authz-req+jwt"

// objectLife bounds the time for which a request object may be good (FAPI 2.0
// Message Signing, 5.3.1).
const objectLife = time.Hour

// parseObject opens a client's signed request object (RFC 9101, 6.2 and 6.3)
// and returns its parameters and whole payload. Parameters outside of it do
// not count.
func parseObject(compact string, c registry.Client, issuer string, now time.Time) (params, stdjson.RawMessage, *Refusal) {
	bad := func(why string) (params, stdjson.RawMessage, *Refusal) {
		return params{}, nil, refuse("invalid_request_object", why)
	}
	payload, err := openObject(compact, c)
	if err != nil {
		return bad(err.Error())
	}
	var times struct {
		Issuer   string             `json:"iss"`
		Subject  string             `json:"sub"`
		Audience stdjson.RawMessage `json:"aud"`
		Expires  int64              `json:"exp"`
		NotFrom  int64              `json:"nbf"`
		IssuedAt int64              `json:"iat"`
	}
	var p params
	if jcs.Unmarshal(payload, &times) != nil || jcs.Unmarshal(payload, &p) != nil {
		return bad("the claims cannot be read")
	}
	switch {
	case times.Issuer != c.ID:
		return bad("iss is not the client")
	case times.Subject == c.ID: // RFC 9101, 10.8: it would be an assertion too
		return bad("sub is the client")
	case p.ClientID != c.ID:
		return bad("client_id is not the client")
	case !onlyAudience(times.Audience, issuer):
		return bad("aud is not this server")
	case times.Expires == 0:
		return bad("exp is missing")
	case !now.Before(time.Unix(times.Expires, 0)):
		return bad("it has expired")
	case time.Unix(times.Expires, 0).Sub(now) > objectLife:
		return bad("exp is more than an hour ahead")
	case future(times.NotFrom, now) || future(times.IssuedAt, now):
		return bad("it is from the future")
	case p.Request != "" || p.RequestURI != "":
		return bad("it holds another request")
	}
	return p, stdjson.RawMessage(payload), nil
}

// lives says whether what lives so long, and ends then, lives now. What ends
// later than that was given out by a clock that was ahead: it would live longer
// than it may.
func lives(now, ends time.Time, life time.Duration) bool {
	return now.Before(ends) && ends.Sub(now) <= life+skew
}

// skew is how far ahead another's clock may be: accepted up to 10 s, refused
// above 60 s (FAPI 2.0, 5.3.2.1); in between we accept too.
const skew = 60 * time.Second

func future(seconds int64, now time.Time) bool {
	return seconds != 0 && time.Unix(seconds, 0).Sub(now) > skew
}

// jwsError says in a client's words why a JWS is not good.
type jwsError string

func (e jwsError) Error() string { return string(e) }

// onlyAudience accepts the issuer as a string, or as the only one of an array.
func onlyAudience(raw stdjson.RawMessage, issuer string) bool {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return one == issuer
	}
	var many []string
	return json.Unmarshal(raw, &many) == nil && len(many) == 1 && many[0] == issuer
}
