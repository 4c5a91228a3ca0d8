package sdk

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vp"
	"github.com/govmydata/mydata/pkg/credential/sdjwt"
	"github.com/govmydata/mydata/pkg/did"
)

// An issuer by DID, a request, a presentation, a record: all through the door.
//
//clause:trust a DID by `kid`, whose document lists the key for assertions
//clause:trust a result lists each check with anchor, key, status and time ([schema](schemas/presentation-result.schema.json))
//clause:trust a refusal says which check, and who can mend it
func TestVerifierRecord(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	issuer, holder := consenttest.NewKey(), consenttest.NewKey()
	asker := consenttest.NewAuthority("CA", now).Agency("urn:example:asker")
	id, err := did.FromJWK(jose.JSONWebKey{Key: issuer.Public()})
	must(t, err)
	const vct = "urn:example:extract:1"
	query, err := openid4vp.ParseQuery([]byte(`{"credentials":[{"id":"e","format":"dc+sd-jwt","meta":{"vct_values":["` + vct + `"]},"claims":[{"path":["name"]}]}]}`))
	must(t, err)
	request, err := openid4vp.NewRequest(openid4vp.ClientID(asker.Chain[0]), "https://verifier.example/r", query, now, time.Minute)
	must(t, err)
	object, err := request.Sign(asker.Key, asker.Chain, "")
	must(t, err)
	raw, err := json.Marshal(query)
	must(t, err)
	want := Expect{Nonce: request.Nonce, Audience: request.ClientID}
	present := func(by *ecdsa.PrivateKey, paths ...sdjwt.Path) string {
		card, err := sdjwt.Issue(sdjwt.Key{Signer: by, KeyID: id + "#0"}, map[string]any{"vct": vct, "exp": now.Add(time.Hour).Unix(),
			"cnf": map[string]any{"jwk": jose.JSONWebKey{Key: holder.Public()}}, "name": sdjwt.Hidden{Value: "KIM"}, "age": sdjwt.Hidden{Value: 30}})
		must(t, err)
		token, err := sdjwt.Parse(card)
		must(t, err)
		shown, err := token.Present(paths...)
		must(t, err)
		shown, err = sdjwt.Bind(shown, holder, sdjwt.KeyBinding{Audience: want.Audience, Nonce: want.Nonce, IssuedAt: now})
		must(t, err)
		return shown
	}
	v, err := NewVerifier(VerifierConfig{DIDs: map[string][]string{vct: {id}}, WithoutStatus: []string{vct}})
	must(t, err)
	ctx := context.Background()
	result, err := v.Verify(ctx, present(issuer, sdjwt.Path{"name"}), want)
	if err != nil || result.Path != credential.PathDID {
		t.Fatalf("it does not believe a DID that is named: %v", err)
	}
	var refused *Error
	if _, err := v.Verify(ctx, present(holder, sdjwt.Path{"name"}), want); !errors.As(err, &refused) || refused.Check != credential.CheckIssuerSignature || refused.Mender != "issuer" {
		t.Errorf("it takes another's signature: %v", err)
	}
	asked := Asked{Request: object, Query: raw, QueryID: "e"}
	record, err := v.Record(result, asked, asker.Key)
	must(t, err)
	text, err := record.Marshal()
	must(t, err)
	again, err := v.VerifyRecord(ctx, text, time.Time{})
	if err != nil || again.Claims["name"] != "KIM" || len(again.Unsaid) != 0 {
		t.Errorf("it does not verify its own record: %v %+v", err, again)
	}
	if _, err := v.VerifyRecord(ctx, bytes.Replace(text, []byte("KIM"), []byte("LEE"), 1), time.Time{}); !errors.As(err, &refused) || refused.Check != credential.CheckSeal {
		t.Errorf("it takes a record that was changed: %v", err)
	}
	if _, err := v.VerifyRecord(ctx, text[1:], time.Time{}); !errors.Is(err, credential.ErrRecord) {
		t.Errorf("it takes half a record: %v", err)
	}
	more, err := v.Verify(ctx, present(issuer, sdjwt.Path{"name"}, sdjwt.Path{"age"}), want)
	must(t, err)
	if _, err := v.Record(more, asked, asker.Key); !errors.Is(err, credential.ErrUnasked) {
		t.Errorf("it keeps what nobody asked for: %v", err)
	}
	conforms(t, "presentation-record", text)
	body, err := json.Marshal(result)
	must(t, err)
	conforms(t, "presentation-result", body)
	if body, err = json.Marshal(again); err == nil {
		conforms(t, "presentation-result", body)
	}
}

// conforms holds a text to the schema that is published of it.
func conforms(t *testing.T, name string, text []byte) {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	for _, each := range []string{"presentation-result", "presentation-record"} {
		file, err := os.Open(filepath.Join("..", "docs", "schemas", each+".schema.json"))
		must(t, err)
		schema, err := jsonschema.UnmarshalJSON(file)
		must(t, err)
		must(t, file.Close())
		must(t, compiler.AddResource("urn:mydata:schema:"+each+":1", schema))
	}
	schema, err := compiler.Compile("urn:mydata:schema:" + name + ":1")
	must(t, err)
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	must(t, err)
	if err := schema.Validate(value); err != nil {
		t.Errorf("%s: %v", name, err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
