package login_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/internal/web"
)

const form = "application/x-www-form-urlencoded"

//clause:as RP-Initiated Logout 1.0, 2 and 3: GET and POST; `id_token_hint`, also expired; `client_id`; `post_logout_redirect_uri` byte for byte; `state`; the person is asked unless the hint is of this session; unknown parameters ignored
//clause:as Back-Channel Logout 1.0, 2.3: told of logout here and everywhere, a lost phone, a removed passkey, a death, and what ended unnoticed
func TestEndSession(t *testing.T) {
	s := newSite(t)
	phone, _ := s.Person(t, "resident-01", false)
	in := func() *tab {
		b := s.open(t)
		if r := b.login(phone, ""); r.status != http.StatusOK {
			t.Fatalf("%+v", r)
		}
		s.desk.told, s.desk.fault = nil, nil
		return b
	}
	back := url.Values{"client_id": {"licence"}, "post_logout_redirect_uri": {"https://rp.example/bye"}, "state": {`"><script>`}}
	t.Run("it obeys who shows the id_token of this session, and tells the clients first", func(t *testing.T) {
		b := in()
		q := url.Values{"id_token_hint": {"good"}, "post_logout_redirect_uri": {"https://rp.example/bye"}}
		r := b.do("GET", "/end_session?"+q.Encode(), "")
		if r.status != http.StatusSeeOther || r.header.Get("Location") != "https://rp.example/bye" || len(s.desk.told) != 1 || !strings.HasPrefix(s.desk.told[0], "session ") {
			t.Errorf("%+v, told %v", r, s.desk.told)
		}
		if r := b.do("GET", "/login", ""); r.status != http.StatusOK {
			t.Error("somebody is logged in")
		}
	})
	t.Run("it asks where there is no hint, and names who wants it", func(t *testing.T) {
		b := in()
		for lang, want := range map[string]string{"en": "Licence demo", "ko": "면허 데모"} {
			r := b.do("GET", "/end_session?"+back.Encode(), "", "Accept-Language", lang)
			if r.status != http.StatusOK || !strings.Contains(r.body, want) || !strings.Contains(r.body, `name="state" value="&#34;&gt;&lt;script&gt;"`) ||
				!strings.Contains(r.header.Get("Content-Security-Policy"), "form-action 'self' https://rp.example") || len(s.desk.told) != 0 {
				t.Errorf("%d %s", r.status, r.body)
			}
		}
		r := b.do("POST", "/logout", back.Encode(), "Content-Type", form)
		if r.status != http.StatusSeeOther || r.header.Get("Location") != "https://rp.example/bye" || len(s.desk.told) != 1 {
			t.Errorf("%+v, told %v", r, s.desk.told)
		}
	})
	t.Run("it takes the same by POST, and does nothing by that alone", func(t *testing.T) {
		b := in()
		r := b.do("POST", "/end_session", "id_token_hint=good&unknown=1", "Content-Type", form)
		if r.status != http.StatusSeeOther || r.header.Get("Location") != "/end_session?id_token_hint=good" || len(s.desk.told) != 0 {
			t.Errorf("%+v, told %v", r, s.desk.told)
		}
	})
	t.Run("it leads nowhere who asks wrongly, and logs nobody out", func(t *testing.T) {
		b := in()
		for _, r := range []reply{
			b.do("GET", "/end_session?client_id=evil&post_logout_redirect_uri=https://evil.example", "", "Accept", "text/html"),
			b.do("POST", "/logout", "client_id=evil&post_logout_redirect_uri=https://evil.example", "Content-Type", form, "Accept", "text/html"),
		} {
			if r.status != http.StatusBadRequest || r.header.Get("Location") != "" || len(s.desk.told) != 0 {
				t.Errorf("%+v, told %v", r, s.desk.told)
			}
		}
		if r := b.do("GET", "/login", ""); r.status != http.StatusSeeOther {
			t.Error("nobody is logged in")
		}
	})
	t.Run("it logs out everywhere who wants to, and at every client", func(t *testing.T) {
		b, other := in(), in()
		if r := b.do("POST", "/logout", "everywhere=yes", "Content-Type", form); r.status != http.StatusSeeOther || r.header.Get("Location") != "/" {
			t.Errorf("%+v", r)
		}
		if len(s.desk.told) != 1 || !strings.HasPrefix(s.desk.told[0], "citizen ") {
			t.Errorf("told %v", s.desk.told)
		}
		if r := other.do("GET", "/login", ""); r.status != http.StatusOK {
			t.Error("another device is logged in")
		}
	})
	t.Run("it keeps the session while the clients cannot be told", func(t *testing.T) {
		b := in()
		s.desk.fault = errors.New("the disk is gone")
		for _, body := range []string{"", "everywhere=yes"} {
			if r := b.do("POST", "/logout", body, "Content-Type", form); r.status != http.StatusInternalServerError {
				t.Errorf("%q: %d", body, r.status)
			}
		}
		s.desk.fault = nil
		if r := b.do("GET", "/login", ""); r.status != http.StatusSeeOther {
			t.Error("nobody is logged in")
		}
	})
	t.Run("it has logins go on for who logs in anew, and end for another", func(t *testing.T) {
		b := in()
		if r := b.login(phone, ""); r.status != http.StatusOK || len(s.desk.told) != 1 || !strings.HasPrefix(s.desk.told[0], "replaced ") {
			t.Errorf("told %v", s.desk.told)
		}
		s.desk.told = nil
		second, _ := s.Person(t, "resident-02", false)
		if r := b.login(second, ""); r.status != http.StatusOK || len(s.desk.told) != 1 || !strings.HasPrefix(s.desk.told[0], "session ") {
			t.Errorf("told %v", s.desk.told)
		}
	})
	t.Run("it says which sessions live", func(t *testing.T) {
		b := in()
		session, err := s.Accounts.Session(t.Context(), b.cookie(web.SessionCookie))
		if err != nil {
			t.Fatal(err)
		}
		lives, err := s.Accounts.Lives(t.Context(), session.ID)
		if !lives || err != nil {
			t.Error(lives, err)
		}
		b.do("POST", "/logout", "", "Content-Type", form)
		if lives, err := s.Accounts.Lives(t.Context(), session.ID); lives || err != nil {
			t.Error(lives, err)
		}
	})
}

