package relyingparty

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/conformance/citizen"
	"github.com/govmydata/mydata/conformance/stage"
)

func TestMain(m *testing.M) {
	if _, err := os.Stat("node_modules/openid-client/package.json"); err != nil {
		fmt.Fprintln(os.Stderr, "openid-client is not there; `make test` fetches it, or npm ci in this folder")
		os.Exit(1)
	}
	code := m.Run()
	stage.RemovePrograms()
	os.Exit(code)
}

const (
	callback   = "https://client.example/callback"
	goodbye    = "https://client.example/goodbye"
	freshLogin = "urn:mydata:acr:fresh-passkey"
)

// job is what the script is to do; step what it says of each part.
type job map[string]any

type step struct {
	Step     string `json:"step"`
	Open     string `json:"open"`
	UserCode string `json:"user_code"`
	At       string `json:"at"`
	ACR      string `json:"acr"`
	Code     string `json:"code"`
	Type     string `json:"token_type"`
	Alg      string `json:"alg"`
	Subject  string `json:"sub"`
	Rotated  bool   `json:"rotated"`
	Failed   string `json:"failed"`
	Error    string `json:"error"`
	Describe string `json:"description"`
	Cause    string `json:"cause"`
}

// script runs the relying party to its end. open is the citizen's browser.
func script(t *testing.T, j job, open func(s step) (string, error)) (map[string]step, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "relyingparty.mjs")
	cmd.Stderr = t.Output()
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	said, failure := talk(in, out, j, open)
	cancelled := ctx.Err()
	return said, errors.Join(failure, cancelled, cmd.Wait())
}

func talk(in io.WriteCloser, out io.Reader, j job, open func(step) (string, error)) (map[string]step, error) {
	defer in.Close()
	if err := json.NewEncoder(in).Encode(j); err != nil {
		return nil, err
	}
	said := map[string]step{}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var s step
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			return said, fmt.Errorf("%w: %s", err, lines.Text())
		}
		switch {
		case s.Open != "":
			back, err := open(s)
			if err != nil {
				return said, err
			}
			if err := json.NewEncoder(in).Encode(map[string]string{"callback": back}); err != nil {
				return said, err
			}
		case s.Failed != "":
			return said, fmt.Errorf("%s %s %s %s %s", s.Failed, s.Code, s.Error, s.Describe, s.Cause)
		default:
			said[s.Step] = s
		}
	}
	return said, lines.Err()
}

// world is a deployment with one citizen.
type world struct {
	*stage.Stage
	*citizen.Citizen
}

func newWorld(t *testing.T) world {
	s := stage.Run(t, stage.Options{})
	letter, err := s.Letter(t.Context(), "resident-02", false)
	must(t, err)
	c := citizen.New(s.URL(stage.IDP), "resident-02")
	must(t, c.Enrol(t.Context(), letter.URL))
	return world{s, c}
}

func (w world) browse(ctx context.Context) func(step) (string, error) {
	return func(s step) (string, error) {
		if s.UserCode != "" {
			_, err := w.AnswerDevice(ctx, s.UserCode, true)
			return "", err
		}
		back, err := w.Authorize(ctx, s.Open)
		if err != nil {
			return "", err
		}
		return back.String(), nil
	}
}

// register is the operator's command; the secret is one, where it makes one.
func (w world) register(t *testing.T, metadata map[string]any) (secret string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "client.json")
	body, err := json.Marshal(metadata)
	must(t, err)
	must(t, os.WriteFile(file, body, 0o600))
	out, err := w.Command(t.Context(), "idp", "client", "add", "--json", "--data", w.Data(), "--metadata", file)
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var added struct {
		Secret string `json:"client_secret"`
	}
	must(t, json.Unmarshal(out, &added))
	return added.Secret
}

// signing is a client's key, private and public.
func signing(t *testing.T) (private, public jose.JSONWebKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	private = jose.JSONWebKey{Key: key, KeyID: "sig", Algorithm: string(jose.ES256), Use: "sig"}
	return private, private.Public()
}

