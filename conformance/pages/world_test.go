package pages_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/csv"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/citizen"
	"github.com/govmydata/mydata/conformance/stage"
	"github.com/govmydata/mydata/conformance/wallet"
	"github.com/govmydata/mydata/pkg/catalogue"
)

// A world is a deployment full of wild names, and one person in it.
type world struct {
	*stage.Stage
	hub, verifier, insurer, licence, wallet string
	eyes                                    *eyes

	kim   *citizen.Citizen
	phone *wallet.Wallet // kim's, scripted, of the client with the wild name
	card  string         // kim's credential at the hub
	grant string         // kim's consent, used once of twice
	named []string       // marks of all wild texts

	letter []byte // that the operator printed for kim
}

const wildWallet = "wild-wallet"

func newWorld(t *testing.T) *world {
	s := stage.Run(t, stage.Options{})
	w := &world{
		Stage: s, hub: s.URL(stage.IDP), verifier: s.URL(stage.Verifier), insurer: s.URL(stage.Insurer),
		licence: s.URL(stage.Licence), wallet: s.URL(stage.Wallet),
	}
	w.eyes = newEyes(t, w)
	w.wildRegister(t)
	w.wildCatalogue(t)
	w.register(t, map[string]any{
		"client_id": wildWallet, "client_name": w.wild("clientname", 480), "client_name#ko": w.wild("clientko", 480),
		"redirect_uris": []string{w.wallet + "/callback"}, "token_endpoint_auth_method": "none", "scope": "resident_card",
		"grant_types":              []string{"authorization_code", "urn:ietf:params:oauth:grant-type:pre-authorized_code"},
		"dpop_bound_access_tokens": true, "require_pushed_authorization_requests": true,
	})
	ctx := t.Context()
	letter := filepath.Join(t.TempDir(), "letter.html")
	_, err := w.Command(ctx, "idp", "enrol", "--resident", "resident-01", "--letter", letter)
	must(t, err)
	w.letter, err = os.ReadFile(letter)
	must(t, err)
	w.kim = w.person(t, "resident-01")
	config, err := citizen.WalletConfig(s.Path("trust"), w.wallet)
	must(t, err)
	config.ClientID = wildWallet
	w.phone = wallet.New(config)
	_, err = w.kim.ReceiveByLogin(ctx, w.phone)
	must(t, err)
	cards, err := w.kim.Credentials(ctx)
	must(t, err)
	w.card = cards[0].ID
	w.grant, err = w.kim.Renew(ctx, w.licence, "checked_on")
	must(t, err)
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// person enrols a resident, in a browser whose every answer is looked at.
func (w *world) person(t testing.TB, resident string) *citizen.Citizen {
	t.Helper()
	letter, err := w.Letter(t.Context(), resident, false)
	must(t, err)
	c := w.stranger(resident)
	must(t, c.Enrol(t.Context(), letter.URL))
	return c
}

// stranger is a browser without any cookie.
func (w *world) stranger(name string) *citizen.Citizen {
	c := citizen.New(w.hub, name)
	c.Seen = w.eyes.see
	return c
}

// wild is a text of at most that many bytes which is markup, quotes, template
// code, Hangul, letters from right to left, a joined emoji, and long; its mark
// is found again on the pages.
func (w *world) wild(mark string, size int) string {
	mark = "Q" + mark + "Z"
	w.named = append(w.named, mark)
	text := mark + ` <script>alert(1)</script>"'><img src=x onerror=alert(2)>{{.}}${7*7} אבג (דוד) 한글 👩‍⚖️ `
	return text + strings.Repeat("가", max(0, size-len(text))/len("가"))
}

// wildRegister gives resident-01 wild names, which the hub reads when it starts.
func (w *world) wildRegister(t *testing.T) {
	raw, err := os.ReadFile(w.Path("residents.csv"))
	must(t, err)
	rows, err := csv.NewReader(bytes.NewReader(raw)).ReadAll()
	must(t, err)
	for i, column := range rows[0] {
		if text, ok := map[string]string{"name_ko": "nameko", "name_latin": "namelatin", "family_name": "family", "given_name": "given", "address": "address"}[column]; ok {
			rows[1][i] = w.wild(text, 390)
		}
	}
	var out bytes.Buffer
	must(t, csv.NewWriter(&out).WriteAll(rows))
	must(t, os.WriteFile(w.Path("residents.csv"), out.Bytes(), 0o600))
	must(t, w.Stop(stage.IDP))
	must(t, w.Start(stage.IDP))
	must(t, w.Wait(t.Context(), stage.IDP))
}

func (w *world) wildText(mark string) catalogue.Text {
	return catalogue.Text{"ko": w.wild(mark+"ko", 390), "en": w.wild(mark+"en", 390)}
}

// wildCatalogue publishes the story's catalogue anew, each text of it wild.
func (w *world) wildCatalogue(t *testing.T) {
	raw, err := os.ReadFile(w.Path("catalogue.json"))
	must(t, err)
	var c catalogue.Catalogue
	must(t, json.Unmarshal(raw, &c))
	c.Version += 1000
	for i, office := range []string{"health-insurance", "driving-licence"} {
		a := c.Agencies[i]
		key := readKey(t, w.Path("agencies", office, "key.pem"))
		entry := catalogue.Entry{Issuer: a.ID, Release: a.Release, Name: w.wildText("agency" + office[:1]), Contact: w.wild("contact"+office[:1], 390)}
		entry.IssuedAt = time.Now().Unix()
		if a.EncryptionKey != nil {
			entry.JWKS.Keys = append(entry.JWKS.Keys, *a.EncryptionKey)
		}
		compact, err := catalogue.SignEntry(entry, key, readPEM(t, w.Path("agencies", office, "chain.pem")))
		must(t, err)
		c.Agencies[i], err = entry.Apply(a, compact)
		must(t, err)
	}
	set := &c.DataSets[0]
	set.Title, c.Purposes[0].Text = w.wildText("title"), w.wildText("purpose")
	for i := range set.Fields {
		set.Fields[i].Label = w.wildText("field" + string(rune('a'+i)))
	}
	for i := range set.Derived {
		set.Derived[i].Label = w.wildText("derived" + string(rune('a'+i)))
	}
	must(t, w.publish(t, c))
}

func (w *world) publish(t *testing.T, c catalogue.Catalogue) error {
	t.Helper()
	path := filepath.Join(t.TempDir(), "catalogue.json")
	body, err := json.Marshal(c)
	must(t, err)
	must(t, os.WriteFile(path, body, 0o600))
	_, err = w.Command(t.Context(), "idp", "catalogue", "publish", "--file", path)
	return err
}

func (w *world) register(t *testing.T, metadata map[string]any) {
	t.Helper()
	_, err := w.add(t, metadata)
	must(t, err)
}

func (w *world) add(t *testing.T, metadata map[string]any) ([]byte, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "client.json")
	body, err := json.Marshal(metadata)
	must(t, err)
	must(t, os.WriteFile(path, body, 0o600))
	return w.Command(t.Context(), "idp", "client", "add", "--metadata", path)
}

