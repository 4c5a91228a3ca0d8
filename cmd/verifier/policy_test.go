package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/conformance/stage"
	"github.com/govmydata/mydata/conformance/wallet"
	"github.com/govmydata/mydata/conformance/wallet/wallettest"
	"github.com/govmydata/mydata/internal/service"
	"github.com/govmydata/mydata/internal/verifier"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/did"
)

// office is a running service whose policy names issuers without certificates.
type office struct {
	dir      string
	issuer   *wallettest.Issuer
	web      string       // the issuer's did:web
	document did.Document // and what it says there
	fetched  atomic.Int32 // documents of the issuer
}

// free is an address at which nobody answers.
func free(t *testing.T) string {
	t.Helper()
	address, err := stage.Address()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

func newOffice(t *testing.T, policy func(*office) string, bend ...func(*office, *config)) *office {
	t.Helper()
	o := &office{dir: t.TempDir(), issuer: wallettest.NewIssuer(t)}
	address, key := free(t), wallettest.Key(t)
	leaf := o.issuer.Authority.Leaf(t, key.Public(), "Test verifier", "http://"+address)[0]
	if err := writeFiles(o.dir, "https://hub.example", key, leaf, o.issuer.Authority.PEM()); err != nil {
		t.Fatal(err)
	}
	o.publish(t)
	o.write(t, "policy.json", policy(o))
	c := config{Listen: address, URL: "http://" + address, TrustPolicy: filepath.Join(o.dir, "policy.json"), CrossDevice: "plain", Life: time.Minute,
		Settings: service.Settings{Development: true, RequestTime: 10 * time.Second, TrustedFactor: 10}}
	if err := c.complete(filepath.Join(o.dir, "data")); err != nil {
		t.Fatal(err)
	}
	for _, f := range bend {
		f(o, &c)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, c, slog.New(slog.DiscardHandler)) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		resp, err := http.Get(c.URL + "/readyz")
		if err == nil {
			_ = resp.Body.Close()
			return o
		}
		if time.Since(begun) > 10*time.Second {
			t.Fatal(err)
		}
	}
}

// publish serves the issuer's documents, and counts who asks.
func (o *office) publish(t *testing.T) {
	t.Helper()
	var err error
	if o.web, err = did.FromURL(o.issuer.URL); err != nil {
		t.Fatal(err)
	}
	if o.document, err = did.New(o.web, map[string]jose.JSONWebKey{"one": {Key: o.issuer.Public()}}); err != nil {
		t.Fatal(err)
	}
	keys := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: o.issuer.Public(), KeyID: "one"}}}
	o.issuer.Intercept = func(w http.ResponseWriter, r *http.Request) bool {
		var v any
		switch r.URL.Path {
		case "/.well-known/did.json":
			v = o.document
		case "/.well-known/jwt-vc-issuer":
			v = map[string]any{"issuer": o.issuer.URL, "jwks": keys}
		default:
			return false
		}
		o.fetched.Add(1)
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v)
		return true
	}
}

func (o *office) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(o.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// run is a command of the service, whose answer it reads.
func (o *office) run(t *testing.T, answer any, args ...string) {
	t.Helper()
	var out bytes.Buffer
	root := newRootCommand()
	root.SetArgs(append(args, "--json", "--data", filepath.Join(o.dir, "data")))
	root.SetOut(&out)
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out.Bytes(), answer); err != nil {
		t.Fatal(err)
	}
}

