package storetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/internal/registry"
)

// Registry is what every registry.Store must do. s is empty.
func Registry(t *testing.T, s registry.Store) {
	t.Run("it answers ErrUnknown for what is not there", func(t *testing.T) {
		for _, id := range append([]string{"none"}, unstorable...) {
			_, err := s.Client(t.Context(), id)
			is(t, "client", err, registry.ErrUnknown)
		}
		_, _, err := s.Catalogue(t.Context())
		is(t, "catalogue", err, registry.ErrUnknown)
	})
	t.Run("it keeps a client whole and never replaces it by another", func(t *testing.T) { registryClients(t, s) })
	t.Run("it keeps the newest catalogue, for one of many at once", func(t *testing.T) { registryCatalogues(t, s) })
}

func registryClients(t *testing.T, s registry.Store) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	is(t, "key", err, nil)
	c := registry.Client{
		ID: "client", Agency: "urn:a", Name: map[string]string{"ko": "이름"}, RedirectURIs: []string{"https://a/?b=c"},
		AuthMethod: registry.AuthPrivateKeyJWT, Scopes: []string{"openid"}, GrantTypes: []string{registry.GrantCode},
		Roles: []string{registry.RoleIntrospect}, DPoP: true, PAR: true, SignedRequest: true, Introspect: true,
		JWKS: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Use: "sig"}}},
	}
	is(t, "add", s.AddClient(t.Context(), c), nil)
	is(t, "add again", s.AddClient(t.Context(), c), nil)
	other := c
	other.PAR = false
	is(t, "add another", s.AddClient(t.Context(), other), registry.ErrTaken)
	got, err := s.Client(t.Context(), "client")
	is(t, "client", err, nil)
	same(t, "name", got.Name["ko"], "이름")
	same(t, "rights", []bool{got.DPoP, got.PAR, got.SignedRequest, got.Introspect}, []bool{true, true, true, true})
	same(t, "redirect", got.RedirectURIs, c.RedirectURIs)
	same(t, "key", got.JWKS.Keys[0].KeyID, "k")
	same(t, "the key itself", key.PublicKey.Equal(got.JWKS.Keys[0].Key), true)
}

func registryCatalogues(t *testing.T, s registry.Store) {
	put := func(version int64, jws string) error {
		return s.PutCatalogue(t.Context(), registry.CatalogueCommit{
			ID: fmt.Sprint("catalogue/", version), Version: version, JWS: jws, Leaves: [][]byte{[]byte("leaf" + jws)},
		})
	}
	is(t, "first", put(2, "two"), nil)
	is(t, "the same", put(2, "two"), nil)
	is(t, "another of that version", put(2, "other"), registry.ErrConflict)
	is(t, "an older one", put(1, "one"), registry.ErrConflict)
	won := atOnce(t, registry.ErrConflict, func(n int) error { return put(3, fmt.Sprint("three", n)) })
	same(t, "winners", won, 1)
	version, _, err := s.Catalogue(t.Context())
	is(t, "newest", err, nil)
	same(t, "version", version, int64(3))
}
