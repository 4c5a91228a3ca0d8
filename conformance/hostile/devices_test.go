package hostile_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"

// A visit of somebody at the kiosk.
type visit struct {
	Device string `json:"device_code"`
	User   string `json:"user_code"`
}

func (w *world) atKiosk(t testing.TB) visit {
	t.Helper()
	return into[visit](t, w.kioskAsks(t, url.Values{"scope": {"openid"}}))
}

func (w *world) kioskAsks(t testing.TB, form url.Values) answer {
	return postForm(t, w.hub+"/device_authorization", form, "Authorization", basic(w.kiosk.ID, w.kiosk.Secret))
}

func (w *world) kioskPolls(t testing.TB, form url.Values) answer {
	return postForm(t, w.hub+"/token", with(form, "grant_type", deviceGrant), "Authorization", basic(w.kiosk.ID, w.kiosk.Secret))
}

// devices attack the device flow (RFC 8628, 3.1, 3.4, 3.5, 5.1, 5.4).
func devices() []attempt {
	return append(append(deviceRequests(), devicePolls()...), deviceAnswers()...)
}

func deviceRequests() []attempt {
	var list []attempt
	asks := func(name string, status int, code string, form url.Values, headers ...string) {
		list = append(list, attempt{name: name, status: status, code: code, try: func(t *testing.T, w *world) answer {
			if len(headers) == 0 {
				return w.kioskAsks(t, form)
			}
			return postForm(t, w.hub+"/device_authorization", form, headers...)
		}})
	}
	asks("it asks for nobody", 401, "invalid_client", url.Values{"scope": {"openid"}}, "X", "y")
	asks("it asks for no name without a secret", 401, "invalid_client", url.Values{"scope": {"openid"}, "client_id": {"kiosk"}}, "X", "y")
	asks("it asks for no wrong secret", 401, "invalid_client", url.Values{"scope": {"openid"}}, "Authorization", basic("kiosk", "wrong"))
	asks("it asks for no public client", 400, "unauthorized_client", url.Values{"scope": {"openid"}, "client_id": {"demo-wallet"}}, "X", "y")
	asks("it refuses a device a card", 400, "invalid_scope", url.Values{"scope": {"openid resident_card"}})
	asks("it refuses a device a token that outlives the visit", 400, "invalid_scope", url.Values{"scope": {"openid offline_access"}})
	asks("it refuses a device scopes of others", 400, "invalid_scope", url.Values{"scope": {"admin " + mark}})
	asks("it refuses a device without scope", 400, "invalid_scope", url.Values{"x": {"y"}})
	asks("it refuses a device a consent", 400, "invalid_request", url.Values{"scope": {"openid"}, "authorization_details": {"[{}]"}})
	asks("it refuses a device a request object", 400, "invalid_request", url.Values{"scope": {"openid"}, "request": {"e30.e30."}})
	asks("it refuses a device an address of a request", 400, "invalid_request", url.Values{"scope": {"openid"}, "request_uri": {"http://169.254.169.254/"}})
	asks("it refuses a device two scopes", 400, "invalid_request", url.Values{"scope": {"openid", "openid"}})
	asks("it refuses a device a scope of 5000 characters", 400, "invalid_request", url.Values{"scope": {long(5000)}})
	list = append(list, attempt{name: "it refuses a device parameters in the address", status: 400, code: "invalid_request", try: func(t *testing.T, w *world) answer {
		return postForm(t, w.hub+"/device_authorization?scope=openid", url.Values{}, "Authorization", basic(w.kiosk.ID, w.kiosk.Secret))
	}}, attempt{name: "it refuses a device that sends JSON", status: 400, code: "invalid_request", try: func(t *testing.T, w *world) answer {
		return postJSON(t, w.hub+"/device_authorization", `{"scope":"openid"}`, "Authorization", basic(w.kiosk.ID, w.kiosk.Secret))
	}})
	return list
}

