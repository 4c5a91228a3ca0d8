package registry_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/internal/keys"
	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/pkg/catalogue"
)

func newKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func jwks(keys ...any) jose.JSONWebKeySet {
	var set jose.JSONWebKeySet
	for _, key := range keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key})
	}
	return set
}

func TestParseMetadata(t *testing.T) {
	key := newKey(t, elliptic.P256())
	agency := map[string]any{
		"client_id": "agency", "agency": "urn:mydata:agency:health-insurance", "client_name": "Agency", "client_name#ko": "기관",
		"redirect_uris": []string{"http://localhost:8083/callback"}, "token_endpoint_auth_method": "private_key_jwt",
		"grant_types": []string{"authorization_code", "refresh_token"}, "scope": "openid",
		"jwks": jwks(key.Public()), "dpop_bound_access_tokens": true, "require_pushed_authorization_requests": true,
		"require_signed_request_object": true, "roles": []string{"introspect"}, "unknown_member": 1,
	}
	wallet := map[string]any{
		"client_id": "wallet", "redirect_uris": []string{"http://localhost:8084/cb"}, "token_endpoint_auth_method": "none",
		"dpop_bound_access_tokens": true, "require_pushed_authorization_requests": true, "scope": "resident_card",
	}
	parse := func(base map[string]any, change map[string]any) (registry.Client, string, error) {
		m := maps.Clone(base)
		maps.Copy(m, change)
		maps.DeleteFunc(m, func(_ string, v any) bool { return v == nil })
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return registry.ParseMetadata(text)
	}
	t.Run("it takes an agency's", func(t *testing.T) {
		c, secret, err := parse(agency, nil)
		if err != nil || secret != "" {
			t.Fatal(secret, err)
		}
		if c.Sector() != "urn:mydata:agency:health-insurance" || c.DisplayName("ko") != "기관" || c.DisplayName("en") != "Agency" {
			t.Errorf("%+v", c)
		}
		if !c.DPoP || !c.PAR || !c.SignedRequest || !c.Introspect || !c.MayGrant("refresh_token") || c.MayGrant("implicit") {
			t.Errorf("%+v", c)
		}
		if !c.MayRedirect("http://localhost:8083/callback") || c.MayRedirect("http://localhost:8083/callback/") {
			t.Error("redirects are not compared byte for byte")
		}
	})
	t.Run("it takes a wallet's, whose sector is itself", func(t *testing.T) {
		if c, _, err := parse(wallet, nil); err != nil || c.Sector() != "wallet" {
			t.Error(c, err)
		}
	})
	t.Run("it makes an id and a secret, and keeps the secret's hash alone", func(t *testing.T) {
		c, secret, err := registry.ParseMetadata(json.RawMessage(`{"redirect_uris":["https://a.example/cb"]}`))
		if err != nil || c.ID == "" || len(secret) < 43 || strings.Contains(c.SecretHash, secret) {
			t.Fatal(c, secret, err)
		}
		if !c.CheckSecret(secret) || c.CheckSecret(secret+"x") || c.CheckSecret("") || (registry.Client{}).CheckSecret("") {
			t.Error("the secret is not checked")
		}
	})
	for _, c := range []struct {
		name   string
		base   map[string]any
		change map[string]any
		field  string
	}{
		{"it refuses a public client whose tokens are not bound", wallet, map[string]any{"dpop_bound_access_tokens": false}, "dpop_bound_access_tokens"},
		{"it refuses tokens that are bound and are not", wallet, map[string]any{"bearer_access_tokens": true}, "dpop_bound_access_tokens"},
		{"it refuses bearer tokens that can be renewed", wallet, map[string]any{"dpop_bound_access_tokens": false, "bearer_access_tokens": true, "grant_types": []string{"authorization_code", "refresh_token"}}, "grant_types"},
		{"it refuses bearer tokens by name for who has a key", agency, map[string]any{"bearer_access_tokens": true}, "bearer_access_tokens"},
		{"it refuses a public client that need not push", wallet, map[string]any{"require_pushed_authorization_requests": false}, "require_pushed_authorization_requests"},
		{"it refuses a public client with a role", wallet, map[string]any{"roles": []string{"introspect"}}, "roles"},
		{"it refuses a post of secrets", agency, map[string]any{"token_endpoint_auth_method": "client_secret_post"}, "token_endpoint_auth_method"},
		{"it refuses an unknown grant", agency, map[string]any{"grant_types": []string{"implicit"}}, "grant_types"},
		{"it refuses an unknown response type", agency, map[string]any{"response_types": []string{"token"}}, "response_types"},
		{"it refuses an unknown role", agency, map[string]any{"roles": []string{"king"}}, "roles"},
		{"it refuses signed objects that are not pushed", agency, map[string]any{"require_pushed_authorization_requests": false}, "require_signed_request_object"},
		{"it refuses no keys for who must sign", agency, map[string]any{"jwks": nil}, "jwks"},
		{"it refuses no key within jwks", agency, map[string]any{"jwks": map[string]any{"keys": []any{}}}, "jwks"},
		{"it refuses a key on another curve", agency, map[string]any{"jwks": jwks(newKey(t, elliptic.P384()).Public())}, "jwks"},
		{"it refuses a key for encryption", agency, map[string]any{"jwks": jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), Use: "enc"}}}}, "jwks"},
		{"it refuses keys by value and by address", agency, map[string]any{"jwks_uri": "https://a.example/jwks"}, "jwks_uri"},
		{"it refuses keys at an address without https", agency, map[string]any{"jwks": nil, "jwks_uri": "http://a.example/jwks"}, "jwks_uri"},
		{"it refuses keys at an address with a password", agency, map[string]any{"jwks": nil, "jwks_uri": "https://u:p@a.example/jwks"}, "jwks_uri"},
		{"it refuses keys at an address with a fragment", agency, map[string]any{"jwks": nil, "jwks_uri": "https://a.example/jwks#1"}, "jwks_uri"},
		{"it refuses keys at an address that is too long", agency, map[string]any{"jwks": nil, "jwks_uri": "https://a.example/" + strings.Repeat("x", 512)}, "jwks_uri"},
		{"it refuses no redirect", agency, map[string]any{"redirect_uris": nil}, "redirect_uris"},
		{"it refuses very many redirects", agency, map[string]any{"redirect_uris": slices.Repeat([]string{"https://a.example/cb"}, 17)}, "redirect_uris"},
		{"it refuses a relative redirect", agency, map[string]any{"redirect_uris": []string{"/cb"}}, "redirect_uris"},
		{"it refuses a redirect without https", agency, map[string]any{"redirect_uris": []string{"http://a.example/cb"}}, "redirect_uris"},
		{"it refuses a redirect to an app's scheme", agency, map[string]any{"redirect_uris": []string{"app://cb"}}, "redirect_uris"},
		{"it refuses a redirect to a script", agency, map[string]any{"redirect_uris": []string{"javascript:alert(1)"}}, "redirect_uris"},
		{"it refuses a redirect with a fragment", agency, map[string]any{"redirect_uris": []string{"https://a.example/#"}}, "redirect_uris"},
		{"it refuses a redirect with a user", agency, map[string]any{"redirect_uris": []string{"https://a@b.example/"}}, "redirect_uris"},
		{"it refuses a redirect whose host only begins like loop-back", agency, map[string]any{"redirect_uris": []string{"http://localhost.evil.example/"}}, "redirect_uris"},
		{"it refuses an id with a colon", agency, map[string]any{"client_id": "a:b"}, "client_id"},
		{"it refuses an id with a space", agency, map[string]any{"client_id": "a b"}, "client_id"},
		{"it refuses a long name", agency, map[string]any{"client_name": strings.Repeat("x", 600)}, "client_name"},
		{"it refuses a name that turns the text around", agency, map[string]any{"client_name": "a\u202eb"}, "client_name"},
		{"it refuses a name with a line feed, in Korean", agency, map[string]any{"client_name#ko": "가\n나"}, "client_name#ko"},
		{"it refuses a name that cannot be seen, in English", agency, map[string]any{"client_name#en": "\u3164"}, "client_name#en"},
		{"it refuses an agency that is no URI", agency, map[string]any{"agency": "insurer"}, "agency"},
		{"it refuses a scope with a quote", agency, map[string]any{"scope": `a"b`}, "scope"},
		{"it refuses a wrong type", agency, map[string]any{"redirect_uris": "https://a.example"}, "metadata"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := parse(c.base, c.change)
			var refusal *registry.MetadataError
			if !errors.As(err, &refusal) || refusal.Field != c.field {
				t.Errorf("%v, want %s", err, c.field)
			}
		})
	}
	t.Run("it refuses a member given twice", func(t *testing.T) {
		_, _, err := registry.ParseMetadata(json.RawMessage(`{"redirect_uris":["https://a.example"],"scope":"a","scope":"b"}`))
		if err == nil {
			t.Error("taken")
		}
	})
	t.Run("it refuses metadata too long", func(t *testing.T) {
		long := json.RawMessage(`{"redirect_uris":["https://a.example/cb"],"x":"` + strings.Repeat("x", 33<<10) + `"}`)
		if _, _, err := registry.ParseMetadata(long); !refuses(err, "metadata", "over 32768 bytes") {
			t.Error(err)
		}
	})
	t.Run("it refuses letters that are none, where nothing reads them", func(t *testing.T) {
		if _, _, err := registry.ParseMetadata([]byte("{\"redirect_uris\":[\"https://a.example/cb\"],\"x\":\"\xff\"}")); !refuses(err, "metadata", "not UTF-8") {
			t.Error(err)
		}
	})
	t.Run("it says of a private key what it is", func(t *testing.T) {
		if _, _, err := parse(agency, map[string]any{"jwks": jwks(key)}); !refuses(err, "jwks", "key 0 is no public key") {
			t.Error(err)
		}
	})
	t.Run("it refuses an algorithm that is none, where no key could have it", func(t *testing.T) {
		_, _, err := registry.ParseMetadata(json.RawMessage(`{"redirect_uris":["https://a.example/cb"],"token_endpoint_auth_signing_alg":"HS256"}`))
		if !refuses(err, "token_endpoint_auth_signing_alg", "is not one of") {
			t.Error(err)
		}
	})
}

