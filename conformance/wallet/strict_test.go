package wallet_test

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/wallet"
	"github.com/govmydata/mydata/conformance/wallet/wallettest"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

// says answers one path of the issuer in its place.
func says(path string, status int, contentType, body string) func(*wallettest.Issuer) {
	return func(i *wallettest.Issuer) {
		i.Intercept = func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != path {
				return false
			}
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
			return true
		}
	}
}

const asJSON = "application/json"

func TestAcceptStrictly(t *testing.T) {
	metadata := func(f func(*openid4vci.Metadata)) func(*wallettest.Issuer) {
		return func(i *wallettest.Issuer) { i.Metadata = f }
	}
	server := func(f func(map[string]any)) func(*wallettest.Issuer) {
		return func(i *wallettest.Issuer) { i.ServerInfo = f }
	}
	for _, c := range []struct {
		name   string
		issuer func(*wallettest.Issuer)
		wallet func(*wallet.Config)
		check  string
	}{
		{name: "it names itself to the server and in the proof", issuer: func(i *wallettest.Issuer) { i.ClientID = "demo-wallet" }},
		{name: "it goes by the identifiers that the token names", issuer: func(i *wallettest.Issuer) {
			i.Token = func(m map[string]any) {
				m["authorization_details"] = []map[string]any{{"type": "openid_credential", "credential_configuration_id": credential.ConfigResidentCard, "credential_identifiers": []string{"one"}}}
			}
			i.Intercept = wantsBody("/credential", `"credential_identifier":"one"`)
		}},
		{name: "it minds no details of another type", issuer: func(i *wallettest.Issuer) {
			i.Token = func(m map[string]any) {
				m["authorization_details"] = []map[string]any{{"type": "other", "credential_configuration_id": credential.ConfigResidentCard, "credential_identifiers": []string{"one"}}}
			}
			i.Intercept = wantsBody("/credential", `"credential_configuration_id":`)
		}},
		{name: "it needs a client where anonymous access is not offered", check: "client", wallet: func(c *wallet.Config) { c.ClientID = "" },
			issuer: server(func(m map[string]any) { delete(m, "pre-authorized_grant_anonymous_access_supported") })},
		{name: "it goes to the authorization server that the issuer names", issuer: metadata(func(m *openid4vci.Metadata) { m.AuthorizationServers = []string{m.CredentialIssuer} })},
		{name: "it goes to no other", check: "address", issuer: metadata(func(m *openid4vci.Metadata) { m.AuthorizationServers = []string{"http://elsewhere.example"} })},
		{name: "it refuses an endpoint with a fragment", check: "authorization server", issuer: server(func(m map[string]any) { m["token_endpoint"] = "https://x/#y" })},
		{name: "it refuses a server without a token endpoint", check: "authorization server", issuer: server(func(m map[string]any) { delete(m, "token_endpoint") })},
		{name: "it refuses an address with a user name", check: "address", issuer: metadata(func(m *openid4vci.Metadata) {
			m.NonceEndpoint = strings.Replace(m.NonceEndpoint, "http://", "http://u:p@", 1)
		})},
		{name: "it needs a nonce endpoint", check: "nonce", issuer: metadata(func(m *openid4vci.Metadata) { m.NonceEndpoint = "" })},
		{name: "it refuses an empty nonce", check: "nonce", issuer: says("/nonce", 200, asJSON, `{}`)},
		{name: "it passes on that no nonce was given", check: "busy", issuer: says("/nonce", 400, asJSON, `{"error":"busy","c_nonce":"x"}`)},
		{name: "it refuses two credentials for one", check: "credential", issuer: says("/credential", 200, asJSON, `{"credentials":[{"credential":"a"},{"credential":"b"}]}`)},
		{name: "it refuses no credential", check: "credential", issuer: says("/credential", 200, asJSON, `{"credentials":[]}`)},
		{name: "it refuses a credential that is none", check: "credential", issuer: says("/credential", 200, asJSON, `{"credentials":[{"credential":"a"}]}`)},
		{name: "it passes on why no credential was given", check: "credential_request_denied", issuer: says("/credential", 400, asJSON, `{"error":"credential_request_denied"}`)},
		{name: "it passes on a problem document", check: "denied", issuer: says("/credential", 403, "application/problem+json", `{"code":"denied","cause":"x"}`)},
		{name: "it refuses a token answer that is no JSON", check: "json", issuer: says("/token", 200, asJSON, `x`)},
		{name: "it refuses metadata that is no JSON", check: "issuer metadata", issuer: says("/.well-known/openid-credential-issuer", 200, asJSON, `x`)},
		{name: "it refuses server metadata that is no JSON", check: "json", issuer: says("/.well-known/oauth-authorization-server", 200, asJSON, `x`)},
		{name: "it passes on that there is no metadata", check: "gone", issuer: says("/.well-known/openid-credential-issuer", 410, asJSON, `{"error":"gone"}`)},
		{name: "it refuses metadata of another content type", check: "content type", issuer: says("/.well-known/openid-credential-issuer", 200, "text/html", `{}`)},
		{name: "it reads no endless answer", check: "size", issuer: says("/.well-known/openid-credential-issuer", 200, asJSON, strings.Repeat(" ", 600<<10))},
	} {
		t.Run(c.name, func(t *testing.T) {
			issuer := wallettest.NewIssuer(t)
			if c.issuer != nil {
				c.issuer(issuer)
			}
			w := phone(issuer)
			if c.wallet != nil {
				w = phone(issuer, c.wallet)
			}
			_, err := accept(t.Context(), w, issuer.Offer(t, true), "")
			wants(t, err, c.check)
			if held := len(w.Store().List()); (held == 1) != (c.check == "") {
				t.Fatalf("%d are held", held)
			}
		})
	}
}

