package approval_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/account/accounttest"
	"github.com/govmydata/mydata/internal/idp/approval"
	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

// desk is an authorization server with one request, "known", in one browser.
type desk struct {
	citizen string
	grant   consent.GrantID
	more    []consent.GrantID // of a bundle, after grant
	done    []string
	denied  bool
	broken  error // why a step cannot be noted
}

func (d *desk) Interaction(_ context.Context, r *http.Request, id string) (oauth.Interaction, error) {
	switch {
	case id != "known":
		return oauth.Interaction{}, oauth.ErrNoInteraction
	case r.Header.Get("X-Browser") == "another":
		return oauth.Interaction{}, oauth.ErrOtherBrowser
	}
	refs := string(d.grant)
	for _, id := range d.more {
		refs += " " + string(id)
	}
	return oauth.Interaction{
		ID: id, Citizen: d.citizen, Until: time.Date(2026, 11, 23, 15, 30, 0, 0, time.UTC), Refs: map[string]string{consent.TransferType: refs},
		Client: registry.Client{RedirectURIs: []string{"http://localhost:8083/callback"}},
	}, nil
}

func (d *desk) Done(_ context.Context, _ *http.Request, _ oauth.Interaction, step string) (string, error) {
	if d.broken != nil {
		return "", d.broken
	}
	d.done = append(d.done, step)
	return "/authorize/callback?id=known", nil
}

func (d *desk) Next(_ context.Context, id string) (string, error) {
	return "/login?request=" + id, nil
}

func (d *desk) Deny(context.Context, *http.Request, string) (string, error) {
	d.denied = true
	return "http://localhost:8083/callback?error=access_denied", nil
}

type site struct {
	*accounttest.Bench
	world  *consenttest.World
	desk   *desk
	phone  *accounttest.Phone
	other  account.Session
	log    *strings.Builder
	server http.Handler
}

// newSite has a citizen who was asked for a permission, and another one.
func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{Bench: accounttest.New(t), world: consenttest.New(), desk: &desk{}, log: &strings.Builder{}}
	s.world.Pass(s.Now().Sub(s.world.Now()))
	phone, session := s.Person(t, "resident-01", false)
	_, s.other = s.Person(t, "resident-03", false)
	s.phone, s.desk.citizen = phone, session.Citizen
	ledger := s.world.Ledger
	ledger.People, ledger.RP, ledger.Officers, ledger.Now = s.Accounts, accounttest.RP, s.Officers, s.Now
	sub, err := s.Accounts.Pairwise(t.Context(), session.Citizen, s.world.Consumer.ID)
	ok(t, "sub", err)
	record, err := ledger.Request(t.Context(), s.world.RequestOf(sub, nil))
	ok(t, "request", err)
	s.desk.grant = record.Grant
	frame := web.New(web.Options{Service: "idp", Development: true, Logger: slog.New(slog.NewTextHandler(s.log, nil))})
	mux := http.NewServeMux()
	(&approval.Handler{
		Frame: frame, Server: s.desk, Ledger: ledger, Accounts: s.Accounts,
		Session: func(r *http.Request) (string, error) {
			if s.desk.citizen == "" {
				return "", oauth.ErrNobody
			}
			return s.desk.citizen, nil
		},
	}).Mount(mux)
	s.server = frame.Handler(mux)
	return s
}

