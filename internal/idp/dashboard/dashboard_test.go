package dashboard_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/account/accounttest"
	"github.com/govmydata/mydata/internal/idp/dashboard"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/receipt"
	"github.com/govmydata/mydata/pkg/credential"
)

// office stands for the neighbours: one grant, one request and one credential of
// its owner.
type office struct {
	owner     string
	withdrawn bool
	revoked   bool
	slow      bool
}

var day = time.Unix(1_800_000_000, 0)

func detail() consent.Detail {
	return consent.Detail{DataTypes: []string{"health-checkup"}, Purpose: "driving-licence-renewal", MaxUses: 2,
		Claims: []consent.RequestedClaim{{Name: "vision_ok"}, {Name: "remarks", Optional: true}}}
}

func (o *office) records() []consent.Record {
	granted := consent.Record{Grant: "g1", State: consent.StateActive, Since: day, Consumer: "urn:licence", Provider: "urn:insurer",
		MaxUses: 2, Uses: []consent.Use{{At: day}}, Expires: day.Add(720 * time.Hour), Citizen: o.owner,
		Agreed: &consent.Terms{DataSet: consent.DataSet{ID: "health-checkup"}, Purpose: consent.Purpose{Code: "driving-licence-renewal"},
			Claims: []consent.Claim{{Name: "vision_ok"}}}}
	if o.withdrawn {
		granted.State = consent.StateWithdrawn
	}
	return []consent.Record{granted, {Grant: "g2", State: consent.StateRequested, Since: day, Consumer: "urn:unknown", Provider: "urn:insurer", Citizen: o.owner}}
}

func (o *office) Of(_ context.Context, citizen string) ([]consent.Record, error) {
	if citizen != o.owner {
		return nil, nil
	}
	return o.records(), nil
}

func (o *office) History(_ context.Context, citizen string) ([]consent.HistoryEntry, error) {
	if citizen != o.owner {
		return nil, nil
	}
	all := o.records()
	return []consent.HistoryEntry{
		{Event: consent.Event{Grant: "g2", Kind: consent.KindRequested, At: day, By: "consumer"}, Record: all[1], Detail: detail()},
		{Event: consent.Event{Grant: "g1", Kind: consent.KindUsed, At: day, By: "provider", Use: 1}, Record: all[0], Detail: detail()},
	}, nil
}

func (o *office) Withdraw(_ context.Context, id consent.GrantID, citizen string) (consent.Record, error) {
	if id != "g1" {
		return consent.Record{}, consent.ErrUnknown
	}
	if citizen != o.owner {
		return consent.Record{}, consent.ErrForeign
	}
	o.withdrawn = true
	return o.records()[0], nil
}

func (o *office) ForCitizen(ctx context.Context, id consent.GrantID, citizen string) (receipt.Receipt, error) {
	if o.slow {
		return receipt.Receipt{}, context.DeadlineExceeded
	}
	if citizen != o.owner {
		return receipt.Receipt{}, consent.ErrForeign
	}
	if id != "g1" {
		return receipt.Receipt{}, receipt.ErrNotGranted
	}
	return receipt.Receipt{SchemaVersion: receipt.Schema, ID: "urn:mydata:receipt:g1:3"}, ctx.Err()
}

// cards are the issuer's side of the office.
type cards struct{ *office }

func (c cards) Of(_ context.Context, citizen string) ([]credential.Issued, error) {
	if citizen != c.owner {
		return nil, nil
	}
	status := credential.Valid
	if c.revoked {
		status = credential.Revoked
	}
	return []credential.Issued{{ID: "c1", IssuedAt: day, Status: status, Device: "Demo wallet"}}, nil
}

func (c cards) Revoke(_ context.Context, id string) error {
	if id != "c1" {
		return credential.ErrUnknown
	}
	c.revoked = true
	return nil
}

func (c cards) Offer(context.Context, string, string, string, bool) (string, string, error) {
	return "openid-credential-offer://?credential_offer_uri=http%3A%2F%2Flocalhost%2Fo%2F1", "493536", nil
}

