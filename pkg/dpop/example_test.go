package dpop_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/govmydata/mydata/pkg/dpop"
)

// A client proves its key, and a server checks the proof; the same proof passes
// once.
func Example() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	client, err := dpop.NewMaker(key)
	if err != nil {
		log.Fatal(err)
	}
	const target, token = "https://hub.example/userinfo", "an-access-token"
	proof, err := client.Proof(http.MethodGet, target, token, "")
	if err != nil {
		log.Fatal(err)
	}
	request := httptest.NewRequest(http.MethodGet, target, nil)
	request.Header.Set(dpop.Header, proof)

	policy := dpop.Policy{Target: target, AccessToken: token, JKT: client.JKT(), Replay: &dpop.Memory{}}
	_, err = dpop.Check(request, policy)
	fmt.Println(err)
	_, err = dpop.Check(request, policy)
	fmt.Println(err)
	// Output:
	// <nil>
	// dpop: replay: the proof was used before
}
