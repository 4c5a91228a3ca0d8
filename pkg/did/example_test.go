package did_test

import (
	"context"
	"fmt"
	"log"

	"github.com/govmydata/mydata/pkg/did"
)

// A did:key holds its key in itself: no network is asked.
func Example() {
	const id = "did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169"
	var resolver did.Resolver
	document, err := resolver.Resolve(context.Background(), id)
	if err != nil {
		log.Fatal(err)
	}
	key, err := document.Key(id+"#zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169", did.AssertionMethod)
	if err != nil {
		log.Fatal(err)
	}
	again, err := did.FromKey(key.Key)
	fmt.Println(again == id, err)
	// Output: true <nil>
}

// Where the document of a did:web is.
func ExampleWebURL() {
	for _, id := range []string{"did:web:example.com", "did:web:example.com%3A3000:user:alice", "did:web:example.com:.."} {
		fmt.Println(did.WebURL(id, false))
	}
	// Output:
	// https://example.com/.well-known/did.json <nil>
	// https://example.com:3000/user/alice/did.json <nil>
	//  malformed DID: did:web with a strange path
}
