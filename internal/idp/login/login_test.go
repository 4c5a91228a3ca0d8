package login_test

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

	"github.com/govmydata/mydata/internal/account/accounttest"
	"github.com/govmydata/mydata/internal/idp/login"
	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/internal/web"
)

// desk is an authorization server of one request, "known".
type desk struct {
	citizen string
	amr     []string
	told    []string // what clients are to hear
	there   string   // whom the interaction is of already
	strange string   // where the client is, if nobody checked its name
	fault   error    // of telling
}

func (d *desk) Interaction(_ context.Context, _ *http.Request, id string) (oauth.Interaction, error) {
	if id != "known" {
		return oauth.Interaction{}, oauth.ErrNoInteraction
	}
	return oauth.Interaction{ID: id, Citizen: d.there, Stranger: d.strange, Client: registry.Client{
		Name: map[string]string{"ko": "면허 데모", "en": "Licence demo"}, RedirectURIs: []string{"http://localhost:8083/callback"},
	}}, nil
}

func (d *desk) Authenticated(_ context.Context, _ *http.Request, id, citizen string, _ time.Time, amr []string) error {
	if id != "known" {
		return oauth.ErrOtherBrowser
	}
	d.citizen, d.amr = citizen, amr
	return nil
}

func (d *desk) Deny(_ context.Context, _ *http.Request, id string) (string, error) {
	if id != "known" {
		return "", oauth.ErrNoInteraction
	}
	return "http://localhost:8083/callback?error=access_denied", nil
}

func (d *desk) Done(_ context.Context, _ *http.Request, in oauth.Interaction, step string) (string, error) {
	d.told = append(d.told, in.ID+" "+step)
	return "/approval/known", d.fault
}

func (d *desk) EndRequest(_ *http.Request, form url.Values) (oauth.EndRequest, error) {
	if form.Get("client_id") == "evil" {
		return oauth.EndRequest{}, &oauth.Refusal{Code: "invalid_request", Description: "client_id: unknown"}
	}
	return oauth.EndRequest{
		Client: registry.Client{ID: "licence", Name: map[string]string{"ko": "면허 데모", "en": "Licence demo"}},
		Return: form.Get("post_logout_redirect_uri"), Certain: form.Get("id_token_hint") == "good",
	}, nil
}

func (d *desk) EndSession(_ context.Context, session string) error {
	d.told = append(d.told, "session "+session)
	return d.fault
}

func (d *desk) EndCitizen(_ context.Context, citizen string) error {
	d.told = append(d.told, "citizen "+citizen)
	return d.fault
}

func (d *desk) Replaced(_ context.Context, from, to string) error {
	d.told = append(d.told, "replaced "+from+" by "+to)
	return d.fault
}

func (d *desk) Next(context.Context, string) (string, error) { return "/approval/known", nil }

type site struct {
	*accounttest.Bench
	desk   *desk
	server *httptest.Server
	log    *strings.Builder
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{Bench: accounttest.New(t), desk: &desk{}, log: &strings.Builder{}}
	logger := slog.New(slog.NewTextHandler(s.log, nil))
	frame := web.New(web.Options{Service: "idp", Development: true, Logger: logger})
	mux := http.NewServeMux()
	(&login.Handler{Frame: frame, Accounts: s.Accounts, OAuth: s.desk}).Mount(mux)
	s.server = httptest.NewServer(frame.Handler(mux))
	t.Cleanup(s.server.Close)
	return s
}

// tab is a browser that does not follow redirects.
type tab struct {
	t    *testing.T
	site *site
	http *http.Client
}