func readPEM(t testing.TB, path string) (blocks [][]byte) {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		blocks = append(blocks, block.Bytes)
	}
	if len(blocks) == 0 {
		t.Fatalf("%s holds no PEM", path)
	}
	return blocks
}

func readKey(t testing.TB, path string) *ecdsa.PrivateKey {
	t.Helper()
	key, err := x509.ParsePKCS8PrivateKey(readPEM(t, path)[0])
	must(t, err)
	return key.(*ecdsa.PrivateKey)
}

const (
	formType = "application/x-www-form-urlencoded"
	jsonType = "application/json"
)

// as sends a request in somebody's browser; headers are pairs of name and value.
func as(t testing.TB, c *citizen.Citizen, method, address, contentType, body string, headers ...string) citizen.Page {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	must(t, err)
	req.Header.Set("Accept", "text/html")
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	p, err := c.Send(req)
	must(t, err)
	return p
}

func get(t testing.TB, c *citizen.Citizen, address string, headers ...string) citizen.Page {
	t.Helper()
	return as(t, c, http.MethodGet, address, "", "", headers...)
}

// asked is an authorization request of a wallet, as far as its address.
func (w *world) asked(t testing.TB, client string) string {
	t.Helper()
	form := url.Values{
		"client_id": {client}, "response_type": {"code"}, "redirect_uri": {w.wallet + "/callback"}, "scope": {"resident_card"},
		"code_challenge": {strings.Repeat("a", 43)}, "code_challenge_method": {"S256"},
	}
	p := as(t, w.stranger("wallet"), http.MethodPost, w.hub+"/par", formType, form.Encode())
	var pushed struct {
		RequestURI string `json:"request_uri"`
	}
	must(t, json.Unmarshal(p.Body, &pushed))
	return w.hub + "/authorize?" + url.Values{"client_id": {client}, "request_uri": {pushed.RequestURI}}.Encode()
}
