package pair_test

import (
	"crypto"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/citizen"
	"github.com/govmydata/mydata/conformance/stage"
	"github.com/govmydata/mydata/conformance/wallet"
	"github.com/govmydata/mydata/pkg/credential/sdjwt"
	"github.com/govmydata/mydata/sdk"
)

func TestMain(m *testing.M) {
	code := m.Run()
	stage.RemovePrograms()
	os.Exit(code)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// world is a deployment with both pairs, and people.
type world struct {
	*stage.Stage
	t *testing.T
}

func newWorld(t *testing.T) world {
	s := stage.Run(t, stage.Options{})
	for _, name := range []string{stage.Extract, stage.Portal} {
		must(t, s.Start(name))
		must(t, s.Wait(t.Context(), name))
	}
	return world{s, t}
}

func (w world) person(resident string) *citizen.Citizen {
	w.t.Helper()
	letter, err := w.Letter(w.t.Context(), resident, false)
	must(w.t, err)
	c := citizen.New(w.URL(stage.IDP), resident)
	c.Lang = "en"
	must(w.t, c.Enrol(w.t.Context(), letter.URL))
	return c
}

// says looks for words on a page.
func says(t *testing.T, page citizen.Page, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(string(page.Body), word) {
			t.Errorf("%s does not say %q: %s", page.URL.Path, word, page.Body)
		}
	}
}

// A town hall's extract goes by the hub's page into a wallet, from there to a
// verifier that knows the CA of credential issuers, and is replaced by the next.
//
//clause:kit a second pair of agencies, written from the README: extract issued, shown, replaced; a bundle in whole and in part, refused before its time, stopped by a signal
func TestExtract(t *testing.T) {
	w := newWorld(t)
	ctx, folder := t.Context(), filepath.Join(t.TempDir(), "phone")
	c := w.person("resident-03")
	config, err := citizen.WalletConfig(w.Path("trust"), w.URL(stage.Wallet))
	must(t, err)
	config.Store, err = wallet.Open(folder)
	must(t, err)
	phone := wallet.New(config)
	card, err := c.ReceiveDocument(ctx, w.URL(stage.Extract), phone)
	must(t, err)
	if offered, err := phone.ReadOffer(ctx, offerOf(t, c, w.URL(stage.Extract))); err != nil || len(offered.Issuer.Display) != 2 {
		t.Errorf("%v %+v", err, offered.Issuer)
	}
	if card.Issuer != w.URL(stage.Extract)+"/documents" || card.Metadata == nil || len(card.Metadata.Claims[0].Display) != 2 {
		t.Errorf("%+v", card)
	}
	trust, err := sdk.LoadTrust(w.Path("trust"))
	must(t, err)
	show := func(card wallet.Credential) (sdk.Result, error) { // a verifier opened anew has no status list yet
		verifier, err := sdk.NewVerifier(sdk.VerifierConfig{Trust: trust, Types: []string{w.URL(stage.Extract) + "/documents/types/resident-extract"}, AllowLoopback: true})
		must(t, err)
		return verifier.Verify(ctx, present(t, folder, card), sdk.Expect{Audience: "me", Nonce: "n"})
	}
	result, err := show(card)
	if err != nil || result.Claims["household"] != "4" && result.Claims["household"] != float64(4) || result.Claims["address"] != nil {
		t.Fatalf("%v %+v", err, result)
	}
	other, err := sdk.NewVerifier(sdk.VerifierConfig{Trust: trust, Types: []string{sdk.ResidentCard}, AllowLoopback: true})
	must(t, err)
	if _, err := other.Verify(ctx, present(t, folder, card), sdk.Expect{Audience: "me", Nonce: "n"}); err == nil {
		t.Error("a verifier of resident cards takes an extract")
	}
	w.proveExtract(phone)
	next, err := c.ReceiveDocument(ctx, w.URL(stage.Extract), phone)
	must(t, err)
	if _, err := show(next); err != nil {
		t.Errorf("the next extract: %v", err)
	}
	if _, err := show(card); sdk.Reason(err) != "refused" || !strings.Contains(err.Error(), "status") {
		t.Errorf("the extract before: %v", err)
	}
	page, err := c.Open(ctx, w.URL(stage.Extract)+"/?lang=en")
	must(t, err)
	says(t, page, "In force", "Replaced by a later one", "demo-wallet")
	w.silent("김민준", "resident-03", "견본로")
}