func texts() *catalogue.Catalogue {
	return &catalogue.Catalogue{
		Agencies: []catalogue.Agency{
			{ID: "urn:licence", Name: catalogue.Text{"en": "Licence office", "ko": "면허 사무소"}},
			{ID: "urn:insurer", Name: catalogue.Text{"en": "Health insurer", "ko": "건강 보험"}},
		},
		DataSets: []catalogue.DataSet{{ID: "health-checkup", Title: catalogue.Text{"en": "Check-up", "ko": "건강 검진"},
			Fields:  []catalogue.Field{{Name: "remarks", Label: catalogue.Text{"en": "Remarks", "ko": "소견"}}},
			Derived: []catalogue.Derived{{Claim: "vision_ok", Label: catalogue.Text{"en": "Eyesight sufficient", "ko": "시력 충족"}}}}},
		Purposes: []catalogue.Purpose{{Code: "driving-licence-renewal", Text: catalogue.Text{"en": "Renew the licence", "ko": "면허 갱신"}}},
	}
}

type site struct {
	*accounttest.Bench
	office *office
	server *httptest.Server
	phone  *accounttest.Phone
	mine   account.Session
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{Bench: accounttest.New(t), office: &office{}}
	s.phone, s.mine = s.Person(t, "resident-01", false)
	s.office.owner = s.mine.Citizen
	frame := web.New(web.Options{Service: "idp", Development: true, Logger: slog.New(slog.DiscardHandler)})
	mux := http.NewServeMux()
	(&dashboard.Handler{
		Frame: frame, Accounts: s.Accounts, Ledger: s.office, Receipts: s.office, Issuer: cards{s.office}, Offers: cards{s.office},
		Catalogue: texts, Config: "resident_card_sd_jwt", WalletURL: "http://localhost:8084",
	}).Mount(mux)
	s.server = httptest.NewServer(frame.Handler(mux))
	t.Cleanup(s.server.Close)
	return s
}

type tab struct {
	t    *testing.T
	site *site
	http *http.Client
}

