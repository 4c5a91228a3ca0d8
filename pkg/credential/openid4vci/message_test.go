package openid4vci_test

import (
	"crypto/sha256"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

func sum(text string) []byte {
	digest := sha256.Sum256([]byte(text))
	return digest[:]
}

//clause:issuer 8.2: identifier or configuration, never both; unknown ignored
func TestParseCredentialRequest(t *testing.T) {
	for _, c := range []struct {
		name, body string
		code       openid4vci.Code
	}{
		{"it takes a configuration with a proof", `{"credential_configuration_id":"a","proofs":{"jwt":["x"]}}`, ""},
		{"it takes an identifier", `{"credential_identifier":"a","proofs":{"jwt":["x"]}}`, ""},
		{"it ignores what it does not know", `{"credential_identifier":"a","other":1}`, ""},
		{"it refuses both identifiers", `{"credential_identifier":"a","credential_configuration_id":"a"}`, "invalid_credential_request"},
		{"it refuses neither identifier", `{"proofs":{"jwt":["x"]}}`, "invalid_credential_request"},
		{"it refuses a parameter given twice", `{"credential_identifier":"a","credential_identifier":"b"}`, "invalid_credential_request"},
		{"it refuses another proof type", `{"credential_identifier":"a","proofs":{"di_vp":[{}]}}`, "invalid_proof"},
		{"it refuses two proof types", `{"credential_identifier":"a","proofs":{"jwt":["x"],"attestation":["y"]}}`, "invalid_proof"},
		{"it refuses no proofs in proofs", `{"credential_identifier":"a","proofs":{"jwt":[]}}`, "invalid_proof"},
		{"it refuses proofs that are no strings", `{"credential_identifier":"a","proofs":{"jwt":[1]}}`, "invalid_proof"},
		{"it refuses too many proofs", `{"credential_identifier":"a","proofs":{"jwt":["x"` + strings.Repeat(`,"x"`, 16) + `]}}`, "invalid_proof"},
		{"it refuses encryption, which is not offered", `{"credential_identifier":"a","credential_response_encryption":{"enc":"A128GCM"}}`, "invalid_encryption_parameters"},
		{"it refuses a wrong type", `{"credential_identifier":1}`, "invalid_credential_request"},
		{"it refuses what follows", `{"credential_identifier":"a"} x`, "invalid_credential_request"},
		{"it refuses what is too long", `{"credential_identifier":"` + strings.Repeat("a", openid4vci.MaxMessage) + `"}`, "invalid_credential_request"},
		{"it says so in characters that RFC 6749 allows", "{\"a\":\x01}", "invalid_credential_request"},
		{"it refuses nothing", ``, "invalid_credential_request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := openid4vci.ParseCredentialRequest([]byte(c.body))
			wantsCode(t, err, c.code)
			if err == nil && r.CredentialIdentifier+r.CredentialConfigurationID != "a" {
				t.Fatalf("%+v", r)
			}
		})
	}
}

func wantsCode(t *testing.T, err error, code openid4vci.Code) {
	t.Helper()
	if code == "" {
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	var refused *openid4vci.Error
	if !errors.As(err, &refused) || refused.Code != code || refused.Status() != 400 {
		t.Fatalf("got %v, want %s", err, code)
	}
	if strings.ContainsFunc(refused.Description, func(c rune) bool { return c < 0x20 || c > 0x7e || c == '"' || c == '\\' }) {
		t.Fatalf("description outside RFC 6749's characters: %q", refused.Description)
	}
}

func TestParseNotification(t *testing.T) {
	for _, c := range []struct {
		name, body string
		code       openid4vci.Code
	}{
		{"it takes an event", `{"notification_id":"a","event":"credential_accepted"}`, ""},
		{"it takes a description", `{"notification_id":"a","event":"credential_failure","event_description":"x"}`, ""},
		{"it refuses no id", `{"event":"credential_accepted"}`, "invalid_notification_request"},
		{"it refuses another event", `{"notification_id":"a","event":"credential_eaten"}`, "invalid_notification_request"},
		{"it refuses what is no JSON", `x`, "invalid_notification_request"},
		{"it refuses what follows", `{"notification_id":"a","event":"credential_accepted"} x`, "invalid_notification_request"},
		{"it refuses a member given twice", `{"notification_id":"a","notification_id":"a","event":"credential_accepted"}`, "invalid_notification_request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := openid4vci.ParseNotification([]byte(c.body))
			wantsCode(t, err, c.code)
		})
	}
}

