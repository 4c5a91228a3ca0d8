package registry_test

import (
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/internal/registry"
)

func rsaKey(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// high is a client of a high profile that says no more than it must.
func high(profile string, key any) map[string]any {
	return map[string]any{
		"client_id": "c", "redirect_uris": []string{"https://c.example/cb"}, "token_endpoint_auth_method": "private_key_jwt",
		"profile": profile, "jwks": jwks(key),
	}
}

func parsed(t *testing.T, base, change map[string]any) (registry.Client, error) {
	t.Helper()
	m := maps.Clone(base)
	maps.Copy(m, change)
	maps.DeleteFunc(m, func(_ string, v any) bool { return v == nil })
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	c, _, err := registry.ParseMetadata(text)
	return c, err
}

// FAPI 2.0 Security Profile, 5.3.2 and 5.4.1; HAIP 1.0, 4.
//
//clause:as FAPI 2.0 Security Profile, 5.3.2.1: confidential clients alone, private_key_jwt, bound tokens, one audience, 10 and 60 s, no rotation
//clause:as FAPI 2.0, 5.4.1: ES256, PS256, EdDSA; RSA of 2048 bits; no RS256
//clause:as HAIP 1.0, 4: FAPI 2.0 for wallets, attestation beside private_key_jwt
func TestProfile(t *testing.T) {
	ec := newKey(t, elliptic.P256()).Public()
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	long := rsaKey(t, 2048).Public()
	named := func(alg string) jose.JSONWebKeySet {
		return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: long, Algorithm: alg}}}
	}
	for _, profile := range []string{"fapi2", "haip"} {
		t.Run("it binds tokens and wants requests pushed of "+profile+", unsaid", func(t *testing.T) {
			c, err := parsed(t, high(profile, ec), nil)
			if err != nil || !c.High() || !c.PAR || !c.DPoP || string(c.Profile) != profile {
				t.Errorf("%+v, %v", c, err)
			}
		})
		for name, keys := range map[string]any{"EdDSA": jwks(ed.Public()), "PS256": jwks(long), "PS256 by name": named("PS256")} {
			t.Run("it takes a key of "+profile+" for "+name, func(t *testing.T) {
				if _, err := parsed(t, high(profile, ec), map[string]any{"jwks": keys}); err != nil {
					t.Error(err)
				}
			})
		}
		for _, c := range []struct {
			name   string
			change map[string]any
			field  string
			cause  string
		}{
			{"a public client", map[string]any{"token_endpoint_auth_method": "none", "jwks": nil}, "token_endpoint_auth_method", "confidential"},
			{"a secret", map[string]any{"token_endpoint_auth_method": "client_secret_basic"}, "token_endpoint_auth_method", "confidential"},
			{"the default method, a secret", map[string]any{"token_endpoint_auth_method": nil}, "token_endpoint_auth_method", "confidential"},
			{"requests that need not be pushed", map[string]any{"require_pushed_authorization_requests": false}, "require_pushed_authorization_requests", "contradicts"},
			{"tokens that are not bound", map[string]any{"dpop_bound_access_tokens": false}, "dpop_bound_access_tokens", "contradicts"},
			{"an RS256 key", map[string]any{"jwks": named("RS256")}, "jwks", "contradicts"},
			{"RS256 for assertions", map[string]any{"jwks": jwks(long), "token_endpoint_auth_signing_alg": "RS256"}, "token_endpoint_auth_signing_alg", "contradicts"},
			{"RS256 for request objects", map[string]any{"jwks": jwks(long), "request_object_signing_alg": "RS256"}, "request_object_signing_alg", "contradicts"},
			{"RS256 for id_tokens", map[string]any{"id_token_signed_response_alg": "RS256"}, "id_token_signed_response_alg", "RS256 contradicts profile"},
			{"no key", map[string]any{"jwks": nil}, "jwks", "missing"},
			{"a redirect without https", map[string]any{"redirect_uris": []string{"http://c.example/cb"}}, "redirect_uris", "https"},
			{"an algorithm that no key has", map[string]any{"token_endpoint_auth_signing_alg": "EdDSA"}, "token_endpoint_auth_signing_alg", "none of the keys"},
			{"a wrong type", map[string]any{"dpop_bound_access_tokens": "yes"}, "metadata", "not the JSON"},
		} {
			t.Run("it refuses "+profile+" with "+c.name, func(t *testing.T) {
				_, err := parsed(t, high(profile, ec), c.change)
				var refusal *registry.MetadataError
				if !errors.As(err, &refusal) || refusal.Field != c.field || !strings.Contains(refusal.Cause, c.cause) {
					t.Errorf("%v, want %s: %s", err, c.field, c.cause)
				}
			})
		}
	}
	t.Run("it refuses FAPI 2.0 to a client that only its wallet's maker vouches for", func(t *testing.T) {
		_, err := parsed(t, high("fapi2", ec), map[string]any{"token_endpoint_auth_method": "attest_jwt_client_auth"})
		var refusal *registry.MetadataError
		if !errors.As(err, &refusal) || refusal.Field != "token_endpoint_auth_method" {
			t.Error(err)
		}
	})
	for name, change := range map[string]map[string]any{
		"profile":                         {"profile": "fapi1"},
		"jwks":                            {"profile": nil, "jwks": jwks(rsaKey(t, 1024).Public())},
		"request_object_signing_alg":      {"profile": nil, "request_object_signing_alg": "RS256", "jwks": jwks(long)},
		"token_endpoint_auth_signing_alg": {"profile": nil, "token_endpoint_auth_signing_alg": "none"},
	} {
		t.Run("it refuses a "+name+" that is none", func(t *testing.T) {
			_, err := parsed(t, high("fapi2", ec), change)
			var refusal *registry.MetadataError
			if !errors.As(err, &refusal) || refusal.Field != name {
				t.Error(err)
			}
		})
	}
	t.Run("it takes RS256 of a plain client, by its key or by its word, and never unasked", func(t *testing.T) {
		for _, alg := range []string{"", "RS256"} {
			c, err := parsed(t, high("", ec), map[string]any{"jwks": named(alg), "token_endpoint_auth_signing_alg": map[bool]any{true: "RS256"}[alg == ""]})
			if err != nil || !slices.Contains(c.Algorithms(c.JWKS.Keys[0], c.AuthAlg), jose.RS256) {
				t.Errorf("%v", err)
			}
		}
		if c, err := parsed(t, high("", ec), map[string]any{"jwks": jwks(long)}); err != nil || !slices.Equal(c.Algorithms(c.JWKS.Keys[0], ""), []jose.SignatureAlgorithm{jose.PS256}) {
			t.Errorf("%v", err)
		}
	})
}

