package dashboard_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/receipt"
)

// Each release says who gave what to whom, what for, by what right and when, and
// leads to its receipt, to "Not me" and to "Wrong data".
func TestReleaseReads(t *testing.T) {
	l := newLedgered(t)
	r := l.granted(t)
	l.world.Pass(time.Hour)
	l.used(t, r, 1)
	b, page := l.open(t, l.phone), "/me/history/"+string(r.Grant)+"/3"
	b.shows(t, "/me/history", "en",
		"<bdi>Health Insurance (demo)</bdi> passed on data (use 1)", "Renewing a driving licence", "<bdi>Eyesight is sufficient</bdi>", "<bdi>Left eyesight</bdi>",
		"Your consent of <time", "not yet", `href="`+page+`/not-me" id="entry-3-not-me" aria-labelledby="entry-3-not-me entry-3 entry-3-set entry-3-when"`, `href="`+page+`/wrong-data" id="entry-3-wrong" aria-labelledby="entry-3-wrong entry-3 entry-3-set entry-3-when"`,
		`href="/me/receipts/`+string(r.Grant)+`"`)
	b.shows(t, "/me/history", "ko", "내가 한 것이 아님", "정보가 틀림", "운전면허 갱신", "본인의 동의:")
	b.shows(t, page+"/wrong-data", "en", `<a class="alone" href="mailto:privacy@agency.example">`, "<code>"+string(r.Grant)+"</code>", "<dd>1</dd>", "never saw the values")
	b.shows(t, page+"/wrong-data", "ko", "국민건강보험 (데모)", "동의 번호")
	commit := l.world.Commit(r, 2, nil)
	if _, err := l.world.Ledger.Use(t.Context(), commit); err != nil {
		t.Fatal(err)
	}
	if _, err := l.world.Ledger.Received(t.Context(), l.world.Received(r, 2, commit, nil)); err != nil {
		t.Fatal(err)
	}
	var list struct {
		History []struct {
			Kind       string
			Use        int
			AgreedAt   time.Time `json:"agreed_at"`
			ReceivedAt time.Time `json:"received_at"`
		}
	}
	if err := json.Unmarshal([]byte(b.do("GET", "/me/history", "", "Accept", "application/json").body), &list); err != nil {
		t.Fatal(err)
	}
	for _, e := range list.History {
		if e.Kind == "used" && (!e.AgreedAt.Equal(l.world.Now().Add(-time.Hour)) || e.ReceivedAt.IsZero() != (e.Use == 1)) {
			t.Errorf("%+v", e)
		}
	}
}

// "Not me" stops everything that stands, at once, by a session alone; records
// why, and ends other logins; and says what to do next.
func TestNotMe(t *testing.T) {
	l := newLedgered(t)
	r, other := l.granted(t), l.granted(t)
	l.used(t, r, 1)
	b, elsewhere, page := l.open(t, l.phone), l.open(t, l.phone), "/me/history/"+string(r.Grant)+"/3/not-me"
	b.shows(t, page, "en", `<form method="post" action="`+page+`">`, "Stop passing on data", "you are signed out everywhere else")
	l.want(t, "asked", r.Grant, consent.StateActive, "")
	b.moves(t, page, page+"?done")
	for _, id := range []consent.GrantID{r.Grant, other.Grant} {
		l.want(t, "frozen", id, consent.StatePaused, consent.PausedNotMe)
	}
	if r := elsewhere.do("GET", "/me/history", "", "Accept", "application/json"); r.status != http.StatusUnauthorized {
		t.Errorf("another login goes on: %d", r.status)
	}
	if _, err := l.world.Ledger.Use(t.Context(), l.world.Commit(r, 2, nil)); err == nil {
		t.Error("it is released all the same")
	}
	b.shows(t, page+"?done", "en", "Consents paused now: 2.", `href="/me/passkeys"`, "privacy@agency.example", "<code>"+string(r.Grant)+"</code>")
	b.shows(t, page+"?done", "ko", "일시 중지된 동의: 2건")
	b.shows(t, "/me/history", "en", "Paused because you did not recognise something", "You paused the consent", "You said: not me",
		"You said that this was not you.", `<a href="#entry-5"><bdi>Health Insurance (demo)</bdi> passed on data (use 1)</a>`)
	b.shows(t, "/me/history", "ko", "본인이 한 일이 아니라고 알리셨습니다.")
	b.shows(t, "/me/consents", "en", "Paused because you did not recognise something in your history. Nothing is passed on. Resuming needs your passkey.")
	b.moves(t, page, page+"?done")
	if n := l.disowned(t, b); len(n) != 1 {
		t.Errorf("pressed twice, it is written down as %v", n)
	}
	whole, err := receipt.Assembler{Ledger: l.world.Ledger, Proofs: l.world.Log}.ForCitizen(t.Context(), r.Grant, l.mine.Citizen)
	if err != nil {
		t.Fatal(err)
	}
	if last := whole.Events[len(whole.Events)-1]; last.Event.Kind != consent.KindDisowned || last.Event.Disowns != 3 || last.Proof == "" {
		t.Errorf("the receipt proves %+v", last)
	}
}

