package credential_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"log"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/sdjwt"
	"github.com/govmydata/mydata/pkg/did"
)

// A verifier believes one DID for one type. Each check says what it went by; a
// verifier without a policy believes nobody.
func Example() {
	const vct = "urn:example:card:1"
	issuer, holder := exampleKey(), exampleKey()
	id, err := did.FromJWK(jose.JSONWebKey{Key: issuer.Public()})
	exampleFail(err)
	issued, err := sdjwt.Issue(sdjwt.Key{Signer: issuer, KeyID: id + "#0"}, map[string]any{
		"vct": vct, "cnf": map[string]any{"jwk": jose.JSONWebKey{Key: holder.Public()}}, "name": sdjwt.Hidden{Value: "Kim"}})
	exampleFail(err)
	shown, err := sdjwt.Bind(issued, holder, sdjwt.KeyBinding{Audience: "x509_hash:verifier", Nonce: "fresh", IssuedAt: time.Now()})
	exampleFail(err)

	presentation := credential.Presentation{Token: shown, Audience: "x509_hash:verifier", Nonce: "fresh"}
	policy := credential.Policy{DIDs: map[string][]string{vct: {id}}, WithoutStatus: map[string]bool{vct: true}}
	for _, p := range []credential.Policy{policy, {}} {
		verifier := credential.Verifier{Policy: p, DIDs: new(did.Resolver)}
		result := verifier.Verify(context.Background(), presentation)
		failed, _ := result.Failed()
		fmt.Printf("%t %v %q\n", result.OK(), result.Claims["name"], failed.Detail)
	}
	// Output:
	// true Kim ""
	// false <nil> "the DID is not trusted for this type"
}

func exampleKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	exampleFail(err)
	return key
}

func exampleFail(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