// open a browser; with a phone, it is signed in.
func (s *site) open(t *testing.T, p *accounttest.Phone) *tab {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	if p != nil {
		token, _ := s.SignIn(t, p)
		u, _ := url.Parse(s.server.URL)
		jar.SetCookies(u, []*http.Cookie{{Name: "mydata_idp_session", Value: token, Path: "/"}})
	}
	return &tab{t, s, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

type reply struct {
	status int
	header http.Header
	body   string
}

func (b *tab) do(method, path, body string, header ...string) reply {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.site.server.URL+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	if strings.HasPrefix(body, "{") {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := b.http.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return reply{res.StatusCode, res.Header, string(text)}
}

func TestPages(t *testing.T) {
	s := newSite(t)
	b := s.open(t, s.phone)
	cases := []struct{ name, method, path, lang, want string }{
		{"it explains itself", "GET", "/", "ko", "내 신원, 내 정보, 내 결정"},
		{"it leads on who is signed in", "GET", "/", "en", "To my pages"},
		{"it greets in Korean", "GET", "/me", "ko", "홍길동 님, 안녕하세요."},
		{"it greets in English", "GET", "/me", "en", "Hello, HONG GILDONG."},
		{"it says what comes after the enrolment", "GET", "/me?enrolled", "en", "Next: put your mobile ID on your phone"},
		{"it marks where the reader is", "GET", "/me", "en", `<a href="/me" aria-current="page">`},
		{"it shows the credential's state", "GET", "/me", "en", `<span class="state state-valid">valid</span>`},
		{"it offers the card as a QR code", "POST", "/me/credentials/offer", "en", `role="img" aria-label="QR code with the offer for your wallet"`},
		{"it shows the transaction code", "POST", "/me/credentials/offer", "en", `<p class="code" id="tx-code">493536</p>`},
		{"it opens the device's wallet", "POST", "/me/credentials/offer", "en", `href="openid-credential-offer://?credential_offer_uri=http%3A%2F%2Flocalhost%2Fo%2F1"`},
		{"it opens the demo wallet", "POST", "/me/credentials/offer", "en", `href="http://localhost:8084/?offer=openid-credential-offer%3A%2F%2F`},
		{"it asks before revoking", "GET", "/me/credentials/c1/revoke", "en", `<form method="post" action="/me/credentials/c1/revoke">`},
		{"it names agencies in Korean", "GET", "/me/consents", "ko", "면허 사무소"},
		{"it names claims in Korean", "GET", "/me/consents", "ko", "시력 충족"},
		{"it names the purpose", "GET", "/me/consents", "en", "Renew the licence"},
		{"it counts uses", "GET", "/me/consents", "en", "1 of 2 times"},
		{"it shows the zone of times", "GET", "/me/consents", "en", "KST</time>"},
		{"it names an unknown agency by its id", "GET", "/me/consents", "en", "urn:unknown"},
		{"it asks before withdrawing, without JavaScript", "GET", "/me/consents/g1/withdraw", "en", `<form method="post" action="/me/consents/g1/withdraw">`},
		{"it tells who released what", "GET", "/me/history", "en", "Health insurer released data (use 1)"},
		{"it tells so in Korean", "GET", "/me/history", "ko", "1번째 전달: 건강 보험에서 정보를 보냈습니다"},
		{"it hands out receipts", "GET", "/me/history", "en", `href="/me/receipts/g1"`},
		{"it names passkeys by device", "GET", "/me/passkeys", "en", "iPhone · Safari"},
		{"it says why the only passkey stays", "GET", "/me/passkeys", "en", "This is your only passkey"},
		{"it refuses to ask for the last passkey's removal", "GET", "/me/passkeys/remove/" + s.phone.ID(), "en", "Add another one first"},
		{"it takes two steps to add", "GET", "/me/passkeys/add", "en", "step 1 of 2"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b.t = t
			r := b.do(c.method, c.path, "", "Accept-Language", c.lang)
			if r.status != 200 || !strings.Contains(r.body, c.want) {
				t.Errorf("%d, want %q in\n%s", r.status, c.want, r.body)
			}
			if strings.Contains(r.body, "ZgotmplZ") || strings.Contains(r.body, "<no value>") || strings.Count(r.body, "<h1") != 1 {
				t.Errorf("a broken page:\n%s", r.body)
			}
		})
	}
}

func TestLists(t *testing.T) {
	s := newSite(t)
	b := s.open(t, s.phone)
	for path, want := range map[string]string{
		"/me":          `"credentials":[{"id":"c1"`,
		"/me/consents": `"consents":[{"grant_id":"g1","state":"active","consumer":{"id":"urn:licence"`,
		"/me/history":  `"history":[{"grant_id":"g2","kind":"requested"`,
		"/me/passkeys": `"passkeys":[{"id":"` + s.phone.ID(),
	} {
		t.Run("it lists "+path+" for programs", func(t *testing.T) {
			b.t = t
			r := b.do("GET", path, "", "Accept", "application/json")
			if r.status != 200 || r.header.Get("Content-Type") != "application/json" || !strings.Contains(r.body, want) || !json.Valid([]byte(r.body)) {
				t.Errorf("%d %s", r.status, r.body)
			}
		})
	}
	other, _ := s.Person(t, "resident-07", false)
	stranger := s.open(t, other)
	for path, want := range map[string]string{"/me": `{"credentials":[]}`, "/me/consents": `{"consents":[]}`, "/me/history": `{"history":[]}`} {
		t.Run("it lists nothing of others at "+path, func(t *testing.T) {
			stranger.t = t
			if r := stranger.do("GET", path, "", "Accept", "application/json"); strings.TrimSpace(r.body) != want {
				t.Errorf("%d %s", r.status, r.body)
			}
		})
	}
}

func TestWithdrawAndRevoke(t *testing.T) {
	s := newSite(t)
	b := s.open(t, s.phone)
	r := b.do("POST", "/me/consents/g1/withdraw", "")
	if r.status != http.StatusSeeOther || r.header.Get("Location") != "/me/consents?withdrawn" || !s.office.withdrawn {
		t.Errorf("withdraw: %+v", r)
	}
	if r := b.do("GET", "/me/consents?withdrawn", "", "Accept-Language", "en"); !strings.Contains(r.body, "state-withdrawn") || !strings.Contains(r.body, "The consent is withdrawn") {
		t.Errorf("after withdrawing: %s", r.body)
	}
	if r := b.do("GET", "/me/consents/g1/withdraw", ""); r.status != http.StatusConflict {
		t.Errorf("asking again: %d", r.status)
	}
	if r := b.do("POST", "/me/credentials/c1/revoke", ""); r.status != http.StatusSeeOther || !s.office.revoked {
		t.Errorf("revoke: %+v", r)
	}
	r = b.do("GET", "/me/receipts/g1", "")
	if r.status != 200 || !strings.Contains(r.body, "urn:mydata:receipt:g1:3") || !strings.HasPrefix(r.header.Get("Content-Disposition"), "attachment") {
		t.Errorf("receipt: %+v", r)
	}
}

func TestRefusals(t *testing.T) {
	cases := []struct {
		name   string
		do     func(t *testing.T, s *site, mine, others *tab) reply
		status int
	}{
		{"it hides a grant of somebody else", func(_ *testing.T, _ *site, _, b *tab) reply { return b.do("GET", "/me/consents/g1/withdraw", "") }, 404},
		{"it keeps a grant of somebody else", func(_ *testing.T, _ *site, _, b *tab) reply { return b.do("POST", "/me/consents/g1/withdraw", "") }, 404},
		{"it does not know an unknown grant", func(_ *testing.T, _ *site, b, _ *tab) reply { return b.do("POST", "/me/consents/nope/withdraw", "") }, 404},
		{"it does not withdraw what is not granted", func(_ *testing.T, _ *site, b, _ *tab) reply { return b.do("GET", "/me/consents/g2/withdraw", "") }, 409},
		{"it hides a credential of somebody else", func(_ *testing.T, _ *site, _, b *tab) reply { return b.do("GET", "/me/credentials/c1/revoke", "") }, 404},
		{"it keeps a credential of somebody else", func(_ *testing.T, _ *site, _, b *tab) reply { return b.do("POST", "/me/credentials/c1/revoke", "") }, 404},
		{"it keeps a receipt of somebody else", func(_ *testing.T, _ *site, _, b *tab) reply { return b.do("GET", "/me/receipts/g1", "") }, 404},
		{"it has no receipt without a grant", func(_ *testing.T, _ *site, b, _ *tab) reply { return b.do("GET", "/me/receipts/g2", "") }, 404},
		{"it asks for patience while the log is behind", func(_ *testing.T, s *site, b, _ *tab) reply {
			s.office.slow = true
			return b.do("GET", "/me/receipts/g1", "")
		}, 503},
		{"it hides a passkey of somebody else", func(_ *testing.T, s *site, _, b *tab) reply {
			return b.do("GET", "/me/passkeys/remove/"+s.phone.ID(), "")
		}, 404},
		{"it keeps a passkey of somebody else", func(_ *testing.T, s *site, _, b *tab) reply {
			return b.do("POST", "/me/passkeys/remove/"+s.phone.ID()+"/options", `{}`)
		}, 404},
		{"it keeps the last passkey", func(_ *testing.T, s *site, b, _ *tab) reply {
			return b.do("POST", "/me/passkeys/remove/"+s.phone.ID()+"/options", `{}`)
		}, 409},
		{"it refuses a withdrawal that another site posts", func(_ *testing.T, _ *site, b, _ *tab) reply {
			return b.do("POST", "/me/consents/g1/withdraw", "", "Sec-Fetch-Site", "cross-site")
		}, 403},
		{"it refuses a withdrawal of an old browser on another site", func(_ *testing.T, _ *site, b, _ *tab) reply {
			return b.do("POST", "/me/consents/g1/withdraw", "", "Origin", "https://evil.example")
		}, 403},
		{"it does not withdraw by a link", func(_ *testing.T, s *site, b, _ *tab) reply {
			b.do("GET", "/me/consents/g1/withdraw?yes", "")
			if s.office.withdrawn {
				t.Error("a GET withdrew")
			}
			return b.do("PUT", "/me/consents/g1/withdraw", "")
		}, 405},
		{"it refuses a change without an answer", func(_ *testing.T, _ *site, b, _ *tab) reply { return b.do("POST", "/me/passkeys/change", `{}`) }, 400},
		{"it refuses a change that is no JSON", func(_ *testing.T, _ *site, b, _ *tab) reply { return b.do("POST", "/me/passkeys/change", `{`) }, 400},
		{"it tells programs to sign in", func(t *testing.T, s *site, _, _ *tab) reply {
			return s.open(t, nil).do("GET", "/me/consents", "", "Accept", "application/json")
		}, 401},
		{"it tells forms to sign in", func(t *testing.T, s *site, _, _ *tab) reply {
			return s.open(t, nil).do("POST", "/me/consents/g1/withdraw", "")
		}, 401},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			other, _ := s.Person(t, "resident-07", false)
			r := c.do(t, s, s.open(t, s.phone), s.open(t, other))
			if r.status != c.status || s.office.withdrawn || s.office.revoked {
				t.Errorf("%d, want %d; withdrawn %v, revoked %v\n%s", r.status, c.status, s.office.withdrawn, s.office.revoked, r.body)
			}
		})
	}
	s := newSite(t)
	r := s.open(t, nil).do("GET", "/me/history", "")
	if r.status != http.StatusSeeOther || r.header.Get("Location") != "/login?next=%2Fme%2Fhistory" {
		t.Errorf("a person is led to the login: %+v", r)
	}
}

