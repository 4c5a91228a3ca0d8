package dashboard_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/account/accounttest"
	"github.com/govmydata/mydata/internal/idp/dashboard"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/consent/receipt"
)

// ledgered is a site over the real ledger and the real log of a world.
type ledgered struct {
	*site
	world   *consenttest.World
	passkey *consenttest.Passkey
}

func newLedgered(t *testing.T) *ledgered { t.Helper(); return ledgeredOn(t, accounttest.New(t)) }

func ledgeredOn(t *testing.T, bench *accounttest.Bench) *ledgered {
	t.Helper()
	s := &site{Bench: bench, office: &office{}}
	s.phone, s.mine = s.Person(t, "resident-01", false)
	s.office.owner = s.mine.Citizen
	l := &ledgered{site: s, world: consenttest.New()}
	l.passkey = l.world.People.Enrol(s.mine.Citizen)
	frame := web.New(web.Options{Service: "idp", Development: true, Logger: slog.New(slog.DiscardHandler)})
	mux := http.NewServeMux()
	s.handler = &dashboard.Handler{
		Frame: frame, Accounts: s.Accounts, Ledger: l.world.Ledger, Receipts: receipt.Assembler{Ledger: l.world.Ledger, Proofs: l.world.Log},
		Issuer: cards{s.office}, Offers: cards{s.office}, Catalogue: func() *catalogue.Catalogue { return l.world.Catalogue },
		Hub: consenttest.Issuer, Config: "resident_card_sd_jwt", Now: l.world.Now,
	}
	s.handler.Mount(mux)
	s.server = httptest.NewServer(frame.Handler(mux))
	t.Cleanup(s.server.Close)
	return l
}

func (l *ledgered) granted(t *testing.T) consent.Record {
	t.Helper()
	return l.world.Granted(t.Context(), l.mine.Citizen, l.passkey)
}

func (l *ledgered) used(t *testing.T, r consent.Record, n int) {
	t.Helper()
	if _, err := l.world.Ledger.Use(t.Context(), l.world.Commit(r, n, nil)); err != nil {
		t.Fatal(err)
	}
}

