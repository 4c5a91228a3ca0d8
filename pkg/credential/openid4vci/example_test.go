package openid4vci_test

import (
	"fmt"
	"log"

	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

// An issuer offers, a wallet reads the offer and knows where to learn more.
func Example() {
	offered, err := openid4vci.Offer{
		CredentialIssuer:           "https://issuer.example/kr",
		CredentialConfigurationIDs: []string{"resident_card_sd_jwt"},
		Grants: &openid4vci.Grants{PreAuthorizedCode: &openid4vci.PreAuthorizedCodeGrant{
			PreAuthorizedCode: "a-code", TxCode: &openid4vci.TxCode{Length: 6}}},
	}.URI()
	if err != nil {
		log.Fatal(err)
	}
	offer, _, err := openid4vci.ParseOfferURI(offered)
	if err != nil {
		log.Fatal(err)
	}
	address, err := openid4vci.MetadataURL(offer.CredentialIssuer)
	fmt.Println(offer.CredentialConfigurationIDs, offer.Grants.PreAuthorizedCode.TxCode.Length)
	fmt.Println(address, err)
	// Output:
	// [resident_card_sd_jwt] 6
	// https://issuer.example/.well-known/openid-credential-issuer/kr <nil>
}