func refuses(err error, field, cause string) bool {
	why, ok := errors.AsType[*registry.MetadataError](err)
	return ok && why.Field == field && strings.Contains(why.Cause, cause)
}

func FuzzParseMetadata(f *testing.F) {
	f.Add([]byte(`{"redirect_uris":["https://a.example/cb"],"client_id":"a"}`))
	f.Add([]byte(`{"client_id":"w","token_endpoint_auth_method":"none","dpop_bound_access_tokens":true,"require_pushed_authorization_requests":true,"redirect_uris":["http://localhost/"]}`))
	f.Add([]byte(`{"jwks":{"keys":[{"kty":"EC"}]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, secret, err := registry.ParseMetadata(data)
		if err != nil {
			var refusal *registry.MetadataError
			if !errors.As(err, &refusal) {
				t.Errorf("an untyped error: %v", err)
			}
			return
		}
		if c.ID == "" || (c.AuthMethod == registry.AuthSecretBasic) != (secret != "") {
			t.Errorf("%+v %q", c, secret)
		}
		if c.AuthMethod == registry.AuthNone && !c.DPoP {
			t.Error("a public client without bound tokens")
		}
		for _, key := range c.JWKS.Keys {
			if !key.IsPublic() {
				t.Error("a private key")
			}
		}
	})
}

func newStore(t *testing.T) *store.DB {
	t.Helper()
	db, err := store.Open(context.Background(), "sqlite::memory:")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	return db
}

func TestClients(t *testing.T) {
	r := &registry.Registry{Store: newStore(t).Registry()}
	metadata := json.RawMessage(`{"client_id":"site","redirect_uris":["https://a.example/cb"]}`)
	t.Run("it finds who was added, and nobody else", func(t *testing.T) {
		if _, err := r.Client(t.Context(), "site"); !errors.Is(err, registry.ErrUnknown) {
			t.Errorf("%v", err)
		}
		_, secret, err := r.AddClient(t.Context(), metadata)
		if err != nil {
			t.Fatal(err)
		}
		c, err := r.Client(t.Context(), "site")
		if err != nil || !c.CheckSecret(secret) {
			t.Errorf("%+v %v", c, err)
		}
	})
	t.Run("it gives an id to one alone", func(t *testing.T) {
		if _, _, err := r.AddClient(t.Context(), metadata); !errors.Is(err, registry.ErrTaken) {
			t.Errorf("%v", err)
		}
	})
	t.Run("it asks its store again after half a minute", func(t *testing.T) {
		clock := time.Now()
		gone := newStore(t)
		r := &registry.Registry{Store: gone.Registry(), Now: func() time.Time { return clock }}
		if _, _, err := r.AddClient(t.Context(), metadata); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Client(t.Context(), "site"); err != nil {
			t.Fatal(err)
		}
		if err := gone.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Client(t.Context(), "site"); err != nil {
			t.Errorf("asked at once: %v", err)
		}
		for _, by := range []time.Duration{31 * time.Second, -2 * time.Hour} {
			clock = clock.Add(by)
			if _, err := r.Client(t.Context(), "site"); err == nil {
				t.Errorf("did not ask after the clock went by %s", by)
			}
		}
	})
}

func TestCatalogue(t *testing.T) {
	dir := t.TempDir()
	if err := keys.Generate(dir, keys.Options{Issuer: "http://localhost", LogOrigin: "test"}); err != nil {
		t.Fatal(err)
	}
	ring, err := keys.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	db := newStore(t)
	open := func() *registry.Registry {
		return &registry.Registry{Store: db.Registry(), Publisher: publisher(t, ring, roots)}
	}
	r := open()
	c := catalogue.Catalogue{Version: 1}
	t.Run("it has none at first", func(t *testing.T) {
		if err := r.Load(t.Context()); err != nil || r.Catalogue() != nil || r.CatalogueJWS() != "" {
			t.Error(err, r.Catalogue())
		}
	})
	t.Run("it publishes one, with an entry for the log", func(t *testing.T) {
		if err := r.PublishCatalogue(t.Context(), c, approvals(t, ring, r, c)...); err != nil {
			t.Fatal(err)
		}
		if r.Catalogue().Version != 1 {
			t.Errorf("%+v", r.Catalogue())
		}
		pending, err := db.Log().Pending(t.Context(), 10)
		if err != nil || len(pending) != 1 || !strings.Contains(string(pending[0].Entry), registry.StatementKind) {
			t.Errorf("%v %v", pending, err)
		}
	})
	t.Run("it has it again after a restart", func(t *testing.T) {
		again := open()
		if err := again.Load(t.Context()); err != nil || again.CatalogueJWS() != r.CatalogueJWS() {
			t.Error(err)
		}
	})
	t.Run("it takes the same again", func(t *testing.T) {
		before := r.CatalogueJWS()
		if err := r.PublishCatalogue(t.Context(), c, approvals(t, ring, r, c)...); err != nil || r.CatalogueJWS() != before {
			t.Error(err)
		}
	})
	t.Run("it refuses to go back, and another of the same version", func(t *testing.T) {
		second := catalogue.Catalogue{Version: 2}
		if err := r.PublishCatalogue(t.Context(), second, approvals(t, ring, r, second)...); err != nil {
			t.Fatal(err)
		}
		if err := r.PublishCatalogue(t.Context(), c, approvals(t, ring, r, c)...); !errors.Is(err, registry.ErrConflict) || r.Catalogue().Version != 2 {
			t.Error(err)
		}
		second.Purposes = []catalogue.Purpose{{Code: "p", Text: catalogue.Text{"en": "P", "ko": "목적"}, MaxUses: 1, MaxDays: 1}}
		if err := r.PublishCatalogue(t.Context(), second, approvals(t, ring, r, second)...); !errors.Is(err, registry.ErrConflict) || len(r.Catalogue().Purposes) != 0 {
			t.Error(err)
		}
	})
	t.Run("it refuses an agency that did not sign its entry", func(t *testing.T) {
		bad := catalogue.Catalogue{Version: 3, Agencies: []catalogue.Agency{{
			ID: "urn:mydata:agency:insurer", Name: catalogue.Text{"en": "Insurer", "ko": "보험"}, Contact: "a@b.example", Jurisdiction: "KR",
		}}}
		if err := r.PublishCatalogue(t.Context(), bad, approvals(t, ring, r, bad)...); !errors.Is(err, registry.ErrRefused) || r.Catalogue().Version != 2 {
			t.Error(err)
		}
	})
}
