package inspect_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/conformance/inspect"
	"github.com/govmydata/mydata/conformance/report"
	"github.com/govmydata/mydata/conformance/stage"
	"github.com/govmydata/mydata/conformance/wallet/wallettest"
)

// flawed stands between a run and a deployment that is in order, and bends what
// that answers.
type flawed func(r *http.Request, a *http.Response) error

func (f flawed) RoundTrip(r *http.Request) (*http.Response, error) {
	a, err := http.DefaultTransport.RoundTrip(r)
	if err == nil {
		err = f(r, a)
	}
	return a, err
}

func isDocument(r *http.Request) bool { return strings.Contains(r.URL.Path, "/.well-known/") }

// answers replaces an answer.
func answers(a *http.Response, status int, media, body string) {
	_ = a.Body.Close()
	a.StatusCode, a.Header = status, http.Header{"Content-Type": {media}}
	a.Body, a.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
}

// documents bends the JSON of the well-known documents.
func documents(bend func(m map[string]any)) flawed {
	return func(r *http.Request, a *http.Response) error {
		if !isDocument(r) || !strings.HasPrefix(a.Header.Get("Content-Type"), "application/json") {
			return nil
		}
		var m map[string]any
		if err := json.NewDecoder(a.Body).Decode(&m); err != nil {
			return err
		}
		bend(m)
		body, err := json.Marshal(m)
		answers(a, a.StatusCode, "application/json", string(body))
		return err
	}
}

func member(name string, value any) flawed {
	return documents(func(m map[string]any) {
		if m[name] != nil || value != nil {
			m[name] = value
		}
	})
}

// configurations bends each credential configuration.
func configurations(bend func(c map[string]any)) flawed {
	return documents(func(m map[string]any) {
		all, _ := m["credential_configurations_supported"].(map[string]any)
		for _, c := range all {
			bend(c.(map[string]any))
		}
	})
}

// saysYes answers everything but documents with 200 and an empty object.
func saysYes(r *http.Request, a *http.Response) error {
	if !isDocument(r) {
		answers(a, http.StatusOK, "application/json", "{}")
	}
	return nil
}

func header(name, value string) flawed {
	return func(_ *http.Request, a *http.Response) error {
		if a.Header.Del(name); value != "" {
			a.Header.Set(name, value)
		}
		return nil
	}
}

// at bends the answers of addresses that hold a word.
func at(word string, f flawed) flawed {
	return func(r *http.Request, a *http.Response) error {
		if !strings.Contains(r.URL.String(), word) {
			return nil
		}
		return f(r, a)
	}
}

func says(status int, media, body string) flawed {
	return func(_ *http.Request, a *http.Response) error { answers(a, status, media, body); return nil }
}

// Each case is failed by a flaw: none is passed whatever a deployment does.
//
//clause:strangers each case of the two commands is failed by some flaw, and each flaw is told
func TestEachFlawIsTold(t *testing.T) {
	s, c := deployment(t)
	issued(t, s)
	flaws := map[string]flawed{
		"another issuer":            member("issuer", "https://evil.example"),
		"an endpoint without TLS":   member("token_endpoint", "http://hub.example/token"),
		"the implicit flow":         member("response_types_supported", []string{"code", "token"}),
		"plain PKCE":                member("code_challenge_methods_supported", []string{"S256", "plain"}),
		"a password grant":          member("grant_types_supported", []string{"authorization_code", "password"}),
		"no pushed requests":        member("pushed_authorization_request_endpoint", ""),
		"no iss":                    member("authorization_response_iss_parameter_supported", false),
		"unsigned proofs":           member("dpop_signing_alg_values_supported", []string{"ES256", "none"}),
		"shared secrets":            member("token_endpoint_auth_signing_alg_values_supported", []string{"ES256", "HS256"}),
		"id_tokens for few":         member("id_token_signing_alg_values_supported", []string{"ES256"}),
		"unsigned id_tokens":        member("id_token_signing_alg_values_supported", []string{"ES256", "RS256", "none"}),
		"another credential issuer": member("credential_issuer", "https://evil.example"),
		"no nonce endpoint":         member("nonce_endpoint", ""),
		"a batch of one":            member("batch_credential_issuance", map[string]any{"batch_size": 1}),
		"no keys to encrypt to":     member("credential_request_encryption", map[string]any{"enc_values_supported": []string{"A128GCM"}}),
		"no scope":                  configurations(func(c map[string]any) { delete(c, "scope") }),
		"no proofs":                 configurations(func(c map[string]any) { delete(c, "proof_types_supported") }),
		"nothing to show":           configurations(func(c map[string]any) { delete(c, "credential_metadata") }),
		"yes to everything":         saysYes,
		"a foreign site's word":     header("Access-Control-Allow-Origin", "https://evil.example"),
		"pages in frames": func(_ *http.Request, a *http.Response) error {
			a.Header.Del("Content-Security-Policy")
			a.Header.Del("X-Frame-Options")
			return nil
		},
		"answers that are kept": header("Cache-Control", ""),
		"no challenge":          header("WWW-Authenticate", ""),
		"redirects to anywhere": func(r *http.Request, a *http.Response) error {
			if !isDocument(r) {
				a.StatusCode = http.StatusFound
				a.Header.Set("Location", "https://evil.example/")
			}
			return nil
		},
		"the same nonce":      at("/nonce", says(200, "application/json", `{"c_nonce":"0123456789abcdef0123"}`)),
		"keys without a name": at("/jwks", says(200, "application/json", `{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`)),
		"a description nobody signed": func(r *http.Request, a *http.Response) error {
			if r.Header.Get("Accept") == "application/jwt" {
				answers(a, 200, "application/jwt", "e30.e30.")
			}
			return nil
		},
		"a type that is another": at("/types/", says(200, "application/json", `{"vct":"https://evil.example"}`)),
		"lists nobody signed": func(r *http.Request, a *http.Response) error {
			if r.Header.Get("Accept") == "application/statuslist+jwt" {
				answers(a, 200, "application/statuslist+jwt", "e30.e30.")
			}
			return nil
		},
	}
	told(t, flaws, func(f flawed) (report.Report, error) {
		return inspect.IDP(t.Context(), inspect.Options{URL: s.URL(stage.IDP), Client: c, HTTP: &http.Client{Transport: f}})
	})
}

