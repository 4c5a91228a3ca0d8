package oauth

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/pkg/jws"
)

// strict hands out clients as their profiles want them, so that no row, however it
// came to be, loosens FAPI 2.0 for a client registered for it.
type strict struct{ Clients }

// Client implements Clients.
func (s strict) Client(ctx context.Context, id string) (registry.Client, error) {
	c, err := s.Clients.Client(ctx, id)
	if err != nil {
		return registry.Client{}, err
	}
	c, ok := c.Strict()
	if !ok {
		return registry.Client{}, fmt.Errorf("oauth: client %q contradicts its profile", id)
	}
	return c, nil
}

// proofAlgorithms are those of DPoP proofs; a proof by RS256 is nobody's.
var proofAlgorithms = []jose.SignatureAlgorithm{jose.ES256, jose.PS256, jose.EdDSA}

// The algorithms by which clients sign: their assertions, and their request objects.
var (
	assertionAlgorithms = []jose.SignatureAlgorithm{jose.ES256, jose.PS256, jose.EdDSA, jose.RS256}
	objectAlgorithms    = []jose.SignatureAlgorithm{jose.ES256, jose.PS256, jose.EdDSA}
)

func names(algorithms []jose.SignatureAlgorithm) []string {
	out := make([]string, len(algorithms))
	for n, a := range algorithms {
		out[n] = string(a)
	}
	return out
}

// keyed is a client with the keys that it publishes now, for a text that it signed.
// Without them nothing that it signs is believed.
func (s *Server) keyed(ctx context.Context, c registry.Client, compact string) (registry.Client, *Refusal) {
	if c.JWKSURI == "" {
		return c, nil
	}
	signed, err := jose.ParseSignedCompact(compact, assertionAlgorithms)
	if err != nil {
		return c, nil //nolint:nilerr // refused where it is opened; nothing is fetched for it
	}
	if c.JWKS, err = s.clientKeys.Keys(ctx, c, signed.Signatures[0].Protected.KeyID); err != nil {
		return c, &Refusal{Code: "invalid_client", Description: err.Error(), Err: err}
	}
	return c, nil
}

// openAssertion and openObject open what a client signed, for one purpose each, by
// the one registered key that its kid names and an algorithm of that key.
func openAssertion(compact string, c registry.Client) ([]byte, error) {
	return openSigned(compact, "", c, assertionAlgorithms, c.AuthAlg)
}

func openObject(compact string, c registry.Client) ([]byte, error) {
	return openSigned(compact, objectType, c, objectAlgorithms, c.ObjectAlg)
}

// openSigned verifies a compact JWS of a type by the registered key that its kid
// names; without a kid there must be but one key that could have signed it. Keys in
// the header do not count, and neither does an alg that is not the key's
// (RFC 8725, 3.1).
func openSigned(compact, typ string, c registry.Client, purpose []jose.SignatureAlgorithm, chosen string) ([]byte, error) {
	if payload, ok := openShort(compact, typ, c, chosen); ok { // as most write it; the rest is for go-jose
		return payload, nil
	}
	return openAny(compact, typ, c, purpose, chosen)
}

// openShort opens a text by ES256 whose header says alg, kid and typ.
func openShort(compact, typ string, c registry.Client, chosen string) ([]byte, bool) {
	var able []jose.JSONWebKey
	for _, key := range c.JWKS.Keys {
		if slices.Contains(c.Algorithms(key, chosen), jose.ES256) {
			able = append(able, key)
		}
	}
	return jws.Open(compact, cmp.Or(typ, "JWT"), able)
}

func openAny(compact, typ string, c registry.Client, purpose []jose.SignatureAlgorithm, chosen string) ([]byte, error) {
	signed, err := jose.ParseSignedCompact(compact, purpose)
	if err != nil {
		return nil, jwsError("it is not a JWT signed by ES256, PS256 or EdDSA")
	}
	header := signed.Signatures[0].Protected
	if typ != "" && header.ExtraHeaders[jose.HeaderType] != typ {
		return nil, jwsError("its typ is not " + typ)
	}
	var candidates []jose.JSONWebKey
	named := false
	for _, key := range c.JWKS.Keys {
		if header.KeyID != "" && key.KeyID != header.KeyID {
			continue
		}
		named = true
		if slices.Contains(c.Algorithms(key, chosen), jose.SignatureAlgorithm(header.Algorithm)) {
			candidates = append(candidates, key)
		}
	}
	switch {
	case named && len(candidates) == 0:
		return nil, jwsError("its alg is not one that this client registered")
	case len(candidates) != 1:
		return nil, jwsError("its kid names no registered key")
	}
	payload, err := signed.Verify(candidates[0].Key)
	if err != nil {
		return nil, jwsError("its signature is wrong")
	}
	return payload, nil
}
