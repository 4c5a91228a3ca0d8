package consent

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/json"
	"errors"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/consent/approval"
)

// HubKeysJWT is the typ of the hub's word on its own keys.
const HubKeysJWT = "mydata-hub-keys+jwt"

// HubKeysClaims are its payload: all keys that the hub signs tokens and records by,
// that it will, and that it did where what was signed is still good.
type HubKeysClaims struct {
	Issuer   string             `json:"iss"`
	IssuedAt int64              `json:"iat"`
	Expires  int64              `json:"exp"`
	Keys     jose.JSONWebKeySet `json:"jwks"`
}

// HubKeysLife is how long the word may be taken after it was given: an older one may
// name a key that was stolen since.
const HubKeysLife = 24 * time.Hour

const (
	maxHubKeys    = 64
	maxStatements = 16
)

// HubKeys are the hub's word, once by each of its keys of records: whoever trusts one
// of them finds the others.
type HubKeys struct {
	Statements []string `json:"statements"` // compact JWS, HubKeysJWT
}

// SignHubKeys is the hub's word by one of its keys of records.
func SignHubKeys(c HubKeysClaims, key crypto.Signer, kid string) (string, error) {
	return signHub(HubKeysJWT, c, key, kid)
}

// ErrNotVouched says that no key of a trust folder vouches for the keys that were given:
// the folder has to be handed over anew.
var ErrNotVouched = errors.New("no key of the trust folder vouches for these")

// ParseHubKeys reads what a hub publishes of its keys; nothing of it is trusted yet.
func ParseHubKeys(text []byte) (HubKeys, error) {
	var h HubKeys
	if err := Decode(text, maxStatements*maxJWS, &h); err != nil {
		return h, refuse("hub keys", "%v", err)
	}
	if len(h.Statements) == 0 || len(h.Statements) > maxStatements {
		return h, refuse("hub keys", "%d statements instead of 1 to %d", len(h.Statements), maxStatements)
	}
	return h, nil
}

// FollowKeys answers the trust with the keys that the hub has now, as vouched for by
// one that it had. A key that is not named any more is trusted no longer.
// ErrNotVouched says that none of the statements is by a key of the trust, a
// *CheckError what is wrong with one that is.
func (f HubTrust) FollowKeys(h HubKeys, now time.Time) (HubTrust, error) {
	why := ErrNotVouched
	for _, statement := range h.Statements {
		var c HubKeysClaims
		if openHub(statement, HubKeysJWT, "hub keys", f.JWKS, &c) != nil {
			continue
		}
		if why = c.check(f.Issuer, now); why == nil {
			f.JWKS = c.Keys
			return f, nil
		}
	}
	return HubTrust{}, why
}

func (c HubKeysClaims) check(issuer string, now time.Time) error {
	issued, expires := time.Unix(c.IssuedAt, 0), time.Unix(c.Expires, 0)
	switch {
	case c.Issuer != issuer:
		return refuse("hub keys", "%q speaks, not %q", c.Issuer, issuer)
	case issued.After(now.Add(clockSkew)) || !now.Before(expires) || expires.Sub(issued) > HubKeysLife:
		return refuse("hub keys", "the word is not from now")
	case len(c.Keys.Keys) == 0 || len(c.Keys.Keys) > maxHubKeys:
		return refuse("hub keys", "%d keys instead of 1 to %d", len(c.Keys.Keys), maxHubKeys)
	}
	seen := map[string]bool{}
	for _, key := range c.Keys.Keys {
		public, ok := key.Key.(*ecdsa.PublicKey)
		if !ok || !key.Valid() || public.Curve != elliptic.P256() {
			return refuse("hub keys", "key %q is not a public key on P-256", key.KeyID)
		}
		kid, err := approval.Thumbprint(key)
		if err != nil || kid != key.KeyID || seen[kid] {
			return refuse("hub keys", "key %q is not named by its thumbprint, or twice", key.KeyID)
		}
		seen[kid] = true
	}
	return nil
}

// Marshal writes what ParseHubKeys reads.
func (h HubKeys) Marshal() ([]byte, error) { return json.Marshal(h) }