//clause:as 3.1.2.1, 3.1.2.6: `prompt` none, login, consent, select_account; login_required, consent_required
func TestConsent(t *testing.T) {
	s := newSite(t)
	b := s.open(t)
	t.Run("it sends who has not logged in to the next step", func(t *testing.T) {
		for _, method := range []string{"GET", "POST"} {
			if r := b.do(method, "/consent/known", ""); r.status != http.StatusSeeOther || len(s.desk.told) != 0 {
				t.Errorf("%+v", r)
			}
		}
	})
	s.desk.there = "ada"
	t.Run("it asks once more, and takes a yes", func(t *testing.T) {
		for lang, want := range map[string]string{"en": "Licence demo", "ko": "면허 데모"} {
			r := b.do("GET", "/consent/known", "", "Accept-Language", lang)
			if r.status != http.StatusOK || !strings.Contains(r.body, want) || !strings.Contains(r.body, `action="/login/deny?request=known"`) {
				t.Errorf("%d %s", r.status, r.body)
			}
		}
		if r := b.do("POST", "/consent/known", "", "Content-Type", form); r.header.Get("Location") != "/approval/known" || len(s.desk.told) != 1 || s.desk.told[0] != "known consent" {
			t.Errorf("%+v, %v", r, s.desk.told)
		}
	})
	t.Run("it takes no yes of whoever logged out in another tab meanwhile", func(t *testing.T) {
		s.desk.fault = oauth.ErrNobody
		defer func() { s.desk.fault = nil }()
		if r := b.do("POST", "/consent/known", "", "Content-Type", form); r.status != http.StatusBadRequest {
			t.Errorf("%+v", r)
		}
	})
	t.Run("it answers no interaction of another browser", func(t *testing.T) {
		if r := b.do("POST", "/consent/other", "", "Content-Type", form); r.status != http.StatusBadRequest {
			t.Errorf("%+v", r)
		}
	})
}