// Whatever a row says, a profile is held to.
//
//clause:as HAIP 1.0, 4: FAPI 2.0 for wallets, attestation beside private_key_jwt
//clause:as a profile is by registration, whatever a row says else
func TestStrict(t *testing.T) {
	t.Run("it tightens what a row loosened", func(t *testing.T) {
		c, ok := registry.Client{ID: "c", Profile: registry.ProfileFAPI2, AuthMethod: registry.AuthPrivateKeyJWT}.Strict()
		if !ok || !c.PAR || !c.DPoP {
			t.Errorf("%+v %v", c, ok)
		}
	})
	t.Run("it gives nothing to a public client of a high profile, or to a profile that is none", func(t *testing.T) {
		for _, c := range []registry.Client{
			{Profile: registry.ProfileFAPI2, AuthMethod: registry.AuthNone}, {Profile: registry.ProfileHAIP, AuthMethod: registry.AuthSecretBasic},
			{Profile: registry.ProfileFAPI2, AuthMethod: "attest_jwt_client_auth"}, {Profile: "fapi3", AuthMethod: registry.AuthPrivateKeyJWT},
		} {
			if _, ok := c.Strict(); ok {
				t.Errorf("%+v", c)
			}
		}
	})
	t.Run("it admits a wallet's attestation for HAIP", func(t *testing.T) {
		if _, ok := (registry.Client{Profile: registry.ProfileHAIP, AuthMethod: "attest_jwt_client_auth"}).Strict(); !ok {
			t.Error("refused")
		}
	})
	t.Run("it leaves nothing of an agency to who registered itself", func(t *testing.T) {
		c, ok := registry.Client{Dynamic: true, Agency: "urn:a", Roles: []string{"introspect"}, Introspect: true}.Strict()
		if !ok || c.Agency != "" || c.Roles != nil || c.Introspect {
			t.Errorf("%+v", c)
		}
	})
}
