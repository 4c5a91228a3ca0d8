package statuslist_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"log"
	"time"

	"github.com/govmydata/mydata/pkg/credential/statuslist"
)

// An issuer revokes the seventh of its credentials; whoever reads the list sees it.
func Example() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	fail(err)
	list, err := statuslist.New(1, 1024)
	fail(err)
	fail(list.Set(7, statuslist.Invalid))
	const uri = "https://issuer.example/status/1"
	now := time.Now()
	signed, err := statuslist.Sign(statuslist.Key{Signer: key},
		statuslist.Token{URI: uri, IssuedAt: now, Expires: now.Add(15 * time.Minute), TTL: time.Minute, List: list})
	fail(err)

	trust := func([][]byte) (crypto.PublicKey, error) { return key.Public(), nil }
	token, err := statuslist.Verify(signed, uri, now, trust)
	fail(err)
	for _, index := range []int{6, 7} {
		status, err := token.List.Get(index)
		fmt.Println(status == statuslist.Valid, err)
	}
	// Output:
	// true <nil>
	// false <nil>
}

func fail(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
