package storetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"testing"
	"time"

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
	t.Run("it keeps who registered itself, as often as it was allowed", func(t *testing.T) { registrations(t, s) })
	t.Run("it keeps the newest catalogue, for one of many at once", func(t *testing.T) { registryCatalogues(t, s) })
	t.Run("it keeps proposals and decides each once", func(t *testing.T) { registryProposals(t, s) })
}

// proposals is the life of proposals, as rows.
func registryProposals(t *testing.T, s registry.Store) {
	for _, id := range append([]string{"none"}, unstorable...) {
		_, err := s.Proposal(t.Context(), id)
		is(t, "proposal", err, registry.ErrNoProposal)
	}
	is(t, "decide on none", s.Decide(t.Context(), "none", "b", registry.Ready), registry.ErrNoProposal)
	p := registry.Proposal{
		ID: "p", Version: 4, State: registry.Open, Expires: time.Unix(2000000000, 0).UTC(), Signatures: []string{"a"}, Catalogue: []byte(`{"version":4}`),
	}
	is(t, "propose", s.Propose(t.Context(), p), nil)
	is(t, "propose again", s.Propose(t.Context(), p), nil)
	other := p
	other.Signatures = []string{"x"}
	is(t, "propose by another", s.Propose(t.Context(), other), registry.ErrDecided)
	got, err := s.Proposal(t.Context(), "p")
	is(t, "proposal", err, nil)
	same(t, "whole", got, p)
	won := atOnce(t, registry.ErrDecided, func(n int) error { return s.Decide(t.Context(), "p", fmt.Sprint("b", n), registry.Ready) })
	same(t, "winners", won, 1)
	got, err = s.Proposal(t.Context(), "p")
	is(t, "proposal", err, nil)
	same(t, "state", got.State, registry.Ready)
	same(t, "signatures", len(got.Signatures), 2)
	is(t, "decide again", s.Decide(t.Context(), "p", got.Signatures[1], registry.Ready), nil)
	is(t, "reject what is approved", s.Decide(t.Context(), "p", "c", registry.Rejected), registry.ErrDecided)
	is(t, "publish", s.PutCatalogue(t.Context(), registry.CatalogueCommit{
		ID: "catalogue/4", Version: 4, JWS: "four", Signatures: got.Signatures, Proposal: "p", Leaves: [][]byte{[]byte("leaf four")},
	}), nil)
	all, err := s.ListProposals(t.Context(), 10)
	is(t, "list", err, nil)
	same(t, "listed", len(all), 1)
	same(t, "published", all[0].State, registry.Published)
	jws, signatures, err := s.CatalogueAt(t.Context(), 4)
	is(t, "by number", err, nil)
	same(t, "it", jws, "four")
	same(t, "its signatures", signatures, got.Signatures)
	_, _, err = s.CatalogueAt(t.Context(), 99)
	is(t, "by a number to come", err, registry.ErrUnknown)
}

func registryClients(t *testing.T, s registry.Store) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	is(t, "key", err, nil)
	c := registry.Client{
		ID: "client", Agency: "urn:a", Name: map[string]string{"ko": "이름"}, RedirectURIs: []string{"https://a/?b=c"},
		AuthMethod: registry.AuthPrivateKeyJWT, Scopes: []string{"openid"}, GrantTypes: []string{registry.GrantCode},
		Roles: []string{registry.RoleIntrospect}, DPoP: true, PAR: true, SignedRequest: true, Introspect: true,
		JWKS:       jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Use: "sig"}}},
		IDTokenAlg: "RS256", JWKSURI: "https://a/keys",
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
	same(t, "algorithm", got.SignedBy(), "RS256")
	same(t, "address of keys", got.JWKSURI, "https://a/keys")
	same(t, "redirect", got.RedirectURIs, c.RedirectURIs)
	same(t, "key", got.JWKS.Keys[0].KeyID, "k")
	same(t, "the key itself", key.PublicKey.Equal(got.JWKS.Keys[0].Key), true)
	for n := range 4 {
		is(t, "add", s.AddClient(t.Context(), registry.Client{ID: fmt.Sprint("of many ", n)}), nil)
	}
	var ids []string
	for after := ""; ; after = ids[len(ids)-1] {
		page, err := s.Clients(t.Context(), after, 2)
		is(t, "clients", err, nil)
		if len(page) == 0 {
			break
		}
		for _, c := range page {
			ids = append(ids, c.ID)
		}
	}
	same(t, "all clients, page by page", ids, []string{"client", "of many 0", "of many 1", "of many 2", "of many 3"})
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
