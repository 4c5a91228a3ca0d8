package sdjwt_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"log"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/credential/sdjwt"
)

// An issuer signs, a holder shows one claim of two to one verifier, and the
// verifier checks who signed, and who shows.
func Example() {
	issuer, holder := key(), key()
	issued, err := sdjwt.Issue(sdjwt.Key{Signer: issuer}, map[string]any{
		"vct":         "urn:example:card:1",
		"cnf":         map[string]any{"jwk": jose.JSONWebKey{Key: holder.Public()}},
		"family_name": sdjwt.Hidden{Value: "Kim"},
		"birth_date":  sdjwt.Hidden{Value: "1995-02-14"},
	})
	fail(err)

	held, err := sdjwt.Parse(issued)
	fail(err)
	shown, err := held.Present(sdjwt.Path{"family_name"})
	fail(err)
	binding := sdjwt.KeyBinding{Audience: "x509_hash:verifier", Nonce: "fresh", IssuedAt: time.Now()}
	shown, err = sdjwt.Bind(shown, holder, binding)
	fail(err)

	token, err := sdjwt.Parse(shown)
	fail(err)
	claims, err := token.Verify(issuer.Public())
	fail(err)
	owner, err := sdjwt.HolderKey(claims)
	fail(err)
	_, err = token.VerifyKeyBinding(owner.Key, binding)
	fmt.Println(claims["family_name"], claims["birth_date"], err)
	// Output: Kim <nil> <nil>
}

func key() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	fail(err)
	return key
}

func fail(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
