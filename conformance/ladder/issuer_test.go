package ladder_test

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/citizen"
	"github.com/govmydata/mydata/conformance/stage"
	"github.com/govmydata/mydata/conformance/wallet"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
	"github.com/govmydata/mydata/pkg/credential/sdjwt"
	"github.com/govmydata/mydata/sdk"
)

const officeListing = `{"resident_id": true, "documents": [{"id": "extract", "title": {"en": "Resident extract", "ko": "주민등록 초본"}}]}`

const extractType = "urn:example:resident-extract:1"

// office is an agency of the sandbox that issues a document of its own, and a
// citizen with a wallet.
type office struct {
	*sandbox
	url    string
	trust  sdk.Trust
	issuer *sdk.Issuer
	kim    person
	phone  *wallet.Wallet
	store  string
	later  atomic.Bool // an officer has to look first
}

func openOffice(t *testing.T, copies int) *office {
	t.Helper()
	b := openSandbox(t)
	o := &office{sandbox: b, url: b.URL(stage.Insurer) + "/documents", store: b.Path("phone")}
	b.must("sandbox", "join", "--hub", b.hub, "office", "--out", b.Path("office"), "--documents", o.url, "--listing", b.write("office.json", officeListing))
	b.must("client", "add", "--data", b.folder, "--metadata", b.write("wallet.json", documentedWallet(t, b.URL(stage.Wallet))))
	o.serve()
	o.kim = newPerson(t, b.hub, "synthetic-01", b.letter("synthetic-01"))
	body, err := os.ReadFile(b.Path("office", "trust", "issuer-ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(body)
	store, err := wallet.Open(o.store)
	if err != nil {
		t.Fatal(err)
	}
	o.phone = wallet.New(wallet.Config{ClientID: "phone", RedirectURI: b.URL(stage.Wallet) + "/callback", Issuers: roots, Development: true, Store: store,
		Issuance: wallet.Issuance{Copies: copies}})
	return o
}

// documentedWallet is the registration of the scripted wallet, as docs/agencies.md
// says it, at another address.
func documentedWallet(t *testing.T, address string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/agencies.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(text), "    {\"client_id\": \"demo-wallet\"")
	metadata, _, ended := strings.Cut(after, "\n\n")
	if !found || !ended {
		t.Fatal("docs/agencies.md does not say who the scripted wallet is")
	}
	return `{"client_id": "phone"` + strings.ReplaceAll(metadata, "http://localhost:8084", address)
}

func (b *sandbox) letter(resident string) string {
	b.t.Helper()
	var letter stage.Letter
	if err := json.Unmarshal([]byte(b.must("enrol", "--resident", resident, "--json", "--data", b.folder)), &letter); err != nil {
		b.t.Fatal(err)
	}
	return letter.URL
}

func (o *office) serve() {
	o.t.Helper()
	signer, chain, err := sdk.LoadDocumentKeys(o.Path("office"))
	if err != nil {
		o.t.Fatal(err)
	}
	if o.trust, err = sdk.LoadTrust(o.Path("office", "trust")); err != nil {
		o.t.Fatal(err)
	}
	o.issuer, err = sdk.NewIssuer(o.t.Context(), sdk.IssuerConfig{Trust: o.trust, Keys: keys(o.t, o.Path("office")), Journal: journal(o.t),
		URL: o.url, Signer: signer, Chain: chain, AllowLoopback: true,
		Documents: map[string]sdk.Document{"extract": {Type: extractType, Claims: []string{"address", "household"},
			Load: func(_ context.Context, who sdk.Subject) (sdk.Record, error) {
				if o.later.Load() {
					return nil, sdk.ErrLater
				}
				return sdk.Record{"address": "home of " + who.ResidentID, "household": 3}, nil
			}}}})
	if err != nil {
		o.t.Fatal(err)
	}
	listener, err := new(net.ListenConfig).Listen(o.t.Context(), "tcp", o.Addr(stage.Insurer))
	if err != nil {
		o.t.Fatal(err)
	}
	server := &http.Server{Handler: o.issuer, ReadHeaderTimeout: 5e9}
	go server.Serve(listener)
	o.t.Cleanup(func() { server.Close() })
}

// begin is the wallet at the offer of the office's page: the address that it opens
// in the browser.
func (o *office) begin() string {
	o.t.Helper()
	link, err := o.issuer.Offer("extract")
	if err != nil {
		o.t.Fatal(err)
	}
	offered, err := o.phone.ReadOffer(o.t.Context(), link)
	if err != nil {
		o.t.Fatal(err)
	}
	address, _, err := o.phone.Begin(o.t.Context(), offered)
	if err != nil {
		o.t.Fatal(err)
	}
	return address
}

// It issues an agency's own document: the wallet asks the hub for a token, the
// citizen agrees on a page that names agency and document, the agency's issuer
// takes the token, and a verifier accepts the card until it is revoked.
//
//clause:issuer 6.2, 8.2: `credential_identifiers` in the token response, and by these alone at the agency
func TestTheHubLetsAgenciesIssue(t *testing.T) {
	o := openOffice(t, 1)
	var page citizen.Page
	o.kim.Seen = func(method string, p citizen.Page) {
		if method == http.MethodGet && strings.HasPrefix(p.URL.Path, "/document/") {
			page = p
		}
	}
	back, err := o.kim.Authorize(t.Context(), o.begin())
	if err != nil {
		t.Fatal(err)
	}
	for _, words := range []string{"office", "주민등록 초본", "Scripted wallet"} {
		if !strings.Contains(string(page.Body), words) {
			t.Errorf("the page does not name %s: %s", words, page.Body)
		}
	}
	cards, err := o.phone.Finish(t.Context(), back.Query())
	if err != nil || len(cards) != 1 || cards[0].Issuer != o.url || cards[0].VCT != extractType {
		t.Fatalf("%v %+v", err, cards)
	}
	verifier, err := sdk.NewVerifier(sdk.VerifierConfig{Trust: o.trust, Types: []string{extractType}, AllowLoopback: true})
	if err != nil {
		t.Fatal(err)
	}
	result, err := verifier.Verify(t.Context(), o.present(cards[0]), sdk.Expect{Audience: "me", Nonce: "n"})
	if err != nil || result.Claims["address"] != "home of synthetic-01" || result.Claims["household"] != nil || result.Issuer != o.url {
		t.Fatalf("%v %+v", err, result)
	}
	all, err := o.issuer.Documents(t.Context(), "")
	if err != nil || len(all) != 1 || all[0].Client != "phone" || strings.Contains(all[0].Sub, "synthetic") {
		t.Fatalf("%v %+v", err, all)
	}
	if _, err := o.phone.Finish(t.Context(), back.Query()); err == nil {
		t.Error("the code was good twice")
	}
}

// It gives a wallet copies of a document, after an officer has looked, and one word
// takes all of them back.
//
//clause:kit copies of an agency's document for a key each: no salt, index or time connects them; revoked together
//clause:kit an agency's document that waits for an officer (OpenID4VCI 1.0, 9): the same transaction_id, by any token of this person and wallet, 30 days, over after pick-up
func TestAgenciesGiveCopiesAndLetWait(t *testing.T) {
	o := openOffice(t, 3)
	o.later.Store(true)
	back, err := o.kim.Authorize(t.Context(), o.begin())
	if err != nil {
		t.Fatal(err)
	}
	cards, err := o.phone.Finish(t.Context(), back.Query())
	later, ok := errors.AsType[*wallet.Later](err)
	if !ok || len(cards) != 0 {
		t.Fatalf("%v %+v", err, cards)
	}
	if _, err := o.phone.Collect(t.Context(), later); !errors.As(err, &later) {
		t.Fatalf("it came before it was there: %v", err)
	}
	if waiting, err := o.issuer.Waiting(t.Context()); err != nil || len(waiting) != 1 || waiting[0].Client != "phone" {
		t.Fatalf("%v %+v", err, waiting)
	}
	o.later.Store(false)
	if cards, err = o.phone.Collect(t.Context(), later); err != nil || len(cards) != 3 {
		t.Fatalf("%v %+v", err, cards)
	}
	all, err := o.issuer.Documents(t.Context(), "")
	if err != nil || len(all) != 1 || len(all[0].More) != 2 || all[0].Acceptance != openid4vci.CredentialAccepted {
		t.Fatalf("%v %+v", err, all)
	}
	verify := func(c wallet.Credential) error {
		verifier, err := sdk.NewVerifier(sdk.VerifierConfig{Trust: o.trust, Types: []string{extractType}, AllowLoopback: true})
		if err != nil {
			t.Fatal(err)
		}
		_, err = verifier.Verify(t.Context(), o.present(c), sdk.Expect{Audience: "me", Nonce: "n"})
		return err
	}
	for _, c := range cards {
		if err := verify(c); err != nil {
			t.Error(err)
		}
	}
	if err := o.issuer.Revoke(t.Context(), all[0].ID); err != nil {
		t.Fatal(err)
	}
	for _, c := range cards {
		if err := verify(c); err == nil || !strings.Contains(err.Error(), "revoked") {
			t.Errorf("a copy is left: %v", err)
		}
	}
}

// present shows one claim, with the wallet's own key.
func (o *office) present(c wallet.Credential) string {
	o.t.Helper()
	text, err := os.ReadFile(filepath.Join(o.store, c.ID+".pem"))
	if err != nil {
		o.t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		o.t.Fatal(err)
	}
	parsed, err := sdjwt.Parse(c.Token)
	if err != nil {
		o.t.Fatal(err)
	}
	shown, err := parsed.Present(sdjwt.Path{"address"})
	if err != nil {
		o.t.Fatal(err)
	}
	bound, err := sdjwt.Bind(shown, key.(crypto.Signer), sdjwt.KeyBinding{Audience: "me", Nonce: "n", IssuedAt: time.Now()})
	if err != nil {
		o.t.Fatal(err)
	}
	return bound
}
