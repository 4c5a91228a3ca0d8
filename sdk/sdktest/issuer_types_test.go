package sdktest_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/sdjwt"
	"github.com/govmydata/mydata/sdk"
)

// A type of the issuer's own is described where its name leads, byte for byte as its
// documents say, in each language.
//
//clause:kit an agency's type is described at its address, by the digest that its documents name (SD-JWT VC, Type Metadata)
func TestIssuerDescribesItsTypes(t *testing.T) {
	b := newBureau(t)
	document := func(vct string) map[string]sdk.Document {
		return map[string]sdk.Document{"extract": {Type: vct, Claims: []string{"address", "household"},
			Load:    func(_ context.Context, who sdk.Subject) (sdk.Record, error) { return b.load(who) },
			Display: map[string]string{"en": "Resident extract", "ko": "주민등록 초본"},
			Labels:  map[string]map[string]string{"address": {"en": "Address", "ko": "주소"}}}}
	}
	vct := b.url + "/types/extract/1"
	b.issuer = b.MustIssuer(b.url, document(vct))
	parsed, err := sdjwt.Parse(b.mustIssue())
	if err != nil {
		t.Fatal(err)
	}
	claims, err := parsed.Unverified()
	if err != nil {
		t.Fatal(err)
	}
	integrity, _ := claims["vct#integrity"].(string)
	if claims["vct"] != vct || integrity == "" {
		t.Fatalf("%v", claims)
	}
	described, err := (&credential.TypeMetadata{Development: true}).Describe(t.Context(), vct, integrity)
	if err != nil {
		t.Fatal(err)
	}
	for lang, want := range map[string][2]string{"en": {"Resident extract", "Address"}, "ko": {"주민등록 초본", "주소"}} {
		if label, _ := described.Label(lang, []any{"address"}); described.Name(lang) != want[0] || label != want[1] {
			t.Errorf("%s: %s, %s", lang, described.Name(lang), label)
		}
	}
	for _, path := range []string{"/types/extract/2", "/types/", "/types/extract"} {
		res, err := http.Get(b.url + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
	for _, wrong := range []string{"/types/", "/types/a//b", "/types/{x}", "/types/a?b", "/types/a/"} {
		c := sdk.IssuerConfig{Trust: b.Trust(), Keys: b.ProviderKeys(), URL: b.url, Journal: b.journal(), AllowLoopback: true, Documents: document(b.url + wrong)}
		c.Signer, c.Chain = b.DocumentKeys(b.url)
		if _, err := sdk.NewIssuer(t.Context(), c); err == nil || !strings.Contains(err.Error(), "letters, digits") {
			t.Errorf("Type %s: %v", wrong, err)
		}
	}
}
