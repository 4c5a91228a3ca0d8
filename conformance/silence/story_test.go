package silence_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/govmydata/mydata/conformance/citizen"
	"github.com/govmydata/mydata/conformance/stage"
	"github.com/govmydata/mydata/conformance/wallet"
)

// letter has the operator write one, and names its code.
func (s *scene) letter(t *testing.T, resident string) stage.Letter {
	t.Helper()
	l, err := s.Letter(t.Context(), resident, false)
	if err != nil {
		t.Fatal(err)
	}
	s.secrets.Add(l.Code, "a letter")
	return l
}

// live is the story as it should go, and the refusals that belong to it.
func (s *scene) live(t *testing.T) {
	ctx, licence, verifier := t.Context(), s.URL(stage.Licence), s.URL(stage.Verifier)
	config, err := citizen.WalletConfig(s.Path("trust"), s.URL(stage.Wallet))
	if err != nil {
		t.Fatal(err)
	}
	c, w := citizen.New(s.URL(stage.IDP), "resident-01"), wallet.New(config)
	c.Seen = func(_ string, p citizen.Page) {
		if p.URL.Path == "/me/history" {
			s.correlated = p.Header.Get("X-Correlation-Id")
		}
	}
	letter := s.letter(t, "resident-01")
	var grant string
	var page citizen.Page
	refused := func(status int, err error) error {
		if citizen.Refused(err, status) {
			return nil
		}
		return fmt.Errorf("want a refusal with %d, not %w", status, err)
	}
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"enrol", func() error { return c.Enrol(ctx, letter.URL) }},
		{"enrol again", func() error { return c.Enrol(ctx, letter.Code) }},
		{"receive a card", func() error { _, err := c.Receive(ctx, w); return err }},
		{"receive another", func() error { _, err := c.ReceiveByLogin(ctx, w); return err }},
		{"mistype a transaction code", func() error { return mistype(ctx, c, w) }},
		{"prove it", func() error { return proves(ctx, c, w, verifier, "verified") }},
		{"renew", func() (err error) { grant, err = c.Renew(ctx, licence, "checked_on"); return err }},
		{"use it again", func() error { return c.Again(ctx, licence, grant) }},
		{"use it once more", func() error { return refused(http.StatusConflict, c.Again(ctx, licence, grant)) }},
		{"renew anew", func() (err error) { grant, err = c.Renew(ctx, licence); return err }},
		{"look at the history", func() error { _, err := c.History(ctx); return err }},
		{"download a receipt", func() error { _, err := c.Receipt(ctx, grant); return err }},
		{"withdraw", func() error { return c.Withdraw(ctx, grant) }},
		{"use what is withdrawn", func() error { return refused(http.StatusConflict, c.Again(ctx, licence, grant)) }},
		{"add a passkey", func() error { return c.AddPasskey(ctx) }},
		{"remove a passkey", func() error { return c.RemovePasskey(ctx, citizen.ID(c.Phone.Keys[0])) }},
		{"ask and deny", func() error {
			if page, err = c.Ask(ctx, licence); err != nil {
				return err
			}
			_, err = c.Deny(ctx, page)
			return refused(http.StatusConflict, err)
		}},
		{"revoke the cards", func() error { return revoke(ctx, c) }},
		{"decline to prove it", func() error { return declines(ctx, c, w, verifier) }},
		{"log out and in", func() error { return errors.Join(c.Logout(ctx), c.Login(ctx)) }},
		{"look at the demo wallet", func() error { _, err := c.Open(ctx, s.URL(stage.Wallet)+"/"); return err }},
		{"look at the insurer", func() error { _, err := c.Open(ctx, s.URL(stage.Insurer)+"/"); return err }},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
	}
}

func mistype(ctx context.Context, c *citizen.Citizen, w *wallet.Wallet) error {
	link, _, err := c.Offer(ctx)
	if err != nil {
		return err
	}
	offered, err := w.ReadOffer(ctx, link)
	if err != nil {
		return err
	}
	if _, err := w.Accept(ctx, offered, "987123"); err == nil {
		return errors.New("a wrong transaction code is taken")
	}
	return nil
}

func proves(ctx context.Context, c *citizen.Citizen, w *wallet.Wallet, verifier, want string) error {
	status, err := c.Prove(ctx, verifier, w)
	if err == nil && status != want {
		err = fmt.Errorf("status %q", status)
	}
	return err
}

func declines(ctx context.Context, c *citizen.Citizen, w *wallet.Wallet, verifier string) error {
	page, err := c.BeginProof(ctx, verifier)
	if err != nil {
		return err
	}
	asked, err := w.ReadRequest(ctx, citizen.ProofLink(page))
	if err != nil {
		return err
	}
	_, err = w.Decline(ctx, asked)
	return err
}

func revoke(ctx context.Context, c *citizen.Citizen) error {
	cards, err := c.Credentials(ctx)
	for _, card := range cards {
		err = errors.Join(err, c.Revoke(ctx, card.ID))
	}
	return err
}

// A wrong is a message that cannot be taken, with a value in every place that
// could hold one.
type wrong struct {
	process, method, path, contentType, body string
}

const (
	formType = "application/x-www-form-urlencoded"
	jsonType = "application/json"
	joseType = "application/jose"
)

