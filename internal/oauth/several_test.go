package oauth_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/govmydata/mydata/internal/oauth"
)

func withThree(form url.Values) {
	form.Set("authorization_details", `[{"type":"`+transferType+`"},{"type":"`+transferType+`"},{"type":"`+transferType+`"}]`)
}

// naming asks for a token for one of what was granted (RFC 9396, 6).
func naming(grant string) func(url.Values) {
	return func(form url.Values) {
		form.Set("authorization_details", `[{"type":"`+transferType+`","grant_id":"`+grant+`"}]`)
	}
}

// refreshNaming is a refresh for one of what was granted.
func (c *client) refreshNaming(token, grant string) answer {
	c.h.t.Helper()
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
	naming(grant)(form)
	return c.h.post("/token", form, c.auth(form), c.proof("/token", ""))
}

//clause:as RFC 9396, 2 and 6: several elements of one type; a token request names the one that its token is for
func TestSeveralDetails(t *testing.T) {
	h := newHub(t)
	agency := h.add("agency", nil)
	t.Run("it gives a token for the one that is named, and by the refresh token for the others", func(t *testing.T) {
		first := agency.redeem(agency.code("", withThree), naming("grant-2"))
		if claims := h.claims(first.str("access_token"), "at+jwt"); claims["grant_id"] != "grant-2" {
			t.Fatalf("%v", claims)
		}
		for _, grant := range []string{"grant-1", "grant-3", "grant-2"} {
			a := agency.refreshNaming(first.str("refresh_token"), grant)
			if claims := h.claims(a.str("access_token"), "at+jwt"); claims["grant_id"] != grant {
				t.Errorf("%s: %v", grant, claims)
			}
		}
	})
	t.Run("it spends no code on what was refused", func(t *testing.T) {
		code := agency.code("", withThree)
		h.detail.refuse(&oauth.Refusal{Code: "invalid_grant", Description: "denied: the citizen said no"})
		refused(t, agency.redeem(code, naming("grant-1")), http.StatusBadRequest, "invalid_grant", "denied")
		h.detail.refuse(nil)
		if a := agency.redeem(code, naming("grant-2")); a.status != http.StatusOK {
			t.Errorf("%d %s", a.status, a.text)
		}
	})
	const wrong = "invalid_authorization_details"
	for _, c := range []struct {
		name   string
		pushed func(url.Values)
		change func(url.Values)
		why    string
	}{
		{"it refuses to choose among several", withThree, func(url.Values) {}, "several"},
		{"it refuses one that was not asked for", withThree, naming("grant-4"), "not asked for here"},
		{"it refuses another than the only one", withDetails, naming("grant-2"), "not asked for here"},
		{"it refuses two at once", withThree, func(f url.Values) {
			f.Set("authorization_details", `[{"type":"`+transferType+`","grant_id":"grant-1"},{"type":"`+transferType+`","grant_id":"grant-2"}]`)
		}, "exactly one"},
		{"it refuses one of another type", withThree, func(f url.Values) {
			f.Set("authorization_details", `[{"type":"x","grant_id":"grant-1"}]`)
		}, "exactly one"},
		{"it refuses one without a name", withThree, naming(""), "grant_id"},
		{"it refuses what is no array", withThree, func(f url.Values) { f.Set("authorization_details", "x") }, "array"},
	} {
		t.Run(c.name, func(t *testing.T) {
			refused(t, agency.redeem(agency.code("", c.pushed), c.change), http.StatusBadRequest, wrong, c.why)
		})
	}
	t.Run("it refuses a name where nothing was asked for", func(t *testing.T) {
		refused(t, agency.redeem(agency.code("openid"), naming("grant-1")), http.StatusBadRequest, wrong, "none")
	})
	t.Run("it takes the only one by name too", func(t *testing.T) {
		if a := agency.redeem(agency.code("", withDetails), naming("grant-1")); a.status != http.StatusOK {
			t.Errorf("%d %s", a.status, a.text)
		}
	})
}

// The largest bundle of signed requests is read; what is larger is not.
func TestLongRequestObject(t *testing.T) {
	h := newHub(t)
	agency := h.add("agency", nil)
	push := func(n int) answer {
		form := url.Values{"request": {strings.Repeat("x", n)}}
		return h.post("/par", form, agency.auth(form))
	}
	refused(t, push(55<<10), http.StatusBadRequest, "invalid_request_object", "")
	refused(t, push(57<<10), http.StatusBadRequest, "invalid_request", "too long")
}
