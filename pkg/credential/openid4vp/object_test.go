package openid4vp_test

import (
	"crypto/x509"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vp"
)

//clause:verifier 5.7, RFC 9101: by reference, by value, as parameters; handed out by reference only what went so
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
//
//clause:wallet 5: typ, ES256 under the key of client_id and no other, aud, times, wallet_nonce; only the object's parameters count
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

func TestIdentity(t *testing.T) {
	p := newParty(t, query(""))
	twin := p.certify(t, p.cert, &p.signer.PublicKey, nil) // the same key, another certificate
	for _, c := range []struct {
		name  string
		bend  func(*openid4vp.Identity)
		cause string
	}{
		{name: "it speaks for its certificate"},
		{"it speaks for no other certificate of its key", func(i *openid4vp.Identity) { i.Chain = [][]byte{twin.Raw} }, "not that of client_id"},
		{"it needs a certificate", func(i *openid4vp.Identity) { i.Chain = nil }, "a certificate is needed"},
		{"it needs one that can be read", func(i *openid4vp.Identity) { i.Chain = [][]byte{{1, 2, 3}} }, "cannot be read"},
		{"it leaves the trust anchor out", func(i *openid4vp.Identity) { i.Chain = append(i.Chain, p.cert.Raw) }, "trust anchor"},
		{"it needs the key", func(i *openid4vp.Identity) { i.Key = nil }, "vouched for"},
		{"it needs its own key", func(i *openid4vp.Identity) { i.Key = newKey(t) }, "vouched for"},
		{"it has no other prefix", func(i *openid4vp.Identity) { i.ClientID = "openid_federation:https://x" }, "not spoken here"},
	} {
		t.Run(c.name, func(t *testing.T) {
			by := p.identity()
			if c.bend != nil {
				c.bend(&by)
			}
			err := by.Check()
			if (c.cause == "") != (err == nil) || err != nil && (!errors.Is(err, openid4vp.ErrIdentity) || !strings.Contains(err.Error(), c.cause)) {
				t.Fatal(err)
			}
		})
	}
}

func TestAnswerOfARecord(t *testing.T) {
	if _, _, err := openid4vp.Answer([]byte(query("")), "other", credential.Result{}); !errors.Is(err, openid4vp.ErrQuery) {
		t.Fatal(err)
	}
}

func TestOpenWantsWhatWasAskedFor(t *testing.T) {
	p := newParty(t, query(""))
	jwe := encrypt(t, p.request.Key.Public().Key, p.request.Key.KeyID, `{}`, nil, jose.A128GCM)
	if _, err := p.request.Plain().Open(jwe); !errors.Is(err, openid4vp.ErrEncryption) || !strings.Contains(err.Error(), "asked for none") {
		t.Fatal(err)
	}
}