func wrongs() []wrong {
	n := 0
	value := func(like string) string { n++; return fmt.Sprintf("Geheim%03dX%s", n, like) }
	token := func() string { return "eyJhbGciOiJFUzI1NiJ9." + value("aaaaaaaa") + "." + value("bbbbbbbb") }
	form := func(pairs ...string) string {
		f := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			f.Set(pairs[i], pairs[i+1])
		}
		return f.Encode()
	}
	all := []wrong{
		{stage.IDP, "GET", "/" + url.PathEscape("홍길동") + "/840312-9000011", "", ""},
		{stage.IDP, "GET", "/enrol?code=" + value("code"), "", ""},
		{stage.IDP, "GET", "/authorize?client_id=demo-wallet&request_uri=" + value("uri") + "&state=" + value("state"), "", ""},
		{stage.IDP, "GET", "/authorize/callback?id=" + value("id"), "", ""},
		{stage.IDP, "GET", "/login?request=" + value("request"), "", ""},
		{stage.IDP, "GET", "/credential-offer/" + value("offer"), "", ""},
		{stage.IDP, "GET", "/log/proof?leaf=" + value("leaf"), "", ""},
		{stage.IDP, "GET", "/me/history", "", ""},
		{stage.Verifier, "GET", "/request/" + value("handle"), "", ""},
		{stage.Verifier, "GET", "/result/none?response_code=" + value("code"), "", ""},
		{stage.Verifier, "POST", "/response/" + value("handle"), formType, form("response", token(), "state", value("state"))},
		{stage.Verifier, "POST", "/requests", formType, form("ask", value("ask"))},
		{stage.Licence, "GET", "/callback?code=" + value("code") + "&state=" + value("state") + "&iss=x", "", ""},
		{stage.Wallet, "GET", "/callback?code=" + value("code") + "&state=" + value("state"), "", ""},
		{stage.Wallet, "GET", "/?offer=" + value("offer"), "", ""},
		{stage.Insurer, "POST", "/release", jsonType, `{"request":"` + token() + `","terms":{"name":"홍길동"},"idempotency_key":"` + value("key") + `"}`},
		{stage.Insurer, "POST", "/release", joseType, token()},
		{stage.Witness(1), "POST", "/add-checkpoint", "", "old 0\n\n" + value("origin") + "\n1\n" + value("root") + "\n"},
	}
	for _, path := range []string{"/login/finish", "/enrol/options", "/enrol/finish", "/credential", "/notification", "/me/passkeys/change"} {
		all = append(all,
			wrong{stage.IDP, "POST", path, jsonType, `{"credential":{"id":"` + value("id") + `","rawId":"` + value("raw") + `","type":"public-key","response":{"clientDataJSON":"` +
				value("data") + `","signature":"` + value("sig") + `","userHandle":"` + value("handle") + `"}},"code":"` + value("code") + `"}`},
			wrong{stage.IDP, "POST", path, jsonType, `{"name":"홍길동` + value("broken")})
	}
	for _, path := range []string{"/agency/commits", "/agency/received", "/agency/receipts/" + value("grant")} {
		all = append(all, wrong{stage.IDP, "POST", path, joseType, token()})
	}
	for _, path := range []string{"/token", "/par", "/introspect", "/revoke"} {
		for _, grant := range []string{"authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:pre-authorized_code", value("grant")} {
			all = append(all, wrong{stage.IDP, "POST", path, formType, form("grant_type", grant, "client_id", "demo-wallet", "code", value("code"),
				"refresh_token", value("refresh"), "pre-authorized_code", value("pre"), "tx_code", "555777", "code_verifier", value("verifier"),
				"token", token(), "request", token(), "state", value("state"), "redirect_uri", "http://localhost/"+value("path"))},
				wrong{stage.IDP, "POST", path, formType, form("grant_type", grant, "client_assertion", token(), "client_assertion_type",
					"urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "request", token(), "code", value("code"))})
		}
	}
	return all
}

// fail sends every wrong, with and without tokens, codes and cookies that are
// wrong too, and counts them.
func (s *scene) fail(t *testing.T) (sent int) {
	for n, wrong := range wrongs() {
		for _, header := range []http.Header{
			{"Accept": {jsonType}},
			{"Authorization": {"DPoP " + fmt.Sprintf("eyJhbGciOiJFUzI1NiJ9.Header%03dToken.Header%03dSign", n, n)},
				"Dpop":   {fmt.Sprintf("eyJhbGciOiJFUzI1NiJ9.Proof%03dToken.Proof%03dSign", n, n)},
				"Cookie": {fmt.Sprintf("mydata_idp_session=Session%03dCookie; mydata_idp_browser=Browser%03dCookie", n, n)}},
			{"Authorization": {fmt.Sprintf("Basic R2VoZWltOkJhc2lj%03d", n)}},
		} {
			req, err := http.NewRequestWithContext(t.Context(), wrong.method, s.URL(wrong.process)+wrong.path, strings.NewReader(wrong.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header = header
			if wrong.contentType != "" {
				req.Header.Set("Content-Type", wrong.contentType)
			}
			res, err := http.DefaultTransport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode >= 500 {
				t.Errorf("%s %s: %s", wrong.method, wrong.path, res.Status)
			}
			sent++
		}
	}
	return sent
}