// told runs with each flaw: each makes a case fail, and each case is failed by one.
func told(t *testing.T, flaws map[string]flawed, run func(flawed) (report.Report, error)) {
	t.Helper()
	unfailed := map[string]bool{}
	plain, err := run(func(*http.Request, *http.Response) error { return nil })
	must(t, err)
	for _, one := range plain.Results {
		unfailed[one.Name] = one.Outcome == report.Passed
	}
	for _, name := range slices.Sorted(maps.Keys(flaws)) {
		r, err := run(flaws[name])
		must(t, err)
		failed := r.Failed()
		if len(failed) == 0 {
			t.Errorf("%s: nothing tells it", name)
		}
		for _, f := range failed {
			unfailed[f] = false
		}
	}
	for name, still := range unfailed {
		if still {
			t.Errorf("no flaw fails: it %s", name)
		}
	}
}

//clause:strangers each case of the two commands is failed by some flaw, and each flaw is told
func TestEachFlawOfAVerifierIsTold(t *testing.T) {
	s := stage.Run(t, stage.Options{})
	authority := wallettest.NewAuthority(t)
	key := wallettest.Key(t)
	chain := authority.Leaf(t, key.Public(), "Somebody else", "https://evil.example")
	// resigned bends a request and signs it anew, as another verifier.
	resigned := func(bend func(header, claims map[string]any)) flawed {
		return func(_ *http.Request, a *http.Response) error {
			if !strings.HasPrefix(a.Header.Get("Content-Type"), "application/oauth-authz-req+jwt") {
				return nil
			}
			body, err := io.ReadAll(a.Body)
			if err != nil {
				return err
			}
			payload, err := base64.RawURLEncoding.DecodeString(strings.Split(string(body), ".")[1])
			if err != nil {
				return err
			}
			claims, head := map[string]any{}, map[string]any{"typ": "oauth-authz-req+jwt"}
			if err := json.Unmarshal(payload, &claims); err != nil {
				return err
			}
			head["x5c"] = []string{base64.StdEncoding.EncodeToString(chain[0])}
			bend(head, claims)
			options := &jose.SignerOptions{}
			for name, value := range head {
				options.WithHeader(jose.HeaderKey(name), value)
			}
			signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, options)
			if err != nil {
				return err
			}
			if payload, err = json.Marshal(claims); err != nil {
				return err
			}
			signed, err := signer.Sign(payload)
			if err != nil {
				return err
			}
			compact, err := signed.CompactSerialize()
			answers(a, 200, "application/oauth-authz-req+jwt", compact)
			return err
		}
	}
	set := func(name string, value any) flawed {
		return resigned(func(_, claims map[string]any) { claims[name] = value })
	}
	metadata := func(name string, value any) flawed {
		return resigned(func(_, claims map[string]any) { claims["client_metadata"].(map[string]any)[name] = value })
	}
	posted := func(r *http.Request) bool {
		return r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/response") || r.Method == http.MethodPost && !form(r).Has("wallet_nonce")
	}
	flaws := map[string]flawed{
		"another's name":         set("client_id", "x509_hash:"+base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{1}, 32))),
		"another type":           resigned(func(header, _ map[string]any) { header["typ"] = "JWT" }),
		"another audience":       set("aud", "https://wallet.example"),
		"an answer in the open":  set("response_mode", "direct_post"),
		"the same nonce":         set("nonce", "0123456789012345678901/"),
		"the same state":         set("state", "0123456789012345678901"),
		"the same key":           metadata("jwks", map[string]any{"keys": []any{map[string]any{"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}}}),
		"no formats":             metadata("vp_formats_supported", nil),
		"no query":               set("dcql_query", map[string]any{}),
		"no wallet_nonce":        set("wallet_nonce", "another"),
		"a request that is kept": header("Cache-Control", ""),
		"yes to everything": func(r *http.Request, a *http.Response) error {
			if posted(r) || strings.HasSuffix(r.URL.Path, "/forged") {
				answers(a, 200, "text/html", "")
			}
			return nil
		},
	}
	told(t, flaws, func(f flawed) (report.Report, error) {
		return inspect.Verifier(t.Context(), inspect.Options{URL: s.URL(stage.Verifier), HTTP: &http.Client{Transport: f}})
	})
}

func form(r *http.Request) url.Values {
	body, err := r.GetBody()
	if err != nil {
		return nil
	}
	all, err := io.ReadAll(body)
	if err != nil {
		return nil
	}
	v, _ := url.ParseQuery(string(all))
	return v
}