func ok(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

type reply struct {
	status int
	header http.Header
	body   string
}

func (s *site) do(t *testing.T, method, path, body string, header ...string) reply {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	if strings.HasPrefix(body, "{") {
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	s.server.ServeHTTP(rec, req)
	text, err := io.ReadAll(rec.Body)
	ok(t, "read", err)
	return reply{rec.Code, rec.Header(), string(text)}
}

func (s *site) sign(t *testing.T, ticks string) reply {
	t.Helper()
	o := s.do(t, "POST", "/approval/known/options", `{"claims":`+ticks+`}`)
	if o.status != http.StatusOK {
		return o
	}
	return s.do(t, "POST", "/approval/known/finish", `{"credential":`+string(s.phone.Get(t, json.RawMessage(o.body)))+`}`)
}

func (s *site) record(t *testing.T) consent.Record {
	t.Helper()
	r, _, err := s.world.Ledger.Account(t.Context(), s.desk.grant)
	ok(t, "record", err)
	return r
}

func TestPage(t *testing.T) {
	s := newSite(t)
	for lang, texts := range map[string][]string{
		"ko": {"운전면허시험장 (데모)", "국민건강보험 (데모)", "시력 기준 충족", "청력 기준 충족", "검진일", "왼쪽 시력", "운전면허 갱신", "최대 2회", "30일", "privacy@agency.example", `lang="ko"`, "답하실 수 있는 기한: <time", "2026년 11월 24일 00:30</time>"},
		"en": {"Driving Licence Agency (demo)", "Health Insurance (demo)", "Eyesight is sufficient", "Hearing is sufficient", "Left eyesight", "Renewing a driving licence", "At most 2 times", "30 days", `lang="en"`, `<bdi lang="ko">`, "South Korea", "You can answer until <time", "24 November 2026, 00:30 Korean time</time>"},
	} {
		page := s.do(t, "GET", "/approval/known", "", "Accept-Language", lang)
		if page.status != http.StatusOK || page.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v", lang, page.status, page.header)
		}
		for _, text := range texts {
			if !strings.Contains(page.body, text) {
				t.Errorf("%s: the page does not say %q", lang, text)
			}
		}
		if strings.Count(page.body, `type="checkbox"`) != 1 || !strings.Contains(page.body, `value="checked_on" checked`) {
			t.Errorf("%s: the optional claim alone is a tick", lang)
		}
		if strings.Contains(page.body, "의사 소견") || strings.Contains(page.body, "Remarks") {
			t.Errorf("%s: the page speaks of what is not asked for", lang)
		}
		if !strings.Contains(page.header.Get("Content-Security-Policy"), "http://localhost:8083") {
			t.Errorf("%s: a refusal could not lead back to the service", lang)
		}
	}
}

func TestApprove(t *testing.T) {
	for name, c := range map[string]struct {
		ticks string
		want  int
	}{
		"it grants what was left ticked": {`["checked_on"]`, 3},
		"it leaves out what was not":     {`[]`, 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			r := s.sign(t, c.ticks)
			if r.status != http.StatusOK || !strings.Contains(r.body, `"next":"/authorize/callback?id=known"`) {
				t.Fatalf("%d %s", r.status, r.body)
			}
			record := s.record(t)
			if record.State != consent.StateActive || len(record.Agreed.Claims) != c.want || len(s.desk.done) != 1 || s.desk.done[0] != oauth.StepApproval {
				t.Errorf("%s, %d claims, done %v", record.State, len(record.Agreed.Claims), s.desk.done)
			}
			again := s.do(t, "GET", "/approval/known", "")
			if again.status != http.StatusSeeOther || again.header.Get("Location") != "/authorize/callback?id=known" {
				t.Errorf("reloaded: %d %s", again.status, again.header.Get("Location"))
			}
		})
	}
}

// A step that could not be noted leads nowhere: the next try does.
func TestFinishGoesOnWhenItIsNoted(t *testing.T) {
	s := newSite(t)
	s.desk.broken = errors.New("the disk is gone")
	if r := s.sign(t, `[]`); r.status != http.StatusInternalServerError || strings.Contains(r.body, "next") {
		t.Errorf("%d %s", r.status, r.body)
	}
	s.desk.broken = nil
	if r := s.do(t, "GET", "/approval/known", ""); r.status != http.StatusSeeOther {
		t.Errorf("then: %d", r.status)
	}
}