// show puts a card of that type, signed under that kid, into a new phone, has it
// asked for, and answers with what the service found.
func (o *office) show(t *testing.T, vct, kid string, sign *ecdsa.PrivateKey) (id string, r verifier.Result) {
	t.Helper()
	holder, store := wallettest.Key(t), wallet.Memory()
	o.issuer.KeyID, o.issuer.SignWith = kid, sign
	o.issuer.Credential = func(c map[string]any) {
		if c["vct"] = vct; strings.HasPrefix(kid, "did:") {
			c["iss"], _, _ = strings.Cut(kid, "#")
		}
		if strings.Contains(vct, "stateless") {
			delete(c, "status")
		}
	}
	card := wallet.Credential{ID: "card", Format: "dc+sd-jwt", VCT: vct, Token: o.issuer.Issue(t, &holder.PublicKey)}
	if err := store.Add(card, holder); err != nil {
		t.Fatal(err)
	}
	query := o.write(t, "query.json", fmt.Sprintf(`{"credentials":[{"id":"card","format":"dc+sd-jwt","meta":{"vct_values":[%q]},"claims":[{"path":["name"]}]}]}`, vct))
	var placed verifier.Placed
	o.run(t, &placed, "ask", "--query", query)
	phone := wallet.New(wallet.Config{Verifiers: o.issuer.Authority.Pool(), Development: true, Store: store})
	asked, err := phone.ReadRequest(t.Context(), placed.Request)
	if err != nil {
		t.Fatal(err)
	}
	var refused *wallet.Answer
	if _, err := phone.Present(t.Context(), asked, asked.Least()); err != nil && (!errors.As(err, &refused) || refused.Code != "rejected") {
		t.Fatal(err)
	}
	o.run(t, &r, "result", placed.ID)
	return placed.ID, r
}

// again verifies a record of a presentation without a network, by this policy.
func (o *office) again(t *testing.T, id string, policy ...string) error {
	t.Helper()
	var record, ignored json.RawMessage
	o.run(t, &record, "record", "get", id)
	root := newRootCommand()
	root.SetArgs(append([]string{"record", "verify", o.write(t, "record.json", string(record)+"\n"), "--data", filepath.Join(o.dir, "data"), "--json"}, policy...))
	var out bytes.Buffer
	root.SetOut(&out)
	err := root.ExecuteContext(t.Context())
	return errors.Join(err, json.Unmarshal(out.Bytes(), &ignored))
}

