package transfer

import (
	"net/http/httptest"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// FuzzToken lets the hub sign anything for an access token: what is not one for
// this provider, now, for one use, bound to a key, is refused by a check with a
// name.
func FuzzToken(f *testing.F) {
	a := ask(f)
	_, body := a.sent()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: a.hubKey},
		(&jose.SignerOptions{}).WithType(typAccessToken).WithHeader("kid", a.kid))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(`{"iss":"https://hub.example","aud":"x","iat":1e99,"exp":"x","authorization_details":[{}]}`)
	f.Add(`{"iss":"https://hub.example","iss":"x"}`)
	f.Add(`[]`)
	f.Add("\xff")
	f.Fuzz(func(t *testing.T, payload string) {
		object, err := signer.Sign([]byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		compact, err := object.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("POST", endpoint, nil)
		r.Header.Set("Authorization", "DPoP "+compact)
		if _, err := a.provider.Check(r, body, a.cat); CheckOf(err) != CheckToken && CheckOf(err) != CheckProof {
			t.Errorf("%s: %v", payload, err)
		}
	})
}
