package openid4vp_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/credential/openid4vp"
)

//clause:verifier 5.10: request_uri by POST: wallet_nonce echoed, wallet_metadata obeyed: refused what the wallet cannot do, encrypted to its key
func TestWalletMetadata(t *testing.T) {
	p := newParty(t, query(""))
	key := newKey(t)
	jwk := func(bend func(*jose.JSONWebKey)) string {
		k := jose.JSONWebKey{Key: &key.PublicKey, KeyID: "w", Algorithm: "ECDH-ES", Use: "enc"}
		if bend != nil {
			bend(&k)
		}
		body, err := json.Marshal(k)
		if err != nil {
			t.Fatal(err)
		}
		return `{"jwks":{"keys":[` + string(body) + `]}}`
	}
	for _, c := range []struct {
		name, metadata, cause string
		plain                 bool
	}{
		{name: "it takes a wallet that says nothing", metadata: `{}`},
		{name: "it takes the wallet of the specification", metadata: `{"vp_formats_supported":{"dc+sd-jwt":{"sd-jwt_alg_values":["ES256"],"kb-jwt_alg_values":["ES256"]}}}`},
		{name: "it ignores what it does not know", metadata: `{"other":{"deep":[1,2]},"vp_formats_supported":{"mso_mdoc":{"deviceauth_alg_values":[-7]},"dc+sd-jwt":{}}}`},
		{name: "it refuses a wallet of other formats", metadata: `{"vp_formats_supported":{"mso_mdoc":{}}}`, cause: "vp_formats_supported"},
		{name: "it refuses a wallet of other algorithms", metadata: `{"vp_formats_supported":{"dc+sd-jwt":{"kb-jwt_alg_values":["ES512"]}}}`, cause: "vp_formats_supported"},
		{name: "it refuses a wallet of other prefixes", metadata: `{"client_id_prefixes_supported":["redirect_uri"]}`, cause: "client_id_prefixes_supported"},
		{name: "it refuses a wallet that checks other signatures", metadata: `{"request_object_signing_alg_values_supported":["RS256"]}`, cause: "request_object_signing_alg"},
		{name: "it refuses a wallet of other responses", metadata: `{"response_types_supported":["code"]}`, cause: "response_types_supported"},
		{name: "it refuses a wallet of other response modes", metadata: `{"response_modes_supported":["fragment"]}`, cause: "response_modes_supported"},
		{name: "it refuses a wallet that encrypts otherwise", metadata: `{"authorization_encryption_alg_values_supported":["RSA-OAEP"]}`, cause: "authorization_encryption_alg"},
		{name: "it refuses a wallet that encrypts other content", metadata: `{"authorization_encryption_enc_values_supported":["A128CBC-HS256"]}`, cause: "authorization_encryption_enc"},
		{name: "it asks for no encryption where it wants none", metadata: `{"authorization_encryption_enc_values_supported":["A128CBC-HS256"]}`, plain: true},
		{name: "it encrypts to the wallet's key", metadata: jwk(nil)},
		{name: "it refuses a key that it cannot encrypt to", metadata: jwk(func(k *jose.JSONWebKey) { k.Algorithm = "RSA-OAEP" }), cause: "jwks"},
		{name: "it refuses a key for signatures", metadata: jwk(func(k *jose.JSONWebKey) { k.Use = "sig" }), cause: "jwks"},
		{name: "it refuses a private key", metadata: jwk(func(k *jose.JSONWebKey) { k.Key = key }), cause: "not public"},
		{name: "it refuses keys of nothing", metadata: `{"jwks":{"keys":[]}}`, cause: "jwks"},
		{name: "it refuses keys that are no list", metadata: `{"jwks":{"keys":{}}}`, cause: "not the JSON object"},
		{name: "it refuses a key that is no object", metadata: `{"jwks":{"keys":[7]}}`, cause: "not the JSON object"},
		{name: "it refuses thirty-three keys", metadata: `{"jwks":{"keys":[` + strings.TrimSuffix(strings.Repeat(`{"kty":"x"},`, 33), ",") + `]}}`, cause: "too many keys"},
		{name: "it refuses an algorithm for requests that it has not", metadata: strings.Replace(jwk(nil), "{", `{"request_object_encryption_alg_values_supported":["RSA-OAEP"],`, 1), cause: "jwks"},
		{name: "it refuses content encryption for requests that it has not", metadata: strings.Replace(jwk(nil), "{", `{"request_object_encryption_enc_values_supported":["A256CBC-HS512"],`, 1), cause: "request_object_encryption_enc"},
		{name: "it refuses what is no object", metadata: `[]`, cause: "JSON"},
		{name: "it refuses a member given twice", metadata: `{"issuer":"a","issuer":"b"}`, cause: "JSON"},
		{name: "it refuses a list that is none", metadata: `{"response_modes_supported":"direct_post.jwt"}`, cause: "JSON"},
		{name: "it refuses what is nested too deep", metadata: `{"x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, cause: "nested"},
		{name: "it refuses what is too long", metadata: `{"x":"` + strings.Repeat("x", openid4vp.MaxWalletMetadata) + `"}`, cause: "longer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			request := p.request
			if c.plain {
				request = request.Plain()
			}
			m, err := openid4vp.ParseWalletMetadata([]byte(c.metadata))
			object := ""
			if err == nil {
				object, err = request.Object(p.identity(), openid4vp.Caller{Metadata: m})
			}
			if c.cause != "" {
				if !errors.Is(err, openid4vp.ErrWallet) || !strings.Contains(err.Error(), c.cause) {
					t.Fatalf("%v, want %s", err, c.cause)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if encrypted := strings.Count(object, ".") == 4; encrypted != strings.Contains(c.metadata, "jwks") {
				t.Fatal(object)
			}
		})
	}
}

func (p party) identity() openid4vp.Identity {
	return openid4vp.Identity{ClientID: p.request.ClientID, Key: p.signer, Chain: [][]byte{p.leaf.Raw}}
}

//clause:verifier 5.10: request_uri by POST: wallet_nonce echoed, wallet_metadata obeyed: refused what the wallet cannot do, encrypted to its key
//clause:wallet 5.10: requests encrypted to it, and then no other
func TestEncryptedRequest(t *testing.T) {
	p := newParty(t, query(nameAndAge))
	key := jose.JSONWebKey{Key: newKey(t), KeyID: "w", Algorithm: "ECDH-ES", Use: "enc"}
	metadata := openid4vp.OurWallet(false, &key)
	object, err := p.request.Object(p.identity(), openid4vp.Caller{Nonce: "mine", Metadata: &metadata})
	if err != nil {
		t.Fatal(err)
	}
	plain := p.sign(t, "mine")
	inner := func(kid string, to any, text string, o *jose.EncrypterOptions) string {
		return encrypt(t, to, kid, text, o, jose.A256GCM)
	}
	public := key.Public().Key
	t.Run("it says that it asked for encryption", func(t *testing.T) {
		trust := p.trust()
		trust.Key, trust.WalletNonce = &key, "mine"
		_, err := openid4vp.ReadRequest(plain, trust)
		refusedBy(t, err, "request encryption", "", "asked for an encrypted")
	})
	for _, c := range []struct{ name, object, check string }{
		{"it opens what was encrypted to it", object, ""},
		{"it refuses what is not encrypted", plain, "request encryption"},
		{"it refuses another key", inner("w", &newKey(t).PublicKey, plain, nil), "request encryption"},
		{"it refuses another kid", inner("v", public, plain, nil), "request encryption"},
		{"it refuses compression, however well it would do", inner("w", public, plain+strings.Repeat(" ", 40<<10), &jose.EncrypterOptions{Compression: jose.DEFLATE}), "request encryption"},
		{"it refuses an encrypted request within", inner("w", public, object, nil), "request object"},
		{"it refuses what nobody signed", inner("w", public, "{}", nil), "request object"},
		{"it refuses what is too long", object + strings.Repeat("x", 2*openid4vp.MaxRequest), "request object"},
	} {
		t.Run(c.name, func(t *testing.T) {
			trust := p.trust()
			trust.Key, trust.WalletNonce = &key, "mine"
			_, err := openid4vp.ReadRequest(c.object, trust)
			refusedBy(t, err, c.check, "", "")
		})
	}
	t.Run("it refuses an encrypted request that it did not ask for", func(t *testing.T) {
		_, err := openid4vp.ReadRequest(object, p.trust())
		refusedBy(t, err, "request encryption", "", "gave no key")
	})
}

//clause:verifier 5.10: request_uri by POST: wallet_nonce echoed, wallet_metadata obeyed: refused what the wallet cannot do, encrypted to its key
func FuzzWalletMetadata(f *testing.F) {
	p := newParty(f, query(""))
	f.Add([]byte(`{"vp_formats_supported":{"dc+sd-jwt":{"sd-jwt_alg_values":["ES256"]}},"jwks":{"keys":[]}}`))
	key := jose.JSONWebKey{Key: newKey(f), KeyID: "w", Algorithm: "ECDH-ES", Use: "enc"}
	if body, err := json.Marshal(openid4vp.OurWallet(true, &key)); err == nil {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := openid4vp.ParseWalletMetadata(body)
		if err != nil {
			return
		}
		if _, err := p.request.Object(p.identity(), openid4vp.Caller{Metadata: m}); err != nil && !errors.Is(err, openid4vp.ErrWallet) {
			t.Fatal(err)
		}
	})
}
