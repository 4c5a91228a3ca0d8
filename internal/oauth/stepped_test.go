package oauth_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/oauth"
)

const paperType = "urn:test:paper"

// papers is a detail type with a page of its own, /paper.
type papers struct{ *transfers }

func (papers) Type() string          { return paperType }
func (papers) Step() string          { return "paper" }
func (papers) MaxAge() time.Duration { return 5 * time.Minute }

func forPaper(form url.Values) { form.Set("authorization_details", `[{"type":"`+paperType+`"}]`) }

// first is where the browser is sent at the beginning.
func (c *client) first(form url.Values) string {
	c.h.t.Helper()
	r, err := http.NewRequest(http.MethodGet, c.h.url+"/authorize?"+url.Values{
		"client_id": {c.id}, "request_uri": {c.push(form).str("request_uri")}}.Encode(), nil)
	check(c.h.t, err)
	still := *c.browser
	still.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	to, _, _ := strings.Cut(c.h.do(&still, r).header.Get("Location"), "?")
	return to
}

// A detail type may have a page of its own, and want a login just before.
//
//clause:issuer the citizen agrees on a page of its own, with a login of five minutes at most; no refresh token
func TestSteppedDetails(t *testing.T) {
	h := newHub(t, func(c *oauth.Config) { c.Details = append(c.Details, papers{&transfers{}}) })
	h.session = "ada"
	agency := h.add("agency", nil)
	for name, tt := range map[string]struct {
		aged   time.Duration
		change func(url.Values)
		path   string
	}{
		"it goes to the type's own page":                    {time.Minute, forPaper, "/paper/"},
		"it wants a login as young as the type needs it":    {6 * time.Minute, forPaper, "/login"},
		"it wants a younger one where the client does":      {time.Minute, func(f url.Values) { forPaper(f); f.Set("max_age", "30") }, "/login"},
		"it wants no older one because the client would":    {6 * time.Minute, func(f url.Values) { forPaper(f); f.Set("max_age", "3600") }, "/login"},
		"it goes to the approval for a type without a page": {6 * time.Minute, withDetails, "/approval/"},
	} {
		t.Run(name, func(t *testing.T) {
			h.aged = tt.aged
			form := agency.authorization("")
			tt.change(form)
			if to := agency.first(form); !strings.HasPrefix(to, tt.path) {
				t.Errorf("it begins at %s", to)
			}
		})
	}
	h.aged = 0
	t.Run("it is not passed by an approval of transfers", func(t *testing.T) {
		form := agency.authorization("")
		forPaper(form)
		to := agency.first(form)
		id := strings.TrimPrefix(to, "/paper/")
		r, err := http.NewRequest(http.MethodGet, h.url, nil)
		check(t, err)
		u, _ := url.Parse(h.url)
		for _, cookie := range agency.browser.Jar.Cookies(u) {
			r.AddCookie(cookie)
		}
		if next, err := h.done(r, id, oauth.StepApproval); err != nil || next != to {
			t.Errorf("next is %s, %v", next, err)
		}
		next, err := h.done(r, id, "paper")
		check(t, err)
		back, err := url.Parse(agency.visit(next).header.Get("Location"))
		check(t, err)
		if a := agency.redeem(back.Query().Get("code")); a.status != http.StatusOK || a.str("access_token") == "" || a.str("refresh_token") != "" {
			t.Errorf("it gives a token, once: %d %s", a.status, a.text)
		}
	})
}