// proveExtract walks the example of docs/operations.md at the verifier's command.
func (w world) proveExtract(phone *wallet.Wallet) {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "operations.md"))
	must(w.t, err)
	_, query, ok := strings.Cut(string(text), "Of the demonstration, `extract.json`")
	_, query, _ = strings.Cut(query, "\n    {")
	query, _, _ = strings.Cut(query, "\n\n")
	file := filepath.Join(w.t.TempDir(), "extract.json")
	must(w.t, os.WriteFile(file, []byte("{"+strings.Replace(query, "http://localhost:8085", w.URL(stage.Extract), 1)), 0o600))
	verifier := func(answer any, args ...string) {
		out, err := exec.CommandContext(w.t.Context(), w.Program("verifier"), append(args, "--data", w.Data(), "--json")...).Output()
		must(w.t, err)
		must(w.t, json.Unmarshal(out, answer))
	}
	var placed struct{ Request, ID string }
	verifier(&placed, "ask", "--query", file)
	asked, err := phone.ReadRequest(w.t.Context(), placed.Request)
	must(w.t, err)
	_, err = phone.Present(w.t.Context(), asked, asked.Least())
	must(w.t, err)
	var result struct {
		Status string
		Claims map[string]map[string]any
	}
	if verifier(&result, "result", placed.ID); !ok || result.Status != "verified" || result.Claims["extract"]["household"] == nil {
		w.t.Errorf("%+v", result)
	}
}

// offerOf is the link of the town hall's button.
func offerOf(t *testing.T, c *citizen.Citizen, agency string) string {
	t.Helper()
	page, err := c.Open(t.Context(), agency+"/")
	must(t, err)
	for _, l := range page.Links {
		if l.ID == "add" {
			return l.URL.String()
		}
	}
	t.Fatal("the town hall offers nothing")
	return ""
}

// present shows the household alone, by the wallet's own key.
func present(t *testing.T, folder string, c wallet.Credential) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, c.ID+".pem"))
	must(t, err)
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	must(t, err)
	parsed, err := sdjwt.Parse(c.Token)
	must(t, err)
	shown, err := parsed.Present(sdjwt.Path{"household"})
	must(t, err)
	bound, err := sdjwt.Bind(shown, key.(crypto.Signer), sdjwt.KeyBinding{Audience: "me", Nonce: "n", IssuedAt: time.Now()})
	must(t, err)
	return bound
}

// silent looks whether a process wrote into its log who somebody is.
func (w world) silent(words ...string) {
	w.t.Helper()
	for _, name := range append(stage.Names(), stage.Extract, stage.Portal) {
		text, _ := os.ReadFile(w.Log(name))
		for _, word := range words {
			if strings.Contains(string(text), word) {
				w.t.Errorf("the log of %s holds %s", name, word)
			}
		}
	}
}

var again = regexp.MustCompile(`/grants/([^/"]+)/again`)

// One page, one signature, two permissions of two agencies: each lives and dies
// alone. A recurring one is refused before its time, and stops payments when it is
// withdrawn, by a signal.
//
//clause:kit a second pair of agencies, written from the README: extract issued, shown, replaced; a bundle in whole and in part, refused before its time, stopped by a signal
func TestPortal(t *testing.T) {
	w := newWorld(t)
	ctx, portal := t.Context(), w.URL(stage.Portal)
	c := w.person("resident-02")
	page, err := c.Apply(ctx, portal)
	must(t, err)
	page, err = c.Approve(ctx, page)
	must(t, err)
	says(t, page, "you are entitled", "부산광역시", "People in the household", "1 of 12", "1 of 1", "Town Hall (demo)", "Health Insurance Service (demo)")
	if text := string(page.Body); strings.Contains(text, "예시길") || strings.Contains(text, "58900") || strings.Contains(text, "2023-02-11") {
		t.Errorf("it learned what was not asked or was unticked: %s", text)
	}
	found := again.FindSubmatch(page.Body)
	if found == nil {
		t.Fatal("no way to ask again")
	}
	grant := string(found[1])
	if page, err = c.Press(ctx, portal+"/grants/"+grant+"/again"); err != nil && !citizen.Refused(err, http.StatusConflict) {
		t.Fatal(err)
	}
	says(t, page, "once a month, so we were refused", "too_soon")
	stranger := w.person("resident-04")
	if page, _ := stranger.Do(ctx, http.MethodGet, portal+"/grants/"+grant+"/receipt", "", nil); page.Status != http.StatusNotFound {
		t.Errorf("a stranger gets a receipt: %d", page.Status)
	}
	receipt, err := c.Do(ctx, http.MethodGet, portal+"/grants/"+grant+"/receipt", "", nil)
	if err != nil || receipt.Status != http.StatusOK || !strings.Contains(string(receipt.Body), "terms") {
		t.Errorf("receipt: %v %d", err, receipt.Status)
	}
	must(t, c.Withdraw(ctx, grant))
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		page, err = c.Open(ctx, portal+"/application")
		must(t, err)
		if strings.Contains(string(page.Body), "you stopped this consent") {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("no signal came: %s", page.Body)
		}
	}
	if strings.Contains(string(page.Body), "/again") {
		t.Error("it would ask again")
	}
	w.silent("이서연", "resident-02", "예시길")
}

// What the citizen leaves out stays out, and the rest comes.
//
//clause:kit a second pair of agencies, written from the README: extract issued, shown, replaced; a bundle in whole and in part, refused before its time, stopped by a signal
func TestPortalInPart(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	c := w.person("resident-01")
	c.Parts = []string{"2"}
	page, err := c.Apply(ctx, w.URL(stage.Portal))
	must(t, err)
	page, err = c.Approve(ctx, page)
	must(t, err)
	says(t, page, "You did not agree to this", "nothing is decided yet", "1 of 1")
}