//clause:trust at our verifier service: DIDs and published keys of the issuers that its policy file names, type by type; no wildcard; nobody else is asked
func TestTrustPolicy(t *testing.T) {
	var byJWK, byKey, gone string
	o := newOffice(t, func(o *office) string {
		var err error
		if byJWK, err = did.FromJWK(jose.JSONWebKey{Key: o.issuer.Public()}); err != nil {
			t.Fatal(err)
		}
		if byKey, err = did.FromKey(o.issuer.Public()); err != nil {
			t.Fatal(err)
		}
		gone = "did:web:" + strings.ReplaceAll(free(t), ":", "%3A")
		return fmt.Sprintf(`{"schema_version": "mydata-trust-policy/1", "types": {
			"urn:test:web:1": {"dids": [%q]}, "urn:test:jwk:1": {"dids": [%q]}, "urn:test:key:1": {"dids": [%q]},
			"urn:test:gone:1": {"dids": [%q]}, "urn:test:keys:1": {"issuers": [%q]},
			"urn:test:stateless:1": {"dids": [%q], "without_status": true}, "urn:test:stateless:2": {"dids": [%q]},
			"urn:test:roots:1": {"roots": "data/trust/issuer-ca.pem", "names": [%q]},
			"urn:test:roots:2": {"roots": "data/trust/issuer-ca.pem", "names": ["https://other.example"]}}}`,
			o.web, byJWK, byKey, gone, o.issuer.URL, byJWK, byJWK, o.issuer.URL)
	})
	other := wallettest.Key(t)
	stranger, err := did.FromKey(&other.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	fragment := func(id string) string { return id + "#" + id[strings.LastIndex(id, ":")+1:] }
	for _, c := range []struct {
		name, vct, kid string
		sign           *ecdsa.PrivateKey
		path           credential.TrustPath
		anchor, failed string
		fetched        int32 // a document that was believed is kept
	}{
		{"it asks no DID about another type", "urn:test:key:1", o.web + "#one", nil, "", "", "issuer trusted: the DID is not trusted for this type", 0},
		{"it asks no DID about the hub's type", credential.VCTResidentCard, o.web + "#one", nil, "", "", "issuer trusted: the DID is not trusted for this type", 0},
		{"it asks no issuer about another type", "urn:test:web:1", "one", nil, "", "", "issuer trusted: no trust anchor is configured for this type and issuer", 0},
		{"it believes a did:web", "urn:test:web:1", o.web + "#one", nil, credential.PathDID, o.web, "", 1},
		{"it believes a did:jwk", "urn:test:jwk:1", byJWK + "#0", nil, credential.PathDID, byJWK, "", 0},
		{"it believes a did:key", "urn:test:key:1", fragment(byKey), nil, credential.PathDID, byKey, "", 0},
		{"it believes published keys", "urn:test:keys:1", "one", nil, credential.PathMetadata, o.issuer.URL, "", 1},
		{"it believes a named certificate", "urn:test:roots:1", "", nil, credential.PathX509, anchor(o), "", 0},
		{"it takes no status where the type says so", "urn:test:stateless:1", byJWK + "#0", nil, credential.PathDID, byJWK, "", 0},
		{"it misses a status where it does not", "urn:test:stateless:2", byJWK + "#0", nil, "", "", "status: names no status", 0},
		{"it refuses a certificate of another name", "urn:test:roots:2", "", nil, "", "", "issuer trusted: the certificate bears none of the names", 0},
		{"it refuses the hub's card of an agency below the same roots", credential.VCTResidentCard, "", nil, "", "", "issuer trusted: the certificate bears none of the names", 0},
		{"it refuses another DID", "urn:test:key:1", fragment(stranger), other, "", "", "issuer trusted: the DID is not trusted for this type", 0},
		{"it refuses a did:web that does not answer", "urn:test:gone:1", gone + "#one", nil, "", "", "issuer trusted: DID or key not found", 0},
		{"it refuses another's signature under a believed DID", "urn:test:web:1", o.web + "#one", other, "", "", "issuer signature", 0},
		{"it refuses a key that the document does not name", "urn:test:web:1", o.web + "#two", nil, "", "", "issuer trusted: DID or key not found", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := o.fetched.Load()
			id, r := o.show(t, c.vct, c.kid, c.sign)
			if n := o.fetched.Load() - before; n != c.fetched {
				t.Errorf("the issuer was asked %d times", n)
			}
			var failed string
			for _, check := range r.Checks {
				if !check.OK && failed == "" {
					failed = check.Name + ": " + check.Detail
				}
				if check.Name == credential.CheckIssuerTrusted && check.OK && c.failed == "" && (check.Path != c.path || check.Anchor != c.anchor) {
					t.Errorf("believed by %s, %s", check.Path, check.Anchor)
				}
			}
			if !strings.HasPrefix(failed, c.failed) || (r.Status == verifier.Verified) != (c.failed == "") {
				t.Errorf("%s: %s", r.Status, failed)
			}
			if c.failed != "" {
				return
			}
			if err := o.again(t, id, "--trust-policy", filepath.Join(o.dir, "policy.json")); err != nil {
				t.Errorf("its record: %v", err)
			}
			if err := o.again(t, id); err == nil || !strings.Contains(err.Error(), "record refused: issuer trusted") {
				t.Errorf("its record without the policy: %v", err)
			}
		})
	}
}

