package dpop

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

// es256 is the one algorithm of a Policy that names none.
var es256 = []jose.SignatureAlgorithm{jose.ES256}

func (p Policy) algorithms() []jose.SignatureAlgorithm {
	if len(p.Algorithms) > 0 {
		return p.Algorithms
	}
	return es256
}

// fits says whether a key is one by which the algorithm is strong: on P-256, Ed25519,
// or RSA of 2048 bits (FAPI 2.0, 5.4.1) and not so long that checking it takes long.
func fits(alg string, key jose.JSONWebKey) bool {
	switch k := key.Key.(type) {
	case *ecdsa.PublicKey:
		return alg == string(jose.ES256) && k.Curve == elliptic.P256()
	case ed25519.PublicKey:
		return alg == string(jose.EdDSA)
	case *rsa.PublicKey:
		return slices.Contains([]string{string(jose.PS256), string(jose.RS256)}, alg) && k.N.BitLen() >= 2048 && k.N.BitLen() <= 4096
	}
	return false
}
