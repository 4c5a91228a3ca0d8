package dpop_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"net/http"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/dpop"
)

// Algorithms of a Policy: what it names, and no more, each with a key that is strong.
func TestAlgorithms(t *testing.T) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	long, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	proof := func(alg jose.SignatureAlgorithm, key any, public any) *http.Request {
		header := map[jose.HeaderKey]any{"typ": "dpop+jwt", "jwk": jose.JSONWebKey{Key: public}}
		claims := map[string]any{"jti": rand.Text(), "htm": http.MethodGet, "htu": target, "iat": at.Unix()}
		return request(http.MethodGet, made(t, alg, key, header, claims))
	}
	p := policy()
	p.Algorithms = []jose.SignatureAlgorithm{jose.PS256, jose.EdDSA}
	for name, r := range map[string]*http.Request{
		"it takes PS256": proof(jose.PS256, long, long.Public()), "it takes EdDSA": proof(jose.EdDSA, ed, ed.Public()),
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := dpop.Check(r, p); err != nil || got.JKT == "" {
				t.Error(err)
			}
		})
	}
	ec := newKey(t)
	for name, c := range map[string]struct {
		r     *http.Request
		check string
	}{
		"it refuses ES256 where it is not named, however it is spelled": {proof(jose.ES256, ec, ec.Public()), "syntax"},
		"it refuses RS256 where it is not named":                        {proof(jose.RS256, long, long.Public()), "syntax"},
		"it refuses a short key":                                        {proof(jose.PS256, short, short.Public()), "jwk"},
		"it refuses a key of another kind":                              {proof(jose.PS256, long, newKey(t).Public()), "jwk"},
	} {
		t.Run(name, func(t *testing.T) { wants(t, c.r, p, c.check) })
	}
	t.Run("it refuses all but ES256 where none is named", func(t *testing.T) {
		wants(t, proof(jose.EdDSA, ed, ed.Public()), policy(), "syntax")
		wants(t, proof(jose.PS256, long, long.Public()), policy(), "syntax")
	})
	t.Run("it refuses the plain spelling of ES256 where it is not named", func(t *testing.T) {
		m := maker(t)
		text, err := m.Proof(http.MethodGet, target, "", "")
		if err != nil {
			t.Fatal(err)
		}
		wants(t, request(http.MethodGet, text), p, "syntax")
	})
}