func (s *site) open(t *testing.T) *tab {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
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

func (b *tab) cookie(name string) string {
	u, _ := url.Parse(b.site.server.URL)
	for _, c := range b.http.Jar.Cookies(u) {
		if c.Name == "mydata_idp_"+name {
			return c.Value
		}
	}
	return ""
}

func credential(raw json.RawMessage) string { return `{"credential":` + string(raw) + `}` }

func (b *tab) enrol(p *accounttest.Phone, code string) reply {
	b.t.Helper()
	o := b.do("POST", "/enrol/options", `{"code":"`+code+`"}`)
	if o.status != 200 {
		return o
	}
	return b.do("POST", "/enrol/finish", credential(p.Create(b.t, json.RawMessage(o.body))))
}

func (b *tab) login(p *accounttest.Phone, query string) reply {
	b.t.Helper()
	o := b.do("POST", "/login/options", `{}`)
	if o.status != 200 {
		return o
	}
	return b.do("POST", "/login/finish"+query, credential(p.Get(b.t, json.RawMessage(o.body))))
}

func TestWayIn(t *testing.T) {
	s := newSite(t)
	p, b := accounttest.NewPhone(), s.open(t)
	if r := b.enrol(p, s.Letter(t, "resident-01", false)); r.status != 200 || !strings.Contains(r.body, `"/me?enrolled"`) {
		t.Fatalf("enrol: %+v", r)
	}
	session, err := s.Session(t.Context(), b.cookie(web.SessionCookie))
	if err != nil {
		t.Fatal(err)
	}
	if b.cookie("code") != "" || b.cookie("browser") != "" {
		t.Error("cookies of the ceremony stay")
	}
	if r := b.do("GET", "/login?again=card&next=%2Fme", "", "Accept-Language", "en"); r.status != http.StatusOK || !strings.Contains(r.body, "an open page alone is not enough") {
		t.Errorf("asked for a login of just now: %d\n%s", r.status, r.body)
	}
	if r := b.do("GET", "/login", ""); r.status != http.StatusSeeOther || r.header.Get("Location") != "/me" {
		t.Errorf("login page when signed in: %d", r.status)
	}
	old := b.cookie(web.SessionCookie)
	if r := b.login(p, "?request=known"); r.status != 200 || !strings.Contains(r.body, "/approval/known") {
		t.Errorf("login: %+v", r)
	}
	if s.desk.citizen != session.Citizen || len(s.desk.amr) == 0 {
		t.Errorf("the authorization server heard of %q", s.desk.citizen)
	}
	if _, err := s.Session(t.Context(), old); err == nil || b.cookie(web.SessionCookie) == old {
		t.Error("the old session lives on after a login")
	}
	last := b.cookie(web.SessionCookie)
	if r := b.do("POST", "/logout", ""); r.status != http.StatusSeeOther || b.cookie(web.SessionCookie) != "" {
		t.Errorf("logout: %d", r.status)
	}
	if _, err := s.Session(t.Context(), last); err == nil {
		t.Error("the session lives on after logout")
	}
	if strings.Contains(s.log.String(), p.ID()) || strings.Contains(s.log.String(), last) || strings.Contains(s.log.String(), "홍길동") {
		t.Error("the log holds a token, a passkey or a name")
	}
}

// A cookie that somebody planted is not the session after the login.
func TestFixation(t *testing.T) {
	s := newSite(t)
	p, _ := s.Person(t, "resident-01", false)
	b := s.open(t)
	u, _ := url.Parse(s.server.URL)
	b.http.Jar.SetCookies(u, []*http.Cookie{{Name: "mydata_idp_session", Value: "planted", Path: "/"}})
	if r := b.login(p, ""); r.status != 200 {
		t.Fatalf("login: %+v", r)
	}
	if b.cookie(web.SessionCookie) == "planted" {
		t.Error("the planted token stays")
	}
	if _, err := s.Session(t.Context(), "planted"); err == nil {
		t.Error("the planted token became a session")
	}
}

func TestRefusals(t *testing.T) {
	cases := []struct {
		name   string
		do     func(t *testing.T, s *site, b *tab, p *accounttest.Phone) reply
		status int
		code   string
	}{
		{"it refuses a login begun in another browser", func(t *testing.T, s *site, b *tab, p *accounttest.Phone) reply {
			o := s.open(t).do("POST", "/login/options", `{}`)
			return b.do("POST", "/login/finish", credential(p.Get(t, json.RawMessage(o.body))))
		}, 400, "ceremony"},
		{"it refuses an answer twice", func(t *testing.T, _ *site, b *tab, p *accounttest.Phone) reply {
			o := b.do("POST", "/login/options", `{}`)
			browser, answer := b.cookie("browser"), credential(p.Get(t, json.RawMessage(o.body)))
			b.do("POST", "/login/finish", answer)
			return b.do("POST", "/login/finish", answer, "Cookie", "mydata_idp_browser="+browser)
		}, 400, "ceremony"},
		{"it refuses an unverified user", func(_ *testing.T, _ *site, b *tab, p *accounttest.Phone) reply {
			p.Auth.Options.UserNotVerified = true
			return b.login(p, "")
		}, 400, "assertion"},
		{"it refuses a request it does not know", func(_ *testing.T, _ *site, b *tab, p *accounttest.Phone) reply {
			return b.login(p, "?request=unknown")
		}, 400, "interaction"},
		{"it refuses a body that is no JSON", func(_ *testing.T, _ *site, b *tab, _ *accounttest.Phone) reply {
			return b.do("POST", "/login/finish", `{`)
		}, 400, "bad_request"},
		{"it refuses a body given twice", func(_ *testing.T, _ *site, b *tab, _ *accounttest.Phone) reply {
			return b.do("POST", "/login/finish", `{"credential":{},"credential":{}}`)
		}, 400, "bad_request"},
		{"it refuses a form where JSON belongs", func(_ *testing.T, _ *site, b *tab, _ *accounttest.Phone) reply {
			return b.do("POST", "/login/finish", `credential=x`, "Accept", "application/json", "Content-Type", "application/x-www-form-urlencoded")
		}, 400, "bad_request"},
		{"it refuses a body of a megabyte", func(_ *testing.T, _ *site, b *tab, _ *accounttest.Phone) reply {
			return b.do("POST", "/login/finish", `{"credential":"`+strings.Repeat("a", 1<<20)+`"}`)
		}, 400, "bad_request"},
		{"it refuses a login that another site posts", func(t *testing.T, _ *site, b *tab, p *accounttest.Phone) reply {
			o := b.do("POST", "/login/options", `{}`)
			return b.do("POST", "/login/finish", credential(p.Get(t, json.RawMessage(o.body))), "Sec-Fetch-Site", "cross-site")
		}, 403, "cross_origin"},
		{"it refuses a logout that another site posts", func(_ *testing.T, _ *site, b *tab, _ *accounttest.Phone) reply {
			return b.do("POST", "/logout", `{}`, "Sec-Fetch-Site", "cross-site")
		}, 403, "cross_origin"},
		{"it refuses an unknown code", func(_ *testing.T, _ *site, b *tab, p *accounttest.Phone) reply {
			return b.enrol(p, "AAAABBBBCCCC")
		}, 400, "code"},
		{"it refuses a used code", func(t *testing.T, s *site, b *tab, _ *accounttest.Phone) reply {
			code := s.Letter(t, "resident-02", false)
			b.enrol(accounttest.NewPhone(), code)
			return b.enrol(accounttest.NewPhone(), code)
		}, 400, "code"},
		{"it asks an address with many wrong codes to wait", func(t *testing.T, s *site, b *tab, p *accounttest.Phone) reply {
			for range 5 {
				b.enrol(p, "AAAABBBBCCCC")
			}
			return b.enrol(p, s.Letter(t, "resident-02", false))
		}, 429, "too_many"},
		{"it refuses an enrolment without the cookie of its code", func(t *testing.T, s *site, b *tab, p *accounttest.Phone) reply {
			o := b.do("POST", "/enrol/options", `{"code":"`+s.Letter(t, "resident-02", false)+`"}`)
			return s.open(t).do("POST", "/enrol/finish", credential(p.Create(t, json.RawMessage(o.body))), "Cookie", "mydata_idp_browser="+b.cookie("browser"))
		}, 400, "code"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			p, _ := s.Person(t, "resident-01", false)
			b := s.open(t)
			r := c.do(t, s, b, p)
			var problem struct{ Code, Message, Correlation_id string }
			_ = json.Unmarshal([]byte(r.body), &problem)
			if r.status != c.status || problem.Code != c.code || problem.Message == "" || problem.Correlation_id != r.header.Get("X-Correlation-Id") {
				t.Errorf("%d %s, want %d %s", r.status, r.body, c.status, c.code)
			}
			if b.cookie(web.SessionCookie) != "" && c.code != "ceremony" && c.code != "code" && c.code != "interaction" {
				t.Error("a session began")
			}
		})
	}
}

