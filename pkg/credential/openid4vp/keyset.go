package openid4vp

import (
	"errors"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// maxKeys bounds a key set from outside.
const maxKeys = 32

// keySet is a JWK Set of strangers: keys of kinds that are not known here are
// passed over, as section 8.3 lets a wallet choose among several.
type keySet struct {
	Keys []jose.JSONWebKey
	// named: each key has a kid of its own, as section 5.1 asks.
	named bool
}

// MarshalJSON writes the keys.
func (s keySet) MarshalJSON() ([]byte, error) { return json.Marshal(jose.JSONWebKeySet{Keys: s.Keys}) }

// UnmarshalJSON reads the keys that can be used. A private or a symmetric key
// among them is refused: somebody has lost it.
func (s *keySet) UnmarshalJSON(body []byte) error {
	var raw struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := decode(body, MaxRequest, &raw); err != nil {
		return err
	}
	if len(raw.Keys) > maxKeys {
		return errors.New("jwks: too many keys")
	}
	s.named = true
	kids := map[string]bool{}
	for _, text := range raw.Keys {
		var members struct {
			Kid string `json:"kid"`
			D   any    `json:"d"`
			K   any    `json:"k"`
		}
		if err := decode(text, MaxRequest, &members); err != nil {
			return err
		}
		if members.D != nil || members.K != nil {
			return errors.New("jwks: holds a key that is not public")
		}
		s.named = s.named && members.Kid != "" && !kids[members.Kid]
		kids[members.Kid] = true
		var key jose.JSONWebKey
		if key.UnmarshalJSON(text) == nil {
			s.Keys = append(s.Keys, key)
		}
	}
	return nil
}

func setOf(keys ...jose.JSONWebKey) *keySet { return &keySet{Keys: keys, named: true} }