// wantsBody refuses requests to a path whose body does not hold want.
func wantsBody(path, want string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != path {
			return false
		}
		var body strings.Builder
		buf := make([]byte, 4096)
		for {
			n, err := r.Body.Read(buf)
			body.Write(buf[:n])
			if err != nil {
				break
			}
		}
		if !strings.Contains(body.String(), want) {
			http.Error(w, "not asked for "+want, http.StatusBadRequest)
			return true
		}
		r.Body = http.MaxBytesReader(w, readCloser{strings.NewReader(body.String())}, 1<<20)
		return false
	}
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

func TestBeginStrictly(t *testing.T) {
	for _, c := range []struct {
		name   string
		issuer func(*wallettest.Issuer)
		wallet func(*wallet.Config)
		check  string
	}{
		{name: "it needs a client", check: "client", wallet: func(c *wallet.Config) { c.ClientID = "" }},
		{name: "it needs a way back", check: "client", wallet: func(c *wallet.Config) { c.RedirectURI = "" }},
		{name: "it pushes or does not ask", check: "par", issuer: func(i *wallettest.Issuer) {
			i.ServerInfo = func(m map[string]any) { delete(m, "pushed_authorization_request_endpoint") }
		}},
		{name: "it passes on why the push was refused", check: "invalid_request", issuer: says("/par", 400, asJSON, `{"error":"invalid_request","request_uri":"urn:x"}`)},
		{name: "it refuses a push without request_uri", check: "par", issuer: says("/par", 201, asJSON, `{}`)},
	} {
		t.Run(c.name, func(t *testing.T) {
			issuer := wallettest.NewIssuer(t)
			if c.issuer != nil {
				c.issuer(issuer)
			}
			w := phone(issuer)
			if c.wallet != nil {
				w = phone(issuer, c.wallet)
			}
			o, err := w.ReadOffer(t.Context(), issuer.Offer(t, false))
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = w.Begin(t.Context(), o)
			wants(t, err, c.check)
		})
	}
}