// A guesser learns nothing from the answers: they differ in the correlation id
// alone.
//
//clause:passkeys one-time codes: 12 characters, 7 days, 5 tries, one answer for every failure
func TestCodesAreAnsweredAlike(t *testing.T) {
	s := newSite(t)
	b := s.open(t)
	used := s.Letter(t, "resident-01", false)
	b.enrol(accounttest.NewPhone(), used)
	old := s.Letter(t, "resident-02", false)
	s.Letter(t, "resident-02", false)
	seen := map[string]bool{}
	for _, code := range []string{"AAAABBBBCCCC", used, old, "", "x"} {
		r := b.do("POST", "/enrol/options", `{"code":"`+code+`"}`)
		r.body = strings.ReplaceAll(r.body, r.header.Get("X-Correlation-Id"), "")
		seen[r.body] = true
	}
	if len(seen) != 1 {
		t.Errorf("different answers: %v", seen)
	}
}

func TestPages(t *testing.T) {
	s := newSite(t)
	cases := []struct{ name, path, lang, want string }{
		{"it names who asks, in Korean", "/login?request=known", "ko", "면허 데모"},
		{"it names who asks, in English", "/login?request=known", "en", "Licence demo"},
		{"it lets the person say no", "/login?request=known", "en", `action="/login/deny?request=known"`},
		{"it fills in the code of the link", "/enrol?code=ABCD-EFGH-JKMN", "en", `name="code" type="text" value="ABCD-EFGH-JKMN"`},
		{"it escapes the code of the link", "/enrol?code=%22%3E%3Cscript%3E", "en", `value="&#34;&gt;&lt;script&gt;"`},
		{"it keeps a way back to one's own pages", "/login?next=/me/history", "en", `data-finish-url="/login/finish?next=%2Fme%2Fhistory"`},
		{"it drops a way to other sites", "/login?next=//evil.example", "en", `data-finish-url="/login/finish"`},
		{"it drops a way that climbs out", "/login?next=/me/..//evil.example", "en", `data-finish-url="/login/finish"`},
		{"it drops a way out of one's own pages", "/login?next=/token", "en", `data-finish-url="/login/finish"`},
		{"it asks before signing out", "/logout", "ko", "로그아웃하시겠습니까"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := s.open(t).do("GET", c.path, "", "Accept-Language", c.lang)
			if r.status != 200 || !strings.Contains(r.body, c.want) {
				t.Errorf("%d, want %q in\n%s", r.status, c.want, r.body)
			}
		})
	}
	t.Run("it says of whom nobody has checked the name", func(t *testing.T) {
		s.desk.strange = "shop.example:8443"
		defer func() { s.desk.strange = "" }()
		for lang, want := range map[string]string{"en": "nobody has checked its name", "ko": "이름을 확인한 기관이 없습니다"} {
			r := s.open(t).do("GET", "/login?request=known", "", "Accept-Language", lang)
			if !strings.Contains(r.body, want) || !strings.Contains(r.body, "shop.example:8443") {
				t.Errorf("not in\n%s", r.body)
			}
		}
	})
	r := s.open(t).do("POST", "/login/deny?request=known", "")
	if r.status != http.StatusSeeOther || !strings.HasPrefix(r.header.Get("Location"), "http://localhost:8083/callback?error=") {
		t.Errorf("deny: %+v", r)
	}
	r = s.open(t).do("GET", "/login?request=known", "")
	if !strings.Contains(r.header.Get("Content-Security-Policy"), "form-action 'self' http://localhost:8083") {
		t.Error("the way back to the client is closed by the policy")
	}
}
