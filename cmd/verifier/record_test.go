package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vp"
	"github.com/govmydata/mydata/pkg/credential/sdjwt"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
)

const recordQuery = `{"credentials":[{"id":"card","format":"dc+sd-jwt","meta":{"vct_values":["` + credential.VCTResidentCard +
	`"]},"claims":[{"path":["family_name"]}]}]}`

// keepRecord walks from a request to a record, and writes it beside the trust folder.
func keepRecord(t *testing.T, dir string) string {
	t.Helper()
	now := time.Now().Truncate(time.Second)
	ca := consenttest.NewAuthority("Issuers' CA", now)
	issuer, asker, holder := ca.Agency("urn:example:issuer"), ca.Agency("urn:example:asker"), consenttest.NewKey()
	list, err := statuslist.New(1, 64)
	check(t, err)
	var server *httptest.Server
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, err := statuslist.Sign(statuslist.Key{Signer: issuer.Key, X5C: issuer.Chain},
			statuslist.Token{URI: server.URL + r.URL.Path, IssuedAt: now, TTL: time.Minute, List: list})
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", statuslist.MediaType)
		_, _ = w.Write([]byte(token))
	}))
	defer server.Close()
	query, err := openid4vp.ParseQuery([]byte(recordQuery))
	check(t, err)
	request, err := openid4vp.NewRequest(openid4vp.ClientID(asker.Chain[0]), "https://verifier.example/response", query, now, time.Minute)
	check(t, err)
	signed, err := request.Sign(asker.Key, asker.Chain, "")
	check(t, err)
	card, err := sdjwt.Issue(sdjwt.Key{Signer: issuer.Key, X5C: issuer.Chain}, map[string]any{
		"vct": credential.VCTResidentCard, "exp": now.Add(time.Hour).Unix(), "cnf": map[string]any{"jwk": jose.JSONWebKey{Key: holder.Public()}},
		"status":      map[string]any{"status_list": map[string]any{"uri": server.URL + "/status/1", "idx": 3}},
		"family_name": sdjwt.Hidden{Value: "KIM"}, "birth_date": sdjwt.Hidden{Value: "1995-02-14"},
	})
	check(t, err)
	parsed, err := sdjwt.Parse(card)
	check(t, err)
	shown, err := parsed.Present(sdjwt.Path{"family_name"})
	check(t, err)
	shown, err = sdjwt.Bind(shown, holder, sdjwt.KeyBinding{Audience: request.ClientID, Nonce: request.Nonce, IssuedAt: now})
	check(t, err)
	check(t, os.MkdirAll(filepath.Join(dir, "trust"), 0o700))
	roots := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Cert.Raw})
	check(t, os.WriteFile(filepath.Join(dir, "trust", "issuer-ca.pem"), roots, 0o600))
	check(t, os.WriteFile(filepath.Join(dir, "trust", "hub.json"), []byte(`{"issuer": "urn:example:issuer"}`), 0o600))
	policy, err := config{Trust: filepath.Join(dir, "trust")}.policy(credential.VCTResidentCard)
	check(t, err)
	v := &credential.Verifier{Policy: policy, Status: &statuslist.Client{Development: true}}
	result := v.Verify(t.Context(), credential.Presentation{Token: shown, Audience: request.ClientID, Nonce: request.Nonce})
	asked, err := json.Marshal(query)
	check(t, err)
	record, err := credential.NewRecord(result, credential.Asked{Request: signed, Query: asked, QueryID: "card", Answer: openid4vp.Answer}, asker.Key)
	if err != nil {
		t.Fatalf("%v: %+v", err, result.Checks)
	}
	text, err := record.Marshal()
	check(t, err)
	path := filepath.Join(dir, "record.json")
	check(t, os.WriteFile(path, text, 0o600))
	return path
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

//clause:trust a presentation record verifies again offline, by each path, as of a time, and says what it cannot say ([schema](schemas/presentation-record.schema.json))
//clause:trust it holds nothing that was not asked for
func TestRecordVerify(t *testing.T) {
	dir := t.TempDir()
	path := keepRecord(t, dir)
	text, err := os.ReadFile(path)
	check(t, err)
	if strings.Contains(string(text), "1995-02-14") || strings.Contains(string(text), base64.RawURLEncoding.EncodeToString([]byte("birth_date"))) {
		t.Error("it holds what nobody asked for")
	}
	changed := filepath.Join(dir, "changed.json")
	check(t, os.WriteFile(changed, bytes.Replace(text, []byte(`"KIM"`), []byte(`"LEE"`), 1), 0o600))
	other := filepath.Join(dir, "other.json")
	check(t, os.WriteFile(other, append([]byte(" "), text...), 0o600))
	for _, c := range []struct {
		name string
		args []string
		want string // in the output
		err  string // of the command
	}{
		{"it verifies a record without a network", []string{path}, "ok    status: not revoked", ""},
		{"it prints no claims", []string{path}, "ok    answers the query", ""},
		{"it prints JSON", []string{path, "--json"}, `"family_name":"KIM"`, ""},
		{"it says what it cannot say", []string{path, "--at", time.Now().Add(30 * time.Minute).Format(time.RFC3339)}, "not said: what became of the status after", ""},
		{"it refuses what expired by then", []string{path, "--at", time.Now().Add(90 * time.Minute).Format(time.RFC3339)}, "FAIL  ", "record refused: "},
		{"it refuses a record that was changed", []string{changed}, "FAIL  seal", "record refused: seal: the record was changed after it was sealed"},
		{"it refuses another spelling", []string{other}, "", "presentation record: written in another way"},
		{"it refuses a type that nobody named", []string{path, "--type", "urn:other"}, "FAIL  issuer trusted", "no trust anchor is configured"},
		{"it refuses a time that is none", []string{path, "--at", "now"}, "", "--at: "},
		{"it refuses a file that is not there", []string{filepath.Join(dir, "none")}, "", "read record: "},
		{"it refuses without a trust folder", []string{path, "--trust", dir}, "", "trust folder"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := newRootCommand()
			var out bytes.Buffer
			root.SetOut(&out)
			root.SetArgs(append([]string{"record", "verify", "--data", dir}, c.args...))
			err := root.ExecuteContext(t.Context())
			if (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) || !strings.Contains(out.String(), c.want) {
				t.Errorf("%v\n%s", err, out.String())
			}
			if c.name == "it prints no claims" && strings.Contains(out.String(), "KIM") {
				t.Error(out.String())
			}
		})
	}
}
