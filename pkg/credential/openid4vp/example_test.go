package openid4vp_test

import (
	"fmt"
	"log"
	"time"

	"github.com/govmydata/mydata/pkg/credential/openid4vp"
)

// A verifier asks for one claim of a type. What a wallet shows beyond it is not
// what was asked for.
func Example() {
	query, err := openid4vp.ParseQuery([]byte(`{"credentials":[{"id":"card","format":"dc+sd-jwt",
		"meta":{"vct_values":["urn:example:card:1"]},"claims":[{"path":["address","locality"]}]}]}`))
	if err != nil {
		log.Fatal(err)
	}
	request, err := openid4vp.NewRequest("x509_hash:abc", "https://verifier.example/response", query, time.Now(), 5*time.Minute)
	if err != nil {
		log.Fatal(err)
	}
	card, _ := request.Query.Credential("card")
	claims := map[string]any{"address": map[string]any{"locality": "Seoul", "street": "Sejong-daero 209"}, "name": "Kim"}
	ways, err := card.Matches(openid4vp.Candidate{Bound: true, Format: "dc+sd-jwt", VCT: "urn:example:card:1", Claims: claims})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(openid4vp.Project(claims, ways[0]))
	_, err = card.Matches(openid4vp.Candidate{Bound: true, Format: "dc+sd-jwt", VCT: "urn:example:other", Claims: claims})
	fmt.Println(err)
	// Output:
	// map[address:map[locality:Seoul]]
	// query not satisfied: type is not among vct_values
}