func TestFinishAgain(t *testing.T) {
	s := newSite(t)
	o := s.do(t, "POST", "/approval/known/options", `{"claims":[]}`)
	body := `{"credential":` + string(s.phone.Get(t, json.RawMessage(o.body))) + `}`
	for range 2 {
		if r := s.do(t, "POST", "/approval/known/finish", body); r.status != http.StatusOK {
			t.Fatalf("%d %s", r.status, r.body)
		}
	}
	if record := s.record(t); record.Seq != 2 {
		t.Errorf("two clicks made %d events", record.Seq)
	}
}

func TestDeny(t *testing.T) {
	s := newSite(t)
	for range 2 { // the second click too
		r := s.do(t, "POST", "/approval/known/deny", "", "Content-Type", "application/x-www-form-urlencoded")
		if r.status != http.StatusSeeOther || !s.desk.denied || !strings.Contains(r.header.Get("Location"), "access_denied") {
			t.Fatalf("%d %v", r.status, r.header)
		}
	}
	if state := s.record(t).State; state != consent.StateDenied {
		t.Errorf("state %s", state)
	}
	if r := s.sign(t, `[]`); r.status != http.StatusConflict || !strings.Contains(r.body, `"code":"decided"`) {
		t.Errorf("signing afterwards: %d %s", r.status, r.body)
	}
}

func TestRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		act    func(t *testing.T, s *site) reply
		status int
		code   string
	}{
		"it shows a foreign citizen nothing": {func(t *testing.T, s *site) reply {
			s.desk.citizen = s.other.Citizen
			return s.do(t, "GET", "/approval/known", "", "Accept", "application/json")
		}, http.StatusForbidden, "foreign"},
		"it lets a foreign citizen sign nothing": {func(t *testing.T, s *site) reply {
			s.desk.citizen = s.other.Citizen
			return s.sign(t, `[]`)
		}, http.StatusForbidden, "foreign"},
		"it lets a foreign citizen deny nothing": {func(t *testing.T, s *site) reply {
			s.desk.citizen = s.other.Citizen
			return s.do(t, "POST", "/approval/known/deny", "{}")
		}, http.StatusForbidden, "foreign"},
		"it refuses another browser": {func(t *testing.T, s *site) reply {
			return s.do(t, "POST", "/approval/known/options", `{"claims":[]}`, "X-Browser", "another")
		}, http.StatusForbidden, "other_browser"},
		"it refuses an unknown request": {func(t *testing.T, s *site) reply {
			return s.do(t, "POST", "/approval/stray/options", `{"claims":[]}`)
		}, http.StatusNotFound, "gone"},
		"it refuses before anybody logged in": {func(t *testing.T, s *site) reply {
			s.desk.citizen = ""
			return s.sign(t, `[]`)
		}, http.StatusUnauthorized, "signed_out"},
		"it refuses a login that asks for no transfer": {func(t *testing.T, s *site) reply {
			grant := s.desk.grant
			defer func() { s.desk.grant = grant }()
			s.desk.grant = ""
			return s.sign(t, `[]`)
		}, http.StatusNotFound, "gone"},
		"it refuses an added claim": {func(t *testing.T, s *site) reply { return s.sign(t, `["remarks"]`) }, http.StatusBadRequest, "choice"},
		"it refuses a stray tick":   {func(t *testing.T, s *site) reply { return s.sign(t, `"checked_on"`) }, http.StatusBadRequest, "bad_request"},
		"it refuses a stray answer": {func(t *testing.T, s *site) reply {
			return s.do(t, "POST", "/approval/known/finish", `{"credential":7}`)
		}, http.StatusBadRequest, "signature"},
		"it refuses an empty answer": {func(t *testing.T, s *site) reply { return s.do(t, "POST", "/approval/known/finish", `{`) }, http.StatusBadRequest, "bad_request"},
		"it refuses another person's passkey": {func(t *testing.T, s *site) reply {
			o := s.do(t, "POST", "/approval/known/options", `{"claims":[]}`)
			stranger, _ := s.Person(t, "resident-07", false)
			return s.do(t, "POST", "/approval/known/finish", `{"credential":`+string(stranger.Get(t, json.RawMessage(o.body)))+`}`)
		}, http.StatusBadRequest, "signature"},
		"it refuses a signature over another challenge": {func(t *testing.T, s *site) reply {
			o := s.do(t, "POST", "/approval/known/options", `{"claims":[]}`)
			s.do(t, "POST", "/approval/known/options", `{"claims":["checked_on"]}`)
			return s.do(t, "POST", "/approval/known/finish", `{"credential":`+string(s.phone.Get(t, json.RawMessage(o.body)))+`}`)
		}, http.StatusBadRequest, "signature"},
		"it refuses a page left open": {func(t *testing.T, s *site) reply {
			o := s.do(t, "POST", "/approval/known/options", `{"claims":[]}`)
			s.Wait(11 * time.Minute)
			return s.do(t, "POST", "/approval/known/finish", `{"credential":`+string(s.phone.Get(t, json.RawMessage(o.body)))+`}`)
		}, http.StatusConflict, "stale"},
		"it refuses a lapsed request": {func(t *testing.T, s *site) reply {
			s.Wait(2 * time.Hour)
			return s.sign(t, `[]`)
		}, http.StatusGone, "gone"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			r := c.act(t, s)
			if r.status != c.status || !strings.Contains(r.body, `"code":"`+c.code+`"`) || !strings.Contains(r.body, "correlation_id") {
				t.Errorf("%d %s; want %d %s", r.status, r.body, c.status, c.code)
			}
			if state := s.record(t).State; state != consent.StateRequested || len(s.desk.done) != 0 || s.desk.denied {
				t.Errorf("something came of it: %s %v", state, s.desk.done)
			}
		})
	}
}

