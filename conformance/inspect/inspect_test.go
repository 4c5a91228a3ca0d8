package inspect_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/conformance/citizen"
	"github.com/govmydata/mydata/conformance/inspect"
	"github.com/govmydata/mydata/conformance/report"
	"github.com/govmydata/mydata/conformance/stage"
	"github.com/govmydata/mydata/conformance/wallet"
)

func TestMain(m *testing.M) {
	code := m.Run()
	stage.RemovePrograms()
	os.Exit(code)
}

// deployment is a stage whose hub has issued something and knows a client.
func deployment(t *testing.T) (*stage.Stage, *inspect.Client) {
	t.Helper()
	s := stage.Run(t, stage.Options{})
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	private := jose.JSONWebKey{Key: key, KeyID: "sig", Algorithm: string(jose.ES256), Use: "sig"}
	c := &inspect.Client{ID: "inspected", RedirectURI: "https://client.example/callback", Scope: "openid", Key: private}
	metadata, err := json.Marshal(map[string]any{
		"client_id": c.ID, "redirect_uris": []string{c.RedirectURI}, "grant_types": []string{"authorization_code"},
		"token_endpoint_auth_method": "private_key_jwt", "jwks": jose.JSONWebKeySet{Keys: []jose.JSONWebKey{private.Public()}},
		"scope": c.Scope, "dpop_bound_access_tokens": true, "require_pushed_authorization_requests": true, "roles": []string{"introspect"},
	})
	must(t, err)
	file := filepath.Join(t.TempDir(), "client.json")
	must(t, os.WriteFile(file, metadata, 0o600))
	if out, err := s.Command(t.Context(), "idp", "client", "add", "--data", s.Data(), "--metadata", file); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return s, c
}

// issued has a citizen take a card, so that there is a status list.
func issued(t *testing.T, s *stage.Stage) {
	t.Helper()
	letter, err := s.Letter(t.Context(), "resident-02", false)
	must(t, err)
	c := citizen.New(s.URL(stage.IDP), "resident-02")
	must(t, c.Enrol(t.Context(), letter.URL))
	config, err := citizen.WalletConfig(s.Path("trust"), s.URL(stage.Wallet))
	must(t, err)
	config.Store = wallet.Memory()
	_, err = c.Receive(t.Context(), wallet.New(config))
	must(t, err)
}

//clause:strangers RFC 6749 to 9449, OpenID4VCI 1.0, OpenID4VP 1.0, Token Status List: the two commands pass every case against a deployment of ours, and skip none
func TestADeployment(t *testing.T) {
	s, c := deployment(t)
	issued(t, s)
	t.Run("passes every case of an identity provider", func(t *testing.T) {
		r, err := inspect.IDP(t.Context(), inspect.Options{URL: s.URL(stage.IDP), Client: c})
		must(t, err)
		passes(t, r)
	})
	t.Run("passes every case of a verifier", func(t *testing.T) {
		r, err := inspect.Verifier(t.Context(), inspect.Options{URL: s.URL(stage.Verifier)})
		must(t, err)
		passes(t, r)
	})
}

func passes(t *testing.T, r report.Report) {
	t.Helper()
	if !r.OK() || r.Count(report.Skipped) > 0 {
		var text bytes.Buffer
		must(t, r.WriteText(&text))
		t.Error(text.String())
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
