package openid4vp_test

import (
	"crypto/x509"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/credential/openid4vp"
)

func TestByValue(t *testing.T) {
	p := newParty(t, query(nameAndAge))
	l, err := openid4vp.ParseLink(p.request.URIByValue(p.sign(t, "")))
	if err != nil || l.Object == "" || l.Post || l.RequestURI != "" {
		t.Fatalf("%+v, %v", l, err)
	}
	if _, err := openid4vp.ReadRequest(l.Object, p.trust()); err != nil {
		t.Fatal(err)
	}
}

// No algorithm but ES256 under the key of client_id says who asks.
func TestReadRequestAlgorithms(t *testing.T) {
	p := newParty(t, query(""))
	header, claims := map[string]any{}, ""
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(p.sign(t, ""), ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	claims = string(raw)
	header["typ"], header["x5c"] = openid4vp.RequestTyp, []string{base64.StdEncoding.EncodeToString(p.leaf.Raw)}
	public, err := x509.MarshalPKIXPublicKey(p.leaf.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("it refuses a MAC keyed with the public key", func(t *testing.T) {
		_, err := openid4vp.ReadRequest(signed(t, public, jose.HS256, header, claims), p.trust())
		refusedBy(t, err, "request object", "", "ES256")
	})
	t.Run("it refuses none", func(t *testing.T) {
		b64 := base64.RawURLEncoding.EncodeToString
		_, err := openid4vp.ReadRequest(b64([]byte(`{"alg":"none","typ":"oauth-authz-req+jwt"}`))+"."+b64(raw)+".", p.trust())
		refusedBy(t, err, "request object", "", "ES256")
	})
	for name, value := range map[string]any{"jwk": jose.JSONWebKey{Key: &p.signer.PublicKey}, "jku": "https://evil.example/jwks", "x5u": "https://evil.example/x5u", "kid": "any"} {
		t.Run("it takes no key by "+name, func(t *testing.T) {
			h := map[string]any{"typ": openid4vp.RequestTyp, name: value}
			_, err := openid4vp.ReadRequest(signed(t, p.signer, jose.ES256, h, claims), p.trust())
			refusedBy(t, err, "x5c", "", "")
		})
	}
	t.Run("it refuses a header that it would have to understand", func(t *testing.T) {
		h := map[string]any{"typ": openid4vp.RequestTyp, "x5c": header["x5c"], "crit": []string{"future"}, "future": true}
		if _, err := openid4vp.ReadRequest(signed(t, p.signer, jose.ES256, h, claims), p.trust()); err == nil {
			t.Fatal("taken")
		}
	})
}