//clause:trust at our verifier service: DIDs and published keys of the issuers that its policy file names, type by type; no wildcard; nobody else is asked
func TestTrustPolicyRefuses(t *testing.T) {
	authority := wallettest.NewAuthority(t)
	dir := t.TempDir()
	if err := writeFiles(dir, "https://hub.example", wallettest.Key(t), nil, authority.PEM()); err != nil {
		t.Fatal(err)
	}
	broken := append(authority.PEM(), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("broken")})...)
	if err := os.WriteFile(filepath.Join(dir, "broken.pem"), broken, 0o600); err != nil {
		t.Fatal(err)
	}
	of := func(types string) string {
		return `{"schema_version": "mydata-trust-policy/1", "types": ` + types + `}`
	}
	for _, c := range []struct{ name, text, err string }{
		{"it takes a DID, an issuer and roots", of(`{"urn:t:1": {"dids": ["did:web:library.example"], "issuers": ["https://library.example"], "without_status": true,
			"roots": "data/trust/issuer-ca.pem", "names": ["https://library.example"]}}`), ""},
		{"it takes the example of docs/operations.md", example(t), ""},
		{"it refuses what is no JSON", `{`, "policy.json: unexpected end"},
		{"it refuses an unknown member", of(`{"urn:t:1": {"did": ["did:web:library.example"]}}`), `unknown field "did"`},
		{"it refuses a type that is named twice", of(`{"urn:t:1": {"dids": ["did:web:a.example"]}, "urn:t:1": {"dids": ["did:web:b.example"]}}`), "duplicate key"},
		{"it refuses another version", `{"schema_version": "2", "types": {"urn:t:1": {"dids": ["did:web:a.example"]}}}`, "want schema_version"},
		{"it refuses a policy of nothing", of(`{}`), "and types"},
		{"it refuses any type", of(`{"*": {"dids": ["did:web:a.example"]}}`), "no wildcards"},
		{"it refuses any host of a DID", of(`{"urn:t:1": {"dids": ["did:web:*.example"]}}`), "no wildcards"},
		{"it refuses any issuer", of(`{"urn:t:1": {"issuers": ["https://*"]}}`), "no wildcards"},
		{"it refuses a type without a name", of(`{"": {"dids": ["did:web:a.example"]}}`), "name roots, issuers or dids"},
		{"it refuses a type of nobody", of(`{"urn:t:1": {}}`), "name roots, issuers or dids"},
		{"it refuses names without roots", of(`{"urn:t:1": {"names": ["https://a.example"], "dids": ["did:web:a.example"]}}`), "name their roots too"},
		{"it refuses other roots for the hub's type", of(`{"` + credential.VCTResidentCard + `": {"roots": "data/trust/issuer-ca.pem"}}`), "its roots are the trust folder's"},
		{"it refuses roots that are not there", of(`{"urn:t:1": {"roots": "none.pem"}}`), "no such file"},
		{"it refuses roots of which one is broken", of(`{"urn:t:1": {"roots": "broken.pem"}}`), "certificate 2"},
		{"it refuses an issuer over plain http", of(`{"urn:t:1": {"issuers": ["http://a.example"]}}`), "iss is not an https URL"},
		{"it refuses a DID of another method", of(`{"urn:t:1": {"dids": ["did:example:a"]}}`), "DID method not supported"},
		{"it refuses what is no DID", of(`{"urn:t:1": {"dids": ["https://a.example"]}}`), "malformed DID"},
		{"it refuses a DID URL", of(`{"urn:t:1": {"dids": ["did:web:a.example#one"]}}`), "malformed DID"},
		{"it refuses a did:web of an address", of(`{"urn:t:1": {"dids": ["did:web:10.0.0.1"]}}`), "did:web of an IP address"},
		{"it refuses a did:key that holds no key", of(`{"urn:t:1": {"dids": ["did:key:none"]}}`), "malformed DID"},
		{"it refuses a did:jwk whose key does not sign", of(`{"urn:t:1": {"dids": ["` + encryptionDID(t) + `"]}}`), "its key is not for signatures"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(dir, "policy.json")
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			policy, err := config{Trust: filepath.Join(dir, "data", "trust"), TrustPolicy: path}.policy(credential.VCTResidentCard)
			if c.err == "" && err != nil {
				t.Fatal(err)
			}
			if strings.Contains(c.text, "urn:example") {
				if len(policy.DIDs["urn:example:library-card:1"]) != 2 || policy.Roots["urn:example:extract:1"] == nil {
					t.Errorf("%+v", policy)
				}
				return
			}
			if c.err == "" && (len(policy.DIDs["urn:t:1"]) != 1 || len(policy.Issuers["urn:t:1"]) != 1 || policy.Roots["urn:t:1"] == nil ||
				len(policy.Certificates["urn:t:1"].Names) != 1 || !policy.WithoutStatus["urn:t:1"]) {
				t.Errorf("%+v, %v", policy, err)
			}
			if c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// anchor is how a check names the issuer's authority.
func anchor(o *office) string {
	return fmt.Sprintf("%x", sha256.Sum256(o.issuer.Authority.Certificate.Raw))
}

// example is the policy that the documentation prints.
func example(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "## Whom the verifier believes")
	_, rest, _ = strings.Cut(rest, "\n    {")
	block, _, _ := strings.Cut(rest, "\n\n")
	return "{" + block
}

// encryptionDID is a did:jwk whose key is for encryption alone.
func encryptionDID(t *testing.T) string {
	t.Helper()
	text, err := jose.JSONWebKey{Key: &wallettest.Key(t).PublicKey, Use: "enc"}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return "did:jwk:" + base64.RawURLEncoding.EncodeToString(text)
}