func TestFinishStrictly(t *testing.T) {
	now := time.Now()
	issuer := wallettest.NewIssuer(t)
	w := phone(issuer, func(c *wallet.Config) { c.Now = func() time.Time { return now } })
	o, err := w.ReadOffer(t.Context(), issuer.Offer(t, false))
	if err != nil {
		t.Fatal(err)
	}
	begin := func() (string, url.Values) {
		address, _, err := w.Begin(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		return address, browse(t, address)
	}
	t.Run("it refuses a callback without code", func(t *testing.T) {
		_, back := begin()
		back.Del("code")
		_, err := w.Finish(t.Context(), back)
		wants(t, err, "callback")
	})
	t.Run("it passes on that the code is not good", func(t *testing.T) {
		_, back := begin()
		back.Set("code", "other")
		_, err := w.Finish(t.Context(), back)
		wants(t, err, "invalid_grant")
	})
	t.Run("it waits a quarter of an hour", func(t *testing.T) {
		_, back := begin()
		now = now.Add(16 * time.Minute)
		_, err := w.Finish(t.Context(), back)
		wants(t, err, "state")
	})
	t.Run("it waits for so many and clears those that are late", func(t *testing.T) {
		now = now.Add(time.Hour)
		issuer.Intercept = nil
		says("/par", 201, asJSON, `{"request_uri":"urn:x"}`)(issuer)
		for range 256 {
			if _, _, err := w.Begin(t.Context(), o); err != nil {
				t.Fatal(err)
			}
		}
		_, _, err := w.Begin(t.Context(), o)
		wants(t, err, "busy")
		now = now.Add(time.Hour)
		_, _, err = w.Begin(t.Context(), o)
		wants(t, err, "")
	})
	t.Run("it takes no code by a pre-authorized offer's way", func(t *testing.T) {
		_, err := w.Accept(t.Context(), o, "")
		wants(t, err, "grant")
	})
}

func TestOfferNamesItsServer(t *testing.T) {
	issuer := wallettest.NewIssuer(t)
	for _, c := range []struct {
		name, named string
		servers     []string
		check       string
	}{
		{"it goes where the offer says", issuer.URL, []string{"http://elsewhere.example", issuer.URL}, ""},
		{"it goes nowhere the issuer does not name", issuer.URL, []string{"http://elsewhere.example"}, "authorization server"},
	} {
		for _, preAuthorized := range []bool{true, false} {
			t.Run(c.name, func(t *testing.T) {
				issuer.Metadata = func(m *openid4vci.Metadata) { m.AuthorizationServers = c.servers }
				offer := openid4vci.Offer{CredentialIssuer: issuer.URL, CredentialConfigurationIDs: []string{credential.ConfigResidentCard}, Grants: &openid4vci.Grants{}}
				if preAuthorized {
					offer.Grants.PreAuthorizedCode = &openid4vci.PreAuthorizedCodeGrant{PreAuthorizedCode: "x", AuthorizationServer: c.named}
				} else {
					offer.Grants.AuthorizationCode = &openid4vci.AuthorizationCodeGrant{AuthorizationServer: c.named}
				}
				link, err := offer.URI()
				if err != nil {
					t.Fatal(err)
				}
				_, err = phone(issuer).ReadOffer(t.Context(), link)
				wants(t, err, c.check)
			})
		}
	}
}

func TestStoreRefusesWhatIsBroken(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, json, pem string)
	}{
		{"it refuses a card without a key", func(t *testing.T, _, pem string) { remove(t, pem) }},
		{"it refuses a key that is none", func(t *testing.T, _, pem string) { put(t, pem, "x") }},
		{"it refuses a key of another kind", func(t *testing.T, _, pem string) {
			put(t, pem, "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n")
		}},
		{"it refuses a key that cannot be read", func(t *testing.T, _, pem string) {
			put(t, pem, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
		}},
		{"it refuses a card that is no JSON", func(t *testing.T, json, _ string) { put(t, json, "x") }},
		{"it refuses a card under another name", func(t *testing.T, json, _ string) { put(t, json, `{"id":"other"}`) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			issuer := wallettest.NewIssuer(t)
			dir := t.TempDir()
			store, err := wallet.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			got, err := accept(t.Context(), phone(issuer, func(c *wallet.Config) { c.Store = store }), issuer.Offer(t, true), "")
			if err != nil {
				t.Fatal(err)
			}
			c.spoil(t, filepath.Join(dir, got[0].ID+".json"), filepath.Join(dir, got[0].ID+".pem"))
			if _, err := wallet.Open(dir); err == nil {
				t.Fatal("opened")
			}
		})
	}
	t.Run("it refuses a folder that is a file", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "file")
		put(t, path, "x")
		if _, err := wallet.Open(path); err == nil {
			t.Fatal("opened")
		}
	})
	t.Run("it keeps nothing where it cannot write, and says so", func(t *testing.T) {
		issuer := wallettest.NewIssuer(t)
		dir := filepath.Join(t.TempDir(), "wallet")
		store, err := wallet.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		remove(t, dir)
		if _, err := accept(t.Context(), phone(issuer, func(c *wallet.Config) { c.Store = store }), issuer.Offer(t, true), ""); err == nil || len(store.List()) != 0 {
			t.Fatalf("kept: %v", err)
		}
		if events := issuer.Events(); len(events) != 1 || events[0] != openid4vci.CredentialFailure {
			t.Fatal(events)
		}
	})
}

func put(t *testing.T, path, body string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

// Where the issuer has no scope, the wallet asks by authorization_details, and says
// which issuer it means when the authorization server is another's (5.1.1).
//
//clause:issuer 5.1.1, with RFC 9396: a document of an agency, by `locations`; one for one agency; what is not known is ignored
func TestBeginWithoutScope(t *testing.T) {
	issuer := wallettest.NewIssuer(t)
	issuer.Metadata = func(m *openid4vci.Metadata) {
		for id, c := range m.CredentialConfigurationsSupported {
			c.Scope = ""
			m.CredentialConfigurationsSupported[id] = c
		}
	}
	var pushed string
	issuer.Intercept = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/par" {
			pushed = r.FormValue("authorization_details")
		}
		return false
	}
	w := phone(issuer)
	o, err := w.ReadOffer(t.Context(), issuer.Offer(t, false))
	if err != nil {
		t.Fatal(err)
	}
	o.Issuer.AuthorizationServers = []string{o.Server.Issuer}
	if _, _, err := w.Begin(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	want := `[{"type":"openid_credential","credential_configuration_id":"` + o.Configurations[0].ID + `","locations":["` + o.Issuer.CredentialIssuer + `"]}]`
	if pushed != want {
		t.Errorf("pushed %s, want %s", pushed, want)
	}
}
