package dashboard_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
)

// Each release says who gave what to whom, what for, by what right and when, and
// leads to its receipt, to "Not me" and to "Wrong data".
func TestReleaseReads(t *testing.T) {
	l := newLedgered(t)
	r := l.granted(t)
	l.world.Pass(time.Hour)
	l.used(t, r, 1)
	b, page := l.open(t, l.phone), "/me/releases/"+string(r.Grant)+"/1"
	b.shows(t, "/me/history", "en",
		"<bdi>Health Insurance (demo)</bdi> released data (use 1)", "Renewing a driving licence", "<bdi>Eyesight is sufficient</bdi>", "<bdi>Left eyesight</bdi>",
		"Your consent of <time", "not yet", `href="`+page+`/not-me" aria-describedby="entry-3"`, `href="`+page+`/wrong-data" aria-describedby="entry-3"`,
		`href="/me/receipts/`+string(r.Grant)+`"`)
	b.shows(t, "/me/history", "ko", "내가 한 것이 아님", "정보가 틀림", "운전면허 갱신", "본인의 동의:")
	b.shows(t, page+"/wrong-data", "en", `<a href="mailto:privacy@agency.example">`, "<code>"+string(r.Grant)+"</code>", "<dd>1</dd>", "never saw the values")
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
// why; and says what to do next.
func TestNotMe(t *testing.T) {
	l := newLedgered(t)
	r, other := l.granted(t), l.granted(t)
	l.used(t, r, 1)
	b, page := l.open(t, l.phone), "/me/releases/"+string(r.Grant)+"/1/not-me"
	b.shows(t, page, "en", `<form method="post" action="`+page+`">`, "Stop all releases")
	l.want(t, "asked", r.Grant, consent.StateActive, "")
	b.moves(t, page, page+"?done")
	for _, id := range []consent.GrantID{r.Grant, other.Grant} {
		l.want(t, "frozen", id, consent.StatePaused, consent.PausedNotMe)
	}
	if _, err := l.world.Ledger.Use(t.Context(), l.world.Commit(r, 2, nil)); err == nil {
		t.Error("it is released all the same")
	}
	b.shows(t, page+"?done", "en", "Paused now: 2.", `href="/me/passkeys"`, "privacy@agency.example", "<code>"+string(r.Grant)+"</code>")
	b.shows(t, page+"?done", "ko", "일시 중지된 동의: 2건")
	b.shows(t, "/me/history", "en", "Paused because you did not recognise a release.", "You paused the consent")
	b.shows(t, "/me/consents", "en", "Paused because you did not recognise a release. Nothing is released. Resuming needs your passkey.")
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
		{"it knows no release that was not", "POST", strings.Replace(page, "/1/", "/2/", 1), b, http.StatusNotFound},
		{"it knows no other spelling", "POST", strings.Replace(page, "/1/", "/01/", 1), b, http.StatusNotFound},
		{"it knows no number that is none", "GET", strings.Replace(page, "/1/", "/x/", 1), b, http.StatusNotFound},
		{"it stops nothing by a link", "PUT", page, b, http.StatusMethodNotAllowed},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.tab.t = t
			if r := c.tab.do(c.method, c.path, ""); r.status != c.status {
				t.Errorf("%d, want %d", r.status, c.status)
			}
		})
	}
	b.t = t
	for _, id := range []consent.GrantID{r.Grant, other.Grant} {
		if _, err := l.world.Ledger.Withdraw(t.Context(), id, l.mine.Citizen); err != nil {
			t.Fatal(err)
		}
	}
	b.moves(t, page, page+"?done")
	b.shows(t, page+"?done", "en", "No consent of yours was standing")
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
		b.shows(t, page, "en", "(<bdi>1 d 2 h</bdi> earlier)", "<dt>Releases afterwards</dt><dd>none</dd>")
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
	b.shows(t, "/me/consents", "en", "<dt>Last release before</dt><dd>none</dd>")
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
