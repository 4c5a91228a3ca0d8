package hostile_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/govmydata/mydata/conformance/stage"
	"github.com/govmydata/mydata/conformance/wallet/wallettest"
)

// The names of what stands at the doors that are closed by default.
const (
	attestedID   = "https://wallets.example/hostile"
	deferredCard = "age_card_sd_jwt"
)

// keyholders are whom the deployment knows besides the story's parties: a wallet
// provider, a relying party of the verifier, and a kiosk.
type keyholders struct {
	provider *wallettest.Provider
	api      string // address of relying parties' own door
	apiToken string
	kiosk    secretClient
	initial  string // access token, for two registrations
	managed  registration

	transaction string // of kim's, at the age wallet
}

// A registration is what a client learned that registered itself.
type registration struct {
	ID    string `json:"client_id"`
	Token string `json:"registration_access_token"`
	URI   string `json:"registration_client_uri"`
}

// options open the doors that are closed by default.
func (k *keyholders) options(t *testing.T, database string) stage.Options {
	t.Helper()
	k.provider = wallettest.NewProvider(t, "wallets.example")
	folder := t.TempDir()
	trust := filepath.Join(folder, "wallets.json")
	k.apiToken = text() + text()
	var err error
	if k.api, err = stage.Address(); err != nil {
		t.Fatal(err)
	}
	for path, body := range map[string][]byte{
		filepath.Join(folder, "roots.pem"): k.provider.Authority.PEM(),
		filepath.Join(folder, "api"):       []byte(k.apiToken),
		trust: encode(t, map[string]any{"wallet_providers": []any{map[string]any{
			"name": "Wallets", "roots": "roots.pem",
			"clients": []any{map[string]any{"client_id": attestedID, "client_name": "Hostile", "redirect_uris": []string{"http://localhost:9/wallet"}}},
		}}}),
	} {
		if err := os.WriteFile(path, body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return stage.Options{Database: database, Flags: map[string][]string{
		stage.IDP:      {"--defer", deferredCard, "--status-history", "24h", "--wallet-providers", trust},
		stage.Verifier: {"--api", k.api, "--api-token", filepath.Join(folder, "api")},
	}}
}

// settleIn registers them where the hub runs.
func (k *keyholders) settleIn(t *testing.T, w *world) {
	t.Helper()
	w.register(t, map[string]any{
		"client_id": "kiosk", "client_name": "Kiosk", "place": "City hall", "scope": "openid", "grant_types": []string{deviceGrant},
	}, &k.kiosk)
	w.register(t, map[string]any{
		"client_id": "age-wallet", "client_name": "Age wallet", "redirect_uris": []string{"http://localhost:9/age"},
		"token_endpoint_auth_method": "none", "scope": "resident_card age_card", "grant_types": []string{"authorization_code", preAuthorizedGrant},
		"dpop_bound_access_tokens": true, "require_pushed_authorization_requests": true,
	}, nil)
	out, err := w.Command(t.Context(), "idp", "client", "token", "--uses", "2", "--json")
	if err != nil {
		t.Fatalf("%v %s", err, out)
	}
	var initial struct {
		Token string `json:"token"`
	}
	if err := json.Unmarshal(out, &initial); err != nil || initial.Token == "" {
		t.Fatalf("%v %s", err, out)
	}
	k.initial = initial.Token
	k.managed = into[registration](t, postJSON(t, w.hub+"/register", siteMetadata(""), "Authorization", "Bearer "+k.initial))
}

// siteMetadata is a website's, with one member more.
func siteMetadata(member string) string {
	if member != "" {
		member = "," + member
	}
	return `{"redirect_uris":["https://site.example/cb"],"client_name":"Site"` + member + `}`
}

// registrations attack dynamic registration (RFC 7591, 3.2.2; RFC 7592, 2).
func registrations() []attempt {
	var list []attempt
	add := func(name string, status int, code string, try func(t *testing.T, w *world) answer) {
		list = append(list, attempt{name: name, status: status, code: code, try: func(t *testing.T, w *world) answer {
			a := try(t, w)
			// Whatever was refused: the registration that there is stands as it was.
			kept := into[map[string]any](t, get(t, w.managed.URI, "Authorization", "Bearer "+w.managed.Token))
			if kept["client_name"] != "Site" || fmt.Sprint(kept["redirect_uris"]) != "[https://site.example/cb]" || kept["scope"] != "openid" {
				t.Errorf("the registration is now %v", kept)
			}
			return a
		}})
	}
	const bad, redirect, token = "invalid_client_metadata", "invalid_redirect_uri", "invalid_token"
	body := func(name, code, body string) {
		add("it registers nobody "+name, 400, code, func(t *testing.T, w *world) answer {
			return postJSON(t, w.hub+"/register", body, "Authorization", "Bearer "+w.initial)
		})
		if !strings.HasPrefix(body, "{") || !json.Valid([]byte(body)) {
			return
		}
		add("it changes no registration to one "+name, 400, code, func(t *testing.T, w *world) answer {
			changed := strings.Replace(body, "{", `{"client_id":"`+w.managed.ID+`",`, 1)
			return ask(t, "PUT", w.managed.URI, changed, "Content-Type", jsonType, "Authorization", "Bearer "+w.managed.Token)
		})
	}
	body("without JSON", bad, "redirect_uris=x")
	body("with a body of 40 KiB", bad, siteMetadata(`"x":"`+long(40<<10)+`"`))
	body("with a member given twice", bad, siteMetadata(`"client_name":"b"`))
	body("that is not UTF-8", bad, siteMetadata("\"x\":\"\xff\""))
	body("nested 9000 deep", bad, siteMetadata(`"jwks":`+deep(9000)))
	body("of an agency", bad, siteMetadata(`"agency":"urn:mydata:agency:driving-licence"`))
	body("with a role", bad, siteMetadata(`"roles":["introspect"]`))
	body("with a secret of its choice", bad, siteMetadata(`"client_secret":"x"`))
	body("with keys at a private address", bad, siteMetadata(`"jwks_uri":"http://169.254.169.254/latest/meta-data"`))
	body("with a sector at a private address", bad, siteMetadata(`"sector_identifier_uri":"http://10.0.0.1/"`))
	body("with requests at an address", bad, siteMetadata(`"request_uris":["https://site.example/request"]`))
	body("with a software statement", "unapproved_software_statement", siteMetadata(`"software_statement":"e30.e30."`))
	body("whose id_tokens are unsigned", bad, siteMetadata(`"id_token_signed_response_alg":"none"`))
	body("whose assertions are MACs", bad, siteMetadata(`"token_endpoint_auth_signing_alg":"HS256"`))
	body("with a private key", bad, siteMetadata(`"jwks":{"keys":[{"kty":"oct","k":"AAAA"}]}`))
	body("of FAPI 2.0 with a secret", bad, siteMetadata(`"profile":"fapi2"`))
	body("of an unknown profile", bad, siteMetadata(`"profile":"none"`))
	body("that is a kiosk", bad, siteMetadata(`"grant_types":["authorization_code","`+deviceGrant+`"]`))
	body("that says where it stands", bad, siteMetadata(`"place":"City hall"`))
	body("with the implicit grant", bad, siteMetadata(`"grant_types":["implicit"]`))
	body("with tokens in the address", bad, siteMetadata(`"response_types":["token"]`))
	body("public, with tokens bound to nothing", bad, siteMetadata(`"token_endpoint_auth_method":"none"`))
	body("with a name that turns the text around", bad, siteMetadata(`"client_name#ko":"a\u202eb"`))
	body("with a site that is a script", bad, siteMetadata(`"client_uri":"javascript:alert(1)"`))
	body("whom logouts would reach over plain http", bad, siteMetadata(`"backchannel_logout_uri":"http://10.0.0.1/"`))
	body("to whom logouts would lead by a script", bad, siteMetadata(`"post_logout_redirect_uris":["javascript:alert(1)"]`))
	for name, uri := range map[string]string{
		"a wildcard": "https://*.example/cb", "a fragment": "https://a.example/#x", "a user": "https://a@b.example/", "plain http": "http://a.example/",
		"an app's scheme": "app://cb", "a script": "javascript:alert(1)", "no scheme": "//a.example/cb",
	} {
		add("it registers nobody who goes back to "+name, 400, redirect, func(t *testing.T, w *world) answer {
			return postJSON(t, w.hub+"/register", `{"redirect_uris":["`+uri+`"]}`, "Authorization", "Bearer "+w.initial)
		})
	}
	add("it registers nobody who brings no token", 401, "", func(t *testing.T, w *world) answer { return postJSON(t, w.hub+"/register", siteMetadata("")) })
	for name, value := range map[string]string{"an unknown token": "Bearer " + long(43), "a token that no row can hold": "Bearer a%00b", "another scheme": "DPoP x", "a password": basic("a", "b"), "an endless token": "Bearer " + long(5000)} {
		add("it registers nobody by "+name, 401, token, func(t *testing.T, w *world) answer {
			return postJSON(t, w.hub+"/register", siteMetadata(""), "Authorization", value)
		})
	}
	add("it registers nobody by two tokens", 401, token, func(t *testing.T, w *world) answer {
		return postJSON(t, w.hub+"/register", siteMetadata(""), "Authorization", "Bearer "+w.initial, "Authorization", "Bearer x")
	})
	add("it registers nobody by the token of a registration", 401, token, func(t *testing.T, w *world) answer {
		return postJSON(t, w.hub+"/register", siteMetadata(""), "Authorization", "Bearer "+w.managed.Token)
	})
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		manage := func(name, code, path string, headers func(w *world) []string) {
			add("it lets nobody "+method+" a registration "+name, 401, code, func(t *testing.T, w *world) answer {
				address := w.managed.URI
				if path != "" {
					address = w.hub + "/register/" + path
				}
				return ask(t, method, address, siteMetadata(`"client_id":"`+w.managed.ID+`"`), append([]string{"Content-Type", jsonType}, headers(w)...)...)
			})
		}
		manage("without its token", "", "", func(*world) []string { return nil })
		manage("by an initial token", token, "", func(w *world) []string { return []string{"Authorization", "Bearer " + w.initial} })
		manage("of an operator's client", token, "driving-licence", func(w *world) []string { return []string{"Authorization", "Bearer " + w.managed.Token} })
		manage("that no row can hold", token, "a%00b", func(w *world) []string { return []string{"Authorization", "Bearer " + w.managed.Token} })
	}
	return list
}