func (l *ledgered) state(t *testing.T, id consent.GrantID) (consent.State, string) {
	t.Helper()
	r, _, err := l.world.Store.History(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return r.State, r.Reason
}

func (l *ledgered) want(t *testing.T, what string, id consent.GrantID, state consent.State, reason string) {
	t.Helper()
	if got, why := l.state(t, id); got != state || why != reason {
		t.Errorf("%s: %s because of %q, want %s because of %q", what, got, why, state, reason)
	}
}

func (b *tab) moves(t *testing.T, path, to string) {
	t.Helper()
	if r := b.do("POST", path, ""); r.status != http.StatusSeeOther || r.header.Get("Location") != to {
		t.Errorf("POST %s: %d to %q, want %q", path, r.status, r.header.Get("Location"), to)
	}
}

func (b *tab) shows(t *testing.T, path, lang string, all ...string) {
	t.Helper()
	r := b.do("GET", path, "", "Accept-Language", lang)
	for _, want := range all {
		if r.status != http.StatusOK || !strings.Contains(r.body, want) {
			t.Errorf("GET %s: %d, want %q in\n%s", path, r.status, want, r.body)
			return
		}
	}
	if strings.Count(r.body, "<h1") != 1 || strings.Contains(r.body, "ZgotmplZ") || strings.Contains(r.body, ">me.") {
		t.Errorf("GET %s: a broken page:\n%s", path, r.body)
	}
}

// A citizen pauses and resumes by a session alone, each with one press.
func TestPauseAndResume(t *testing.T) {
	l := newLedgered(t)
	id := l.granted(t).Grant
	b := l.open(t, l.phone)
	page := "/me/consents/" + string(id)
	b.shows(t, "/me/consents", "en", `<form method="post" action="`+page+`/pause">`)
	b.moves(t, page+"/pause", "/me/consents?paused")
	l.want(t, "paused", id, consent.StatePaused, "")
	b.shows(t, "/me/consents?paused", "en", "The consent is paused", `<form method="post" action="`+page+`/resume">`, "until you resume it")
	b.shows(t, "/me/consents?paused", "ko", "동의를 일시 중지했습니다")
	b.shows(t, "/me/history", "en", "You paused the consent")
	b.moves(t, page+"/resume", "/me/consents?resumed")
	l.want(t, "resumed", id, consent.StateActive, "")
	b.shows(t, "/me/consents?resumed", "en", "The consent is resumed")
	other, _ := l.Person(t, "resident-07", false)
	stranger := l.open(t, other)
	for _, action := range []string{"pause", "resume", "cancel", "resume/options"} {
		if r := stranger.do("POST", page+"/"+action, ""); r.status != http.StatusNotFound {
			t.Errorf("%s of somebody else's: %d", action, r.status)
		}
		if r := l.open(t, nil).do("POST", page+"/"+action, ""); r.status != http.StatusUnauthorized {
			t.Errorf("%s by nobody: %d", action, r.status)
		}
		if r := b.do("POST", page+"/"+action, "", "Sec-Fetch-Site", "cross-site"); r.status != http.StatusForbidden {
			t.Errorf("%s by another site: %d", action, r.status)
		}
	}
	l.want(t, "untouched", id, consent.StateActive, "")
	if r := b.do("POST", page+"/resume", "", "Accept", "application/json"); r.status != http.StatusOK {
		t.Errorf("resuming what is active: %d %s", r.status, r.body)
	}
}

// What officers or "Not me" paused goes on only when a passkey has just signed.
func TestResumeNeedsPasskey(t *testing.T) {
	for name, stop := range map[string]func(l *ledgered) error{
		"it asks after officers replaced the passkeys": func(l *ledgered) error {
			return l.world.Ledger.PauseAll(context.Background(), l.mine.Citizen, consent.PausedLostPhone)
		},
		"it asks after a release was not recognised": func(l *ledgered) error {
			all, err := l.world.Ledger.Of(context.Background(), l.mine.Citizen)
			if err == nil {
				_, err = l.world.Ledger.Disown(context.Background(), all[0].Grant, 2, l.mine.Citizen)
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLedgered(t)
			id := l.granted(t).Grant
			if err := stop(l); err != nil {
				t.Fatal(err)
			}
			b := l.open(t, l.phone)
			page := "/me/consents/" + string(id) + "/resume"
			b.shows(t, "/me/consents", "en", `href="`+page+`"`, "Resuming needs your passkey")
			b.moves(t, page, page) // the form alone leads to the page that asks
			if r := b.do("POST", page, "", "Accept", "application/json"); r.status != http.StatusForbidden {
				t.Errorf("a program without a passkey: %d %s", r.status, r.body)
			}
			b.shows(t, page, "en", `data-webauthn="get"`, `data-options-url="`+page+`/options"`)
			if r := b.do("POST", page+"/finish", `{"credential":{}}`); r.status != http.StatusBadRequest {
				t.Errorf("no answer: %d %s", r.status, r.body)
			}
			options := b.do("POST", page+"/options", `{}`)
			answer := `{"credential":` + string(l.phone.Get(t, json.RawMessage(options.body))) + `}`
			second := l.granted(t).Grant
			if r := b.do("POST", "/me/consents/"+string(second)+"/resume/finish", answer); r.status != http.StatusBadRequest {
				t.Errorf("an answer for another consent: %d %s", r.status, r.body)
			}
			if state, _ := l.state(t, id); state != consent.StatePaused {
				t.Fatalf("it is %s", state)
			}
			if r := b.do("POST", page+"/finish", answer); r.status != http.StatusOK || !strings.Contains(r.body, "/me/consents?resumed") {
				t.Errorf("%d %s", r.status, r.body)
			}
			l.want(t, "resumed", id, consent.StateActive, "")
			if r := b.do("POST", page+"/finish", answer); r.status != http.StatusBadRequest {
				t.Errorf("the same answer again: %d %s", r.status, r.body)
			}
		})
	}
}

// After an officers' order nothing is resumed for as long as nothing may be
// granted, whoever paused it.
func TestResumeWaits(t *testing.T) {
	l := ledgeredOn(t, accounttest.NewStrict(t))
	id := l.granted(t).Grant
	b := l.open(t, l.phone)
	page := "/me/consents/" + string(id)
	b.moves(t, page+"/pause", "/me/consents?paused") // never harder than granting
	if r := b.do("POST", page+"/resume", "", "Accept-Language", "en"); r.status != http.StatusForbidden || !strings.Contains(r.body, "72 hours") {
		t.Errorf("too early: %d %s", r.status, r.body)
	}
	if r := b.do("POST", page+"/resume/options", `{}`); r.status != http.StatusForbidden {
		t.Errorf("options too early: %d %s", r.status, r.body)
	}
	l.Wait(73 * time.Hour)
	l.open(t, l.phone).moves(t, page+"/resume", "/me/consents?resumed")
}

func TestTakeBack(t *testing.T) {
	l := newLedgered(t)
	r, err := l.world.Ledger.Request(t.Context(), l.world.Request(l.mine.Citizen, nil))
	if err != nil {
		t.Fatal(err)
	}
	b, page := l.open(t, l.phone), "/me/consents/"+string(r.Grant)+"/cancel"
	b.shows(t, "/me/consents", "en", `href="`+page+`"`)
	b.shows(t, page, "en", `<form method="post" action="`+page+`">`, "Take back this request?")
	b.shows(t, page, "ko", "이 요청을 취소하시겠습니까?")
	b.moves(t, page, "/me/consents?cancelled")
	l.want(t, "taken back", r.Grant, consent.StateCancelled, "")
	b.moves(t, page, "/me/consents?cancelled")
	b.shows(t, "/me/history", "en", "You took the request back")
	if r := b.do("GET", page, ""); r.status != http.StatusConflict {
		t.Errorf("asking again: %d", r.status)
	}
	granted := "/me/consents/" + string(l.granted(t).Grant) + "/cancel"
	for _, method := range []string{"GET", "POST"} {
		if r := b.do(method, granted, ""); r.status != http.StatusConflict {
			t.Errorf("%s of what is granted: %d", method, r.status)
		}
	}
}

// TestReplaced: what a newer version took the place of is over, and says so.
func TestReplaced(t *testing.T) {
	l := newLedgered(t)
	old := l.granted(t)
	next, err := l.world.Ledger.Request(t.Context(), l.world.Request(l.mine.Citizen, func(c *consent.RequestClaims) {
		c.Details[0].Supersedes, c.Details[0].Retention = old.Grant, "P10D"
	}))
	if err == nil {
		_, err = l.world.Approve(t.Context(), next.Grant, l.mine.Citizen, l.passkey, "vision_ok", "hearing_ok")
	}
	if err != nil {
		t.Fatal(err)
	}
	l.want(t, "replaced", old.Grant, consent.StateSuperseded, "")
	b := l.open(t, l.phone)
	for _, what := range []string{"withdraw", "pause", "resume"} {
		if r := b.do("POST", "/me/consents/"+string(old.Grant)+"/"+what, ""); r.status != http.StatusConflict {
			t.Errorf("it answers %d to %s", r.status, what)
		}
	}
}

// The citizen reads why the operator ended a consent, in either language; each
// reason of the list has its text.
func TestInvalidatedReads(t *testing.T) {
	l := newLedgered(t)
	b := l.open(t, l.phone)
	texts := map[string]bool{}
	for _, reason := range consent.Invalidations() {
		id := l.granted(t).Grant
		if _, err := l.world.Ledger.Invalidate(t.Context(), id, reason); err != nil {
			t.Fatal(err)
		}
		for _, lang := range []string{"en", "ko"} {
			r := b.do("GET", "/me/consents", "", "Accept-Language", lang)
			if strings.Contains(r.body, reason) {
				t.Errorf("%s in %s has no text", reason, lang)
			}
			_, after, _ := strings.Cut(r.body, `<p class="notice">`) // the newest stands first
			text, _, _ := strings.Cut(after, "</p>")
			if texts[text] || text == "" {
				t.Errorf("%s in %s reads %q", reason, lang, text)
			}
			texts[text] = true
		}
	}
	b.shows(t, "/me/history", "en", "ended by the operator", "One of the two agencies no longer takes part.")
}

// every state and event that the pages do not know yet is shown by its word.
func TestUnknownWords(t *testing.T) {
	s := newSite(t)
	s.office.word = "transmuted"
	b := s.open(t, s.phone)
	b.shows(t, "/me/consents", "en", `<span class="state state-transmuted">transmuted</span>`)
	b.shows(t, "/me/history", "ko", `">transmuted</h2>`)
}