//clause:strangers OpenID Connect Core 1.0, FAPI 2.0, RFC 9101, 9126, 9449: openid-client signs in with a secret, as FAPI 2.0 has it, with a signed request, and as a public client; refreshes, revokes, and is refused a code twice
func TestAStrangersRelyingParty(t *testing.T) {
	w := newWorld(t)
	private, public := signing(t)
	fapi := map[string]any{
		"redirect_uris": []string{callback}, "grant_types": []string{"authorization_code", "refresh_token"},
		"token_endpoint_auth_method": "private_key_jwt", "jwks": jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public}},
		"scope": "openid offline_access", "dpop_bound_access_tokens": true, "require_pushed_authorization_requests": true,
	}
	tests := []struct {
		name   string
		client map[string]any
		job    job
		bearer string
	}{
		{"signs in by plain OpenID Connect, with a secret", map[string]any{
			"redirect_uris": []string{callback}, "grant_types": []string{"authorization_code", "refresh_token"}, "scope": "openid offline_access",
		}, job{"auth": "client_secret_basic"}, "bearer"},
		{"signs in as FAPI 2.0 has it: pushed, private_key_jwt, DPoP", fapi,
			job{"auth": "private_key_jwt", "par": true, "dpop": true, "key": private}, "dpop"},
		{"signs in with a signed request object", with(fapi, "require_signed_request_object", true),
			job{"auth": "private_key_jwt", "par": true, "dpop": true, "jar": true, "key": private}, "dpop"},
		{"signs in again for a login of just now, and out", with(fapi, "post_logout_redirect_uris", []string{goodbye}),
			job{"auth": "private_key_jwt", "par": true, "dpop": true, "key": private, "after": goodbye,
				"parameters": map[string]string{"acr_values": freshLogin, "prompt": "login", "max_age": "60"}, "checks": map[string]any{"maxAge": 60}}, "dpop"},
		{"signs in as a public client that proves possession", map[string]any{
			"redirect_uris": []string{callback}, "grant_types": []string{"authorization_code", "refresh_token"}, "scope": "openid offline_access",
			"token_endpoint_auth_method": "none", "dpop_bound_access_tokens": true, "require_pushed_authorization_requests": true,
		}, job{"auth": "none", "par": true, "dpop": true}, "dpop"},
	}
	for i, test := range tests {
		t.Run("it "+test.name, func(t *testing.T) {
			id := fmt.Sprintf("stranger-%d", i)
			j := job{"issuer": w.URL(stage.IDP), "client_id": id, "redirect_uri": callback, "scope": "openid offline_access"}
			maps.Copy(j, test.job)
			if secret := w.register(t, with(test.client, "client_id", id)); secret != "" {
				j["secret"] = secret
			}
			said, err := script(t, j, w.browse(t.Context()))
			if err != nil {
				t.Fatalf("%v; it came to %v", err, said)
			}
			if said["code"].Type != test.bearer || said["code"].Subject == "" {
				t.Errorf("%+v", said["code"])
			}
			if said["logout"].At != "" && said["logout"].At != goodbye+"?state=gone" {
				t.Errorf("after the logout it stands at %s", said["logout"].At)
			}
			if asked := test.job["parameters"]; asked != nil && said["code"].ACR != freshLogin {
				t.Errorf("acr is %q", said["code"].ACR)
			}
			for _, name := range []string{"discovery", "userinfo", "refresh", "done"} {
				if _, ok := said[name]; !ok {
					t.Errorf("it did not come to %q: %v", name, said)
				}
			}
			for name, code := range map[string]string{"revoked": "invalid_grant", "code again": "invalid_grant"} {
				if said[name].Code != code {
					t.Errorf("%s: %+v", name, said[name])
				}
			}
		})
	}
}

// A stranger registers itself with what an operator gave it, says nothing of
// algorithms, verifies by its library's defaults, and signs people in; a kiosk asks, and the person answers elsewhere.
//
//clause:strangers RFC 7591: openid-client registers itself behind an initial access token, and signs in
//clause:strangers OpenID Connect Core 1.0, 15.1; Dynamic Registration 1.0, 2: openid-client, which nobody prepared, gets and verifies id_tokens by RS256; with `id_token_signed_response_alg` by the one that it names
//clause:strangers RFC 7591, 2: openid-client publishes its keys at `jwks_uri`, and signs by the next one without an operator
//clause:strangers RFC 8628: openid-client asks as a kiosk does, and hears what the person answered
func TestAStrangersOtherWays(t *testing.T) {
	w := newWorld(t)
	out, err := w.Command(t.Context(), "idp", "client", "token", "--json", "--data", w.Data(), "--uses", "2", "--life", "1h", "--scope", "openid")
	must(t, err)
	var initial struct {
		Token string `json:"token"`
	}
	must(t, json.Unmarshal(out, &initial))
	unprepared := map[string]any{"redirect_uris": []string{callback}, "client_name": "A stranger"}
	for name, c := range map[string]struct {
		register map[string]any
		alg      string
	}{
		"it registers itself, and says nothing of algorithms": {unprepared, "RS256"},
		"it registers itself for one algorithm":               {with(unprepared, "id_token_signed_response_alg", "ES256"), "ES256"},
	} {
		t.Run(name, func(t *testing.T) {
			said, err := script(t, job{"issuer": w.URL(stage.IDP), "initial": initial.Token, "redirect_uri": callback, "scope": "openid", "register": c.register}, w.browse(t.Context()))
			if _, done := said["done"]; err != nil || !done || said["registered"].Alg != c.alg || said["code"].Alg != c.alg {
				t.Errorf("%v; it came to %v", err, said)
			}
		})
	}
	t.Run("it publishes its keys, and signs by the next one when it likes", func(t *testing.T) {
		one, public := signing(t)
		two, next := signing(t)
		two.KeyID, next.KeyID = "next", "next"
		keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/jwk-set+json")
			_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public, next}})
		}))
		defer keys.Close()
		w.register(t, map[string]any{
			"client_id": "publisher", "redirect_uris": []string{callback}, "scope": "openid", "profile": "fapi2",
			"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": keys.URL,
		})
		for _, key := range []jose.JSONWebKey{one, two} {
			said, err := script(t, job{"issuer": w.URL(stage.IDP), "client_id": "publisher", "redirect_uri": callback, "scope": "openid",
				"auth": "private_key_jwt", "par": true, "dpop": true, "key": key}, w.browse(t.Context()))
			if _, done := said["done"]; err != nil || !done || said["code"].Alg != "ES256" {
				t.Errorf("%s: %v; it came to %v", key.KeyID, err, said)
			}
		}
	})
	t.Run("it asks as a kiosk", func(t *testing.T) {
		secret := w.register(t, map[string]any{
			"client_id": "kiosk", "client_name": "A stranger's kiosk", "place": "The town hall",
			"grant_types": []string{"urn:ietf:params:oauth:grant-type:device_code"}, "scope": "openid",
		})
		said, err := script(t, job{"issuer": w.URL(stage.IDP), "client_id": "kiosk", "secret": secret, "scope": "openid", "auth": "client_secret_basic", "device": true},
			w.browse(t.Context()))
		if err != nil || said["code"].Subject == "" {
			t.Errorf("%v; it came to %v", err, said)
		}
	})
}

func with(all map[string]any, name string, value any) map[string]any {
	more := maps.Clone(all)
	more[name] = value
	return more
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