func TestOfferRoundTrip(t *testing.T) {
	want := openid4vci.Offer{
		CredentialIssuer: "https://issuer.example", CredentialConfigurationIDs: []string{"card"},
		Grants: &openid4vci.Grants{
			AuthorizationCode: &openid4vci.AuthorizationCodeGrant{IssuerState: "s"},
			PreAuthorizedCode: &openid4vci.PreAuthorizedCodeGrant{PreAuthorizedCode: "c", TxCode: &openid4vci.TxCode{Length: 6, InputMode: "numeric"}},
		},
	}
	link, err := want.URI()
	if err != nil {
		t.Fatal(err)
	}
	got, reference, err := openid4vci.ParseOfferURI(link)
	if err != nil || reference != "" {
		t.Fatal(reference, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
	if _, reference, err := openid4vci.ParseOfferURI(openid4vci.OfferURI("https://issuer.example/offer?a=b&c=d")); err != nil || reference != "https://issuer.example/offer?a=b&c=d" {
		t.Fatal(reference, err)
	}
}

//clause:issuer 4.1, 4.1.1: offers by value or reference, never both; pre-authorized code once; tx_code with a try budget
func TestParseOfferURI(t *testing.T) {
	good := "openid-credential-offer://?credential_offer=%7B%22credential_issuer%22%3A%22https%3A%2F%2Fi%22%2C%22credential_configuration_ids%22%3A%5B%22a%22%5D%7D"
	for _, c := range []struct {
		name, link string
		ok         bool
	}{
		{"it takes an offer", good, true},
		{"it takes one without slashes", strings.Replace(good, "//", "", 1), true},
		{"it refuses two offers", good + "&credential_offer=%7B%7D", false},
		{"it refuses both forms", good + "&credential_offer_uri=https%3A%2F%2Fx", false},
		{"it refuses neither", "openid-credential-offer://?", false},
		{"it refuses another scheme", strings.Replace(good, "openid-credential-offer", "openid4vp", 1), false},
		{"it refuses a reference that is no web address", openid4vci.OfferURI("file:///etc/passwd"), false},
		{"it refuses one configuration twice", offer(`{"credential_issuer":"https://i","credential_configuration_ids":["a","a"]}`), false},
		{"it refuses no configuration", offer(`{"credential_issuer":"https://i","credential_configuration_ids":[]}`), false},
		{"it refuses no issuer", offer(`{"credential_configuration_ids":["a"]}`), false},
		{"it refuses a grant without its code", offer(`{"credential_issuer":"https://i","credential_configuration_ids":["a"],"grants":{"urn:ietf:params:oauth:grant-type:pre-authorized_code":{}}}`), false},
		{"it refuses a member given twice", offer(`{"credential_issuer":"https://i","credential_issuer":"https://j","credential_configuration_ids":["a"]}`), false},
		{"it refuses what follows an offer", offer(`{"credential_issuer":"https://i","credential_configuration_ids":["a"]}x`), false},
		{"it refuses a broken query string", good + "&x=%zz", false},
		{"it refuses what is too long", good + "&x=" + strings.Repeat("a", openid4vci.MaxMessage), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, _, err := openid4vci.ParseOfferURI(c.link); (err == nil) != c.ok {
				t.Fatal(err)
			}
		})
	}
}

func offer(body string) string {
	return "openid-credential-offer://?credential_offer=" + strings.NewReplacer(`"`, "%22", "{", "%7B", "}", "%7D").Replace(body)
}

//clause:issuer 12.2: metadata between host and path, compared as strings
func TestMetadataURL(t *testing.T) {
	for _, c := range []struct{ name, issuer, want string }{
		{"it goes after the host", "https://issuer.example", "https://issuer.example/.well-known/openid-credential-issuer"},
		{"it goes between host and path", "https://issuer.example/tenant", "https://issuer.example/.well-known/openid-credential-issuer/tenant"},
		{"it drops the last slash", "https://issuer.example/", "https://issuer.example/.well-known/openid-credential-issuer"},
		{"it keeps the port", "http://localhost:8080", "http://localhost:8080/.well-known/openid-credential-issuer"},
		{"it refuses a query", "https://issuer.example?x", ""},
		{"it refuses user names", "https://u@issuer.example", ""},
		{"it refuses what is relative", "/issuer", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := openid4vci.MetadataURL(c.issuer); got != c.want || (err == nil) != (c.want != "") {
				t.Fatalf("%q, %v", got, err)
			}
		})
	}
}

func TestParseMetadata(t *testing.T) {
	const body = `{"credential_issuer":"https://i","credential_endpoint":"https://i/c","credential_configurations_supported":{"a":{"format":"dc+sd-jwt"}}}`
	for _, c := range []struct {
		name, body, issuer string
		ok                 bool
	}{
		{"it takes metadata", body, "https://i", true},
		{"it compares the issuer as a string", body, "https://i/", false},
		{"it refuses a member given twice", `{"credential_issuer":"https://i",` + body[1:], "https://i", false},
		{"it refuses what follows", body + "x", "https://i", false},
		{"it wants an endpoint", strings.Replace(body, "https://i/c", "", 1), "https://i", false},
		{"it wants a configuration", strings.Replace(body, `"a":{"format":"dc+sd-jwt"}`, "", 1), "https://i", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := openid4vci.ParseMetadata([]byte(c.body), c.issuer); (err == nil) != c.ok {
				t.Fatal(err)
			}
		})
	}
}

func FuzzParseCredentialRequest(f *testing.F) {
	f.Add([]byte(`{"credential_configuration_id":"a","proofs":{"jwt":["x"]}}`))
	f.Add([]byte(`{"credential_identifier":"a","proofs":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := openid4vci.ParseCredentialRequest(body)
		if err == nil && (r.CredentialIdentifier == "") == (r.CredentialConfigurationID == "") {
			t.Fatalf("%+v", r)
		}
	})
}

func FuzzParseOfferURI(f *testing.F) {
	f.Add(offer(`{"credential_issuer":"https://i","credential_configuration_ids":["a"]}`))
	f.Add(openid4vci.OfferURI("https://i/o"))
	f.Fuzz(func(t *testing.T, link string) {
		o, reference, err := openid4vci.ParseOfferURI(link)
		if err == nil && (reference == "") == (o.CredentialIssuer == "") {
			t.Fatalf("%+v %q", o, reference)
		}
	})
}

func FuzzParseMetadata(f *testing.F) {
	f.Add([]byte(`{"credential_issuer":"i","credential_endpoint":"e","credential_configurations_supported":{"a":{}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if m, err := openid4vci.ParseMetadata(body, "i"); err == nil && m.CredentialEndpoint == "" {
			t.Fatalf("%+v", m)
		}
	})
}

func FuzzParseNotification(f *testing.F) {
	f.Add([]byte(`{"notification_id":"a","event":"credential_accepted"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if n, err := openid4vci.ParseNotification(body); err == nil && n.NotificationID == "" {
			t.Fatalf("%+v", n)
		}
	})
}