func TestNotMeRefuses(t *testing.T) {
	l := newLedgered(t)
	r := l.granted(t)
	l.used(t, r, 1)
	b, page := l.open(t, l.phone), "/me/history/"+string(r.Grant)+"/3/not-me"
	person, _ := l.Person(t, "resident-07", false)
	stranger := l.open(t, person)
	for _, c := range []struct {
		name, method, path string
		tab                *tab
		status             int
	}{
		{"it is nobody else's to stop", "POST", page, stranger, http.StatusNotFound},
		{"it is nobody else's to see", "GET", page, stranger, http.StatusNotFound},
		{"it tells no stranger what to quote", "GET", strings.Replace(page, "not-me", "wrong-data", 1), stranger, http.StatusNotFound},
		{"it wants a session", "POST", page, l.open(t, nil), http.StatusUnauthorized},
		{"it knows no entry that is not", "POST", strings.Replace(page, "/3/", "/4/", 1), b, http.StatusNotFound},
		{"it knows no other spelling", "POST", strings.Replace(page, "/3/", "/03/", 1), b, http.StatusNotFound},
		{"it knows no number that is none", "GET", strings.Replace(page, "/3/", "/x/", 1), b, http.StatusNotFound},
		{"it has wrong data in a release alone", "GET", strings.Replace(page, "/3/not-me", "/2/wrong-data", 1), b, http.StatusNotFound},
		{"it stops nothing by a link", "PUT", page, b, http.StatusMethodNotAllowed},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.tab.t = t
			if r := c.tab.do(c.method, c.path, ""); r.status != c.status {
				t.Errorf("%d, want %d", r.status, c.status)
			}
			l.want(t, "afterwards", r.Grant, consent.StateActive, "")
		})
	}
}

// disowned are the entries that the history says were disowned, by kind.
func (l *ledgered) disowned(t *testing.T, b *tab) []string {
	t.Helper()
	var list struct {
		History []struct {
			Kind     string
			Seq      int64
			Disowns  int64
			Disowned bool
		}
	}
	if err := json.Unmarshal([]byte(b.do("GET", "/me/history", "", "Accept", "application/json").body), &list); err != nil {
		t.Fatal(err)
	}
	var said []string
	events := 0
	for _, e := range list.History {
		if e.Disowned {
			said = append(said, e.Kind)
		}
		if e.Kind == string(consent.KindDisowned) && e.Disowns > 0 {
			events++
		}
	}
	if events != len(said) {
		t.Errorf("%d events for %v", events, said)
	}
	return said
}

// Where no consent stands any more, or never did, "Not me" leaves its trace all
// the same: with what was denied, with a request that waits, with what is over.
func TestNotMeWhereNothingStands(t *testing.T) {
	l := newLedgered(t)
	b := l.open(t, l.phone)
	asked := func() consent.GrantID {
		r, err := l.world.Ledger.Request(t.Context(), l.world.Request(l.mine.Citizen, nil))
		if err != nil {
			t.Fatal(err)
		}
		return r.Grant
	}
	denied, waiting, over := asked(), asked(), l.granted(t)
	l.used(t, over, 1)
	if _, err := l.world.Ledger.Deny(t.Context(), denied, l.mine.Citizen); err != nil {
		t.Fatal(err)
	}
	if _, err := l.world.Ledger.Withdraw(t.Context(), over.Grant, l.mine.Citizen); err != nil {
		t.Fatal(err)
	}
	for i, at := range []string{string(denied) + "/2", string(denied) + "/1", string(waiting) + "/1", string(over.Grant) + "/3", string(over.Grant) + "/4"} {
		page := "/me/history/" + at + "/not-me"
		b.shows(t, "/me/history", "en", `href="`+page+`"`)
		b.moves(t, page, page+"?done")
		b.shows(t, page+"?done", "en", "You had no active consent")
		if said := l.disowned(t, b); len(said) != i+1 {
			t.Errorf("%s: it is written down as %v", at, said)
		}
	}
	l.want(t, "denied", denied, consent.StateDenied, "")
	l.want(t, "over", over.Grant, consent.StateWithdrawn, "")
	answer, err := receipt.Assembler{Ledger: l.world.Ledger, Proofs: l.world.Log}.AnswerForCitizen(t.Context(), denied, l.mine.Citizen)
	if err != nil {
		t.Fatal(err)
	}
	report := receipt.NewVerifier(l.world.Trust).VerifyAnswer(answer)
	if n := len(answer.Events); n != 4 || !report.OK() {
		t.Errorf("the proof of the denied request has %d events: %+v", n, report.Failed())
	}
}