func devicePolls() []attempt {
	var list []attempt
	add := func(name string, status int, code string, try func(t *testing.T, w *world) answer) {
		list = append(list, attempt{name: name, status: status, code: code, try: try})
	}
	for name, code := range map[string]string{"an unknown code": long(43), "a code that no row can hold": "a\x00b", "a code that is not UTF-8": "\xff"} {
		add("it gives a device nothing for "+name, 400, "invalid_grant", func(t *testing.T, w *world) answer {
			return w.kioskPolls(t, url.Values{"device_code": {code}})
		})
	}
	add("it gives a device nothing for no code", 400, "invalid_request", func(t *testing.T, w *world) answer { return w.kioskPolls(t, url.Values{"x": {"y"}}) })
	add("it gives a device nothing for the code that a person types", 400, "invalid_grant", func(t *testing.T, w *world) answer {
		return w.kioskPolls(t, url.Values{"device_code": {w.atKiosk(t).User}})
	})
	add("it gives a device nothing before a citizen answered", 400, "authorization_pending", func(t *testing.T, w *world) answer {
		return w.kioskPolls(t, url.Values{"device_code": {w.atKiosk(t).Device}})
	})
	add("it tells a device that asks too often to slow down", 400, "slow_down", func(t *testing.T, w *world) answer {
		v := w.atKiosk(t)
		w.kioskPolls(t, url.Values{"device_code": {v.Device}})
		return w.kioskPolls(t, url.Values{"device_code": {v.Device}})
	})
	add("it gives another client nothing for a device's code", 400, "unauthorized_client", func(t *testing.T, w *world) answer {
		return w.redeem(t, newKey(t), w.asks.authenticated(t, w, url.Values{"grant_type": {deviceGrant}, "device_code": {w.atKiosk(t).Device}}))
	})
	add("it gives nobody anything for a device's code", 401, "invalid_client", func(t *testing.T, w *world) answer {
		return postForm(t, w.hub+"/token", url.Values{"grant_type": {deviceGrant}, "device_code": {w.atKiosk(t).Device}})
	})
	add("it takes a device's code for no other code", 401, "invalid_client", func(t *testing.T, w *world) answer {
		return postForm(t, w.hub+"/token", url.Values{"grant_type": {"authorization_code"}, "code": {w.atKiosk(t).Device}, "client_id": {"kiosk"}})
	})
	add("it tells a device that the citizen said no", 400, "access_denied", func(t *testing.T, w *world) answer {
		v := w.atKiosk(t)
		if _, err := w.kim.AnswerDevice(t.Context(), v.User, false); err != nil {
			t.Fatal(err)
		}
		return w.kioskPolls(t, url.Values{"device_code": {v.Device}})
	})
	approved := func(t *testing.T, w *world) (visit, tokenResponse) {
		v := w.atKiosk(t)
		if _, err := w.kim.AnswerDevice(t.Context(), v.User, true); err != nil {
			t.Fatal(err)
		}
		return v, into[tokenResponse](t, w.kioskPolls(t, url.Values{"device_code": {v.Device}}))
	}
	add("it gives a device nothing twice", 400, "invalid_grant", func(t *testing.T, w *world) answer {
		v, _ := approved(t, w)
		return w.kioskPolls(t, url.Values{"device_code": {v.Device}})
	})
	add("it ends what a device's code gave that came twice", 401, "invalid_token", func(t *testing.T, w *world) answer {
		v, given := approved(t, w)
		w.kioskPolls(t, url.Values{"device_code": {v.Device}})
		return get(t, w.hub+"/userinfo", "Authorization", "Bearer "+given.Access)
	})
	add("it gives a device's token no card", 401, "invalid_token", func(t *testing.T, w *world) answer {
		_, given := approved(t, w)
		return postJSON(t, w.hub+"/credential", cardRequest("x"), bearer(t, newKey(t), "POST", w.hub+"/credential", given.Access)...)
	})
	return list
}

// deviceAnswers are of persons, or of who would like to be one.
func deviceAnswers() []attempt {
	var list []attempt
	add := func(name string, status int, code string, try func(t *testing.T, w *world) answer) {
		list = append(list, attempt{name: name, status: status, code: code, try: try})
	}
	types := func(t *testing.T, w *world, code string, headers ...string) answer {
		return as(t, w.kim.Citizen, http.MethodPost, w.hub+"/device", formType, url.Values{"user_code": {code}}.Encode(), headers...)
	}
	for name, code := range map[string]string{"nothing": "", "a code that nobody has": "BCDF-GHJK", "what is no code": mark, "a NUL": "a\x00b", "an endless code": long(5000)} {
		add("it lets nobody answer by "+name, 400, "", func(t *testing.T, w *world) answer { return types(t, w, code) })
	}
	add("it reads no code from an address", 200, "", func(t *testing.T, w *world) answer {
		v := w.atKiosk(t)
		a := as(t, w.kim.Citizen, http.MethodGet, w.hub+"/device?user_code="+v.User, "", "")
		if strings.Contains(a.body, `value="`+v.User) {
			t.Error("the page has the code filled in")
		}
		return a
	})
	add("it takes no code from another site", 403, "cross_origin", func(t *testing.T, w *world) answer {
		return types(t, w, w.atKiosk(t).User, "Sec-Fetch-Site", "cross-site")
	})
	begun := func(t *testing.T, w *world) string {
		a := types(t, w, w.atKiosk(t).User)
		to, err := url.Parse(a.header.Get("Location"))
		if err != nil || a.status != http.StatusSeeOther || to.Query().Get("request") == "" {
			t.Fatalf("%d %s", a.status, a.header)
		}
		return to.Query().Get("request")
	}
	add("it lets nobody answer before a login of their own", 303, "", func(t *testing.T, w *world) answer {
		if err := w.kim.Login(t.Context()); err != nil { // an open session must not do
			t.Fatal(err)
		}
		id := begun(t, w)
		a := as(t, w.kim.Citizen, http.MethodPost, w.hub+"/device/"+id, formType, "")
		if to := a.header.Get("Location"); to != "/login?request="+id {
			t.Errorf("it leads to %s", to)
		}
		return a
	})
	add("it lets no other browser answer", 403, "other_browser", func(t *testing.T, w *world) answer {
		return as(t, w.lee.Citizen, http.MethodPost, w.hub+"/device/"+begun(t, w), formType, "")
	})
	add("it lets no other browser say no", 403, "other_browser", func(t *testing.T, w *world) answer {
		return as(t, w.lee.Citizen, http.MethodPost, w.hub+"/device/"+begun(t, w)+"/deny", formType, "")
	})
	add("it takes no answer from another site", 403, "cross_origin", func(t *testing.T, w *world) answer {
		return as(t, w.kim.Citizen, http.MethodPost, w.hub+"/device/"+begun(t, w), formType, "", "Sec-Fetch-Site", "cross-site")
	})
	add("it takes no answer to nothing", 404, "gone", func(t *testing.T, w *world) answer {
		return as(t, w.kim.Citizen, http.MethodPost, w.hub+"/device/"+long(43), formType, "")
	})
	add("it takes no answer to what no row can hold", 404, "gone", func(t *testing.T, w *world) answer {
		return as(t, w.kim.Citizen, http.MethodPost, w.hub+"/device/a%00b", formType, "")
	})
	add("it takes a wallet's request for no device's", 404, "gone", func(t *testing.T, w *world) answer {
		return as(t, w.kim.Citizen, http.MethodPost, w.hub+"/device/"+w.begun(t), formType, "")
	})
	return list
}
