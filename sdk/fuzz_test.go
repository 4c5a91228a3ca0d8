package sdk

import (
	"net/url"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

// FuzzIdentity lets the hub sign anything for an id_token: who is believed to be
// logged in has a name, in an answer to this login.
func FuzzIdentity(f *testing.F) {
	x := newFixture(f)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: x.world.Hub},
		(&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", x.world.Trust.HubKeys.Keys[0].KeyID))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(`{"iss":"` + consenttest.Issuer + `","sub":"s","aud":"` + consenttest.Client + `","nonce":"n","iat":1,"exp":2}`)
	f.Add(`{"iss":"` + consenttest.Issuer + `","aud":[],"iat":1e99,"exp":"x"}`)
	f.Add(`{"sub":"a","sub":"b"}`)
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
		if who, err := x.consumer.hub.identity(compact, "n"); err == nil && who.Sub == "" {
			t.Errorf("%s is nobody", payload)
		}
	})
}

// FuzzCallback: of what a browser brings back, a code is taken only beside the
// session's state and the hub's name.
func FuzzCallback(f *testing.F) {
	x := newFixture(f)
	f.Add("code=c&state=s&iss=" + url.QueryEscape(consenttest.Issuer))
	f.Add("code=c&code=d&state=s&state=s&iss=x")
	f.Add("error=%00&state=s&iss=" + url.QueryEscape(consenttest.Issuer))
	f.Fuzz(func(t *testing.T, text string) {
		query, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		code, err := x.consumer.hub.code("s", query)
		good := len(query["state"]) == 1 && query.Get("state") == "s" && len(query["iss"]) == 1 && query.Get("iss") == consenttest.Issuer &&
			len(query["code"]) == 1 && !query.Has("error")
		if err == nil && (!good || code == "") {
			t.Errorf("%q gave %q", text, code)
		}
	})
}