// The page of a withdrawn consent shows when it was, when the last release
// before it was, and that none came after.
func TestWithdrawalIsMeasured(t *testing.T) {
	l := newLedgered(t)
	b := l.open(t, l.phone)
	r := l.granted(t)
	l.used(t, r, 1)
	l.world.Pass(26*time.Hour + 3*time.Minute)
	if _, err := l.world.Ledger.Withdraw(t.Context(), r.Grant, l.mine.Citizen); err != nil {
		t.Fatal(err)
	}
	for _, page := range []string{"/me/consents", "/me/history"} {
		b.shows(t, page, "en", "(<bdi>1 d 2 h</bdi> earlier)", "<dt>Passed on afterwards</dt><dd>none</dd>")
		b.shows(t, page, "ko", "(<bdi>1일 2시간</bdi> 전)")
	}
	var list struct {
		Consents []struct {
			Withdrawal struct {
				At         time.Time
				LastCommit time.Time `json:"last_commit"`
				After      *int      `json:"commits_after"`
			}
		}
	}
	if err := json.Unmarshal([]byte(b.do("GET", "/me/consents", "", "Accept", "application/json").body), &list); err != nil {
		t.Fatal(err)
	}
	if w := list.Consents[0].Withdrawal; w.After == nil || *w.After != 0 || w.At.Sub(w.LastCommit) != 26*time.Hour+3*time.Minute {
		t.Errorf("%+v", w)
	}
	never := l.granted(t)
	if _, err := l.world.Ledger.Withdraw(t.Context(), never.Grant, l.mine.Citizen); err != nil {
		t.Fatal(err)
	}
	b.shows(t, "/me/consents", "en", "<dt>Last passed on before</dt><dd>none</dd>")
}

// What the operator's database says after a withdrawal is shown, not hidden.
func TestReleaseAfterWithdrawalShows(t *testing.T) {
	s := newSite(t)
	s.office.withdrawn, s.office.late = true, true
	s.open(t, s.phone).shows(t, "/me/consents", "en", `<dd><strong class="bad">1</strong></dd>`)
}

// Downloads are made of the receipt, and are only the citizen's.
func TestExports(t *testing.T) {
	l := newLedgered(t)
	r := l.granted(t)
	l.used(t, r, 1)
	b, path := l.open(t, l.phone), "/me/receipts/"+string(r.Grant)
	person, _ := l.Person(t, "resident-07", false)
	stranger := l.open(t, person)
	for suffix, c := range map[string]struct{ media, name, want string }{
		"/record":  {"application/ld+json", "mydata-consent-record.jsonld", `"dct:conformsTo":"dpv-27560:receipt-record"`},
		"/details": {"application/json", "mydata-authorization-details.json", `{"authorization_details":[{`},
	} {
		got := b.do("GET", path+suffix, "")
		if got.status != http.StatusOK || got.header.Get("Content-Type") != c.media || !strings.Contains(got.header.Get("Content-Disposition"), c.name) ||
			!strings.Contains(got.body, c.want) || !json.Valid([]byte(got.body)) {
			t.Errorf("%s: %d %v %s", suffix, got.status, got.header, got.body)
		}
		b.shows(t, "/me/consents", "en", `href="`+path+suffix+`" download="`+c.name+`"`)
		if got := stranger.do("GET", path+suffix, ""); got.status != http.StatusNotFound {
			t.Errorf("%s of somebody else: %d", suffix, got.status)
		}
		if got := b.do("GET", "/me/receipts/nope"+suffix, ""); got.status != http.StatusNotFound {
			t.Errorf("%s of nothing: %d", suffix, got.status)
		}
	}
}