// A login that ended in the middle of it is made again, and nothing is lost or decided.
func TestLeadsBackToTheLogin(t *testing.T) {
	s := newSite(t)
	s.desk.citizen = ""
	for _, c := range []struct{ name, method, path string }{
		{"it leads from the page to the login and back", "GET", "/approval/known"},
		{"it leads so from a no, which nobody said", "POST", "/approval/known/deny"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := s.do(t, c.method, c.path, "")
			if r.status != http.StatusSeeOther || r.header.Get("Location") != "/login?request=known" {
				t.Errorf("%d %s", r.status, r.header.Get("Location"))
			}
			if state := s.record(t).State; state != consent.StateRequested || s.desk.denied {
				t.Errorf("something came of it: %s", state)
			}
		})
	}
}

func TestNotice(t *testing.T) {
	s := newSite(t)
	s.sign(t, `[]`)
	path := "/notices/" + string(s.desk.grant)
	r := s.do(t, "GET", path, "")
	if r.status != http.StatusOK || !strings.HasPrefix(r.body, "내 정보 제공 동의\n") {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if consent.DigestOf(r.body) != s.record(t).Agreed.Notice.SHA256 {
		t.Error("it is not the notice that was signed")
	}
	s.desk.citizen = s.other.Citizen
	if r := s.do(t, "GET", path, ""); r.status != http.StatusForbidden {
		t.Errorf("another citizen: %d", r.status)
	}
	s.desk.citizen = ""
	if r := s.do(t, "GET", path, ""); r.status != http.StatusUnauthorized {
		t.Errorf("nobody: %d", r.status)
	}
}

// The log holds identifiers, never who it was or what was asked.
func TestLogIsQuiet(t *testing.T) {
	s := newSite(t)
	s.do(t, "GET", "/approval/known", "")
	s.sign(t, `["checked_on"]`)
	s.sign(t, `["remarks"]`)
	for _, word := range []string{"김민준", "KIM", "checked_on", "vision", s.desk.citizen} {
		if strings.Contains(s.log.String(), word) {
			t.Errorf("the log says %q:\n%s", word, s.log)
		}
	}
}
