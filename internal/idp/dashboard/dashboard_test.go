package dashboard_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/account/accounttest"
)

func TestPages(t *testing.T) {
	s := newSite(t)
	b := s.open(t, s.phone)
	cases := []struct{ name, method, path, lang, want string }{
		{"it explains itself", "GET", "/", "ko", "내 신원, 내 정보, 내 결정"},
		{"it leads on who is signed in", "GET", "/", "en", "To my pages"},
		{"it greets in Korean", "GET", "/me", "ko", "<bdi>홍길동</bdi> 님, 안녕하세요."},
		{"it greets in English", "GET", "/me", "en", "Hello, <bdi>HONG GILDONG</bdi>."},
		{"it says what comes after the enrolment", "GET", "/me?enrolled", "en", "Next: put your mobile ID on your phone"},
		{"it marks where the reader is", "GET", "/me", "en", `<a href="/me" aria-current="page">`},
		{"it shows the credential's state", "GET", "/me", "en", `<span class="state state-valid">valid</span>`},
		{"it offers the card as a QR code", "POST", "/me/credentials/offer", "en", `role="img" aria-label="QR code with the offer for your wallet"`},
		{"it shows the transaction code", "POST", "/me/credentials/offer", "en", `<p class="code" id="tx-code">493536</p>`},
		{"it opens the device's wallet", "POST", "/me/credentials/offer", "en", `href="openid-credential-offer://?credential_offer_uri=http%3A%2F%2Flocalhost%2Fo%2F1"`},
		{"it opens the demo wallet", "POST", "/me/credentials/offer", "en", `href="http://localhost:8084/?offer=openid-credential-offer%3A%2F%2F`},
		{"it asks before revoking", "GET", "/me/credentials/c1/revoke", "en", `<form method="post" action="/me/credentials/c1/revoke">`},
		{"it asks which lost phone", "GET", "/me/lost", "en", `<option dir="auto" value="Demo wallet">Demo wallet</option>`},
		{"it asks so in Korean", "GET", "/me/lost", "ko", "모든 지갑의 내 증명서 전부"},
		{"it leads who lost a phone on", "GET", "/me", "en", `<a class="alone" href="/me/lost">`},
		{"it names agencies in Korean", "GET", "/me/consents", "ko", "면허 사무소"},
		{"it names claims in Korean", "GET", "/me/consents", "ko", "시력 충족"},
		{"it names the purpose", "GET", "/me/consents", "en", "Renew the licence"},
		{"it counts uses", "GET", "/me/consents", "en", "1 of 2 times"},
		{"it shows the zone of times", "GET", "/me/consents", "en", "Korean time</time>"},
		{"it names an unknown agency by its id", "GET", "/me/consents", "en", "urn:unknown"},
		{"it asks before withdrawing, without JavaScript", "GET", "/me/consents/g1/withdraw", "en", `<form method="post" action="/me/consents/g1/withdraw">`},
		{"it tells who released what", "GET", "/me/history", "en", "<bdi>Health insurer</bdi> passed on data (use 1)"},
		{"it tells so in Korean", "GET", "/me/history", "ko", "1번째 제공: <bdi>건강 보험</bdi>에서 정보를 제공했습니다"},
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

// The pages are a person's also when the register does not know her any more: a phone
// can be lost, and a card revoked, by who moved away.
func TestPagesOfSomebodyWhoLeftTheRegister(t *testing.T) {
	s := newSite(t)
	b := s.open(t, s.phone)
	nobody, err := account.ReadRegister(strings.NewReader(strings.Join(account.Columns, ",") + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	s.handler.Accounts, err = account.New(account.Options{
		Store: s.Store, Register: nobody, Officers: s.Officers, RP: accounttest.RP, PairwiseSecret: make([]byte, 32), Now: s.Now,
		Replaced: func(context.Context, string) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	r := b.do("GET", "/me", "", "Accept-Language", "en")
	if r.status != http.StatusOK || !strings.Contains(r.body, `<a class="alone" href="/me/lost">`) || strings.Contains(r.body, "<bdi></bdi>") || strings.Contains(r.body, "Hello") {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// A card is offered by a login of just now alone: whoever finds an open browser gets none.
//
//clause:issuer ours: a card is offered, as it is asked for by a wallet, by a login of five minutes at most
func TestOfferWantsALoginOfJustNow(t *testing.T) {
	s := newSite(t)
	b := s.open(t, s.phone)
	s.handler.Now = func() time.Time { return s.Now().Add(4 * time.Minute) }
	if r := b.do("POST", "/me/credentials/offer", ""); r.status != http.StatusOK || !strings.Contains(r.body, "493536") {
		t.Errorf("after four minutes: %d", r.status)
	}
	s.handler.Now = func() time.Time { return s.Now().Add(6 * time.Minute) }
	if r := b.do("POST", "/me/credentials/offer", ""); r.status != http.StatusSeeOther || r.header.Get("Location") != "/login?again=card&next=%2Fme" {
		t.Errorf("after six minutes: %d to %q", r.status, r.header.Get("Location"))
	}
	if r := b.do("POST", "/me/credentials/offer", "", "Accept", "application/json"); r.status != http.StatusForbidden || strings.Contains(r.body, "493536") {
		t.Errorf("a program after six minutes: %d %s", r.status, r.body)
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
	var list struct {
		History []struct {
			Kind   string
			Claims []string
		}
	}
	b.t = t
	r := b.do("GET", "/me/history", "", "Accept", "application/json")
	if err := json.Unmarshal([]byte(r.body), &list); err != nil || len(list.History) != 3 ||
		len(list.History[1].Claims) != 2 || len(list.History[2].Claims) != 1 {
		t.Errorf("what was asked and what was agreed: %s, %v", r.body, err)
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
	if r := b.do("GET", "/me/consents?withdrawn", "", "Accept-Language", "en"); !strings.Contains(r.body, "state-withdrawn") || !strings.Contains(r.body, "The consent is withdrawn") || !strings.Contains(r.body, "<dt>Ended</dt>") {
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

//clause:consent a request that was denied, cancelled or left alone: a proof for the citizen, checked offline
func TestAnswer(t *testing.T) {
	s := newSite(t)
	b := s.open(t, s.phone)
	r := b.do("GET", "/me/answers/g3", "")
	if r.status != 200 || !strings.Contains(r.body, "urn:mydata:answer:g3:2") || !strings.Contains(r.header.Get("Content-Disposition"), "mydata-answer.json") {
		t.Errorf("answer: %+v", r)
	}
	if r := b.do("GET", "/me/consents", "", "Accept-Language", "en"); strings.Contains(r.body, "/me/answers/") {
		t.Error("it offers a proof of what is open, or was granted")
	}
	s.office.denied = true
	if r := b.do("GET", "/me/consents", "", "Accept-Language", "en"); !strings.Contains(r.body, `href="/me/answers/g2"`) || !strings.Contains(r.body, "was not granted") {
		t.Error("it offers no proof of what was denied")
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
		{"it does not know an unknown credential", func(_ *testing.T, _ *site, b, _ *tab) reply { return b.do("POST", "/me/credentials/c2/revoke", "") }, 404},
		{"it keeps a receipt of somebody else", func(_ *testing.T, _ *site, _, b *tab) reply { return b.do("GET", "/me/receipts/g1", "") }, 404},
		{"it has no receipt without a grant", func(_ *testing.T, _ *site, b, _ *tab) reply { return b.do("GET", "/me/receipts/g2", "") }, 404},
		{"it keeps a proof of somebody else", func(_ *testing.T, _ *site, _, b *tab) reply { return b.do("GET", "/me/answers/g3", "") }, 404},
		{"it has no proof of a refusal of what was granted", func(_ *testing.T, _ *site, b, _ *tab) reply { return b.do("GET", "/me/answers/g1", "") }, 404},
		{"it has no proof of an answer that nobody gave", func(_ *testing.T, _ *site, b, _ *tab) reply { return b.do("GET", "/me/answers/g2", "") }, 503},
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
	if r.status != 200 || !strings.Contains(r.body, "step 2 of 2") || !strings.Contains(r.body, "Confirm with: <bdi>iPhone · Safari</bdi>.") {
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