func TestPasskeyWalk(t *testing.T) {
	s := newSite(t)
	b := s.open(t, s.phone)
	fresh := accounttest.NewPhone()
	post := func(path, body string, into any) {
		t.Helper()
		r := b.do("POST", path, body)
		if r.status != 200 || json.Unmarshal([]byte(r.body), into) != nil {
			t.Fatalf("%s: %d %s", path, r.status, r.body)
		}
	}
	var options json.RawMessage
	var next struct{ Next string }
	post("/me/passkeys/add/options", `{}`, &options)
	post("/me/passkeys/add/finish", `{"credential":`+string(fresh.Create(t, options))+`}`, &next)
	r := b.do("GET", next.Next, "", "Accept-Language", "en")
	if r.status != 200 || !strings.Contains(r.body, "step 2 of 2") || !strings.Contains(r.body, "Confirm with: iPhone · Safari.") {
		t.Fatalf("confirm: %d %s", r.status, r.body)
	}
	post(next.Next+"/options", `{}`, &options)
	post("/me/passkeys/change", `{"credential":`+string(s.phone.Get(t, options))+`}`, &next)
	r = b.do("GET", next.Next, "", "Accept-Language", "en")
	if !strings.Contains(r.body, "Your passkeys are changed") || strings.Contains(r.body, "only passkey") {
		t.Errorf("after adding: %s", r.body)
	}
	r = b.do("GET", "/me/passkeys/remove/"+s.phone.ID(), "", "Accept-Language", "en")
	if r.status != 200 || !strings.Contains(r.body, "you will be signed out") {
		t.Errorf("removing one's own: %d %s", r.status, r.body)
	}
	post("/me/passkeys/remove/"+s.phone.ID()+"/options", `{}`, &options)
	post("/me/passkeys/change", `{"credential":`+string(fresh.Get(t, options))+`}`, &next)
	if r := b.do("GET", "/me", ""); r.status != http.StatusSeeOther {
		t.Errorf("the removed passkey's session still opens pages: %d", r.status)
	}
	keys, err := s.Passkeys(t.Context(), s.mine.Citizen)
	if err != nil || len(keys) != 1 || keys[0].ID != fresh.ID() {
		t.Errorf("%+v, %v", keys, err)
	}
}
