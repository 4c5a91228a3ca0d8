package pages_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// visitDevice has kim say no and yes to a kiosk with a wild name, at a wild place.
func (w *world) visitDevice(t *testing.T) {
	const grant = "urn:ietf:params:oauth:grant-type:device_code"
	out, err := w.add(t, map[string]any{
		"client_id": "kiosk", "client_name": w.wild("kiosk", 390), "place": w.wild("place", 390), "grant_types": []string{grant}, "scope": "openid",
	})
	must(t, err)
	_, after, _ := strings.Cut(string(out), "secret, shown once: ")
	secret, _, _ := strings.Cut(after, "\n")
	kiosk := w.browser()
	ask := func(path string, form url.Values) map[string]any {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.hub+path, strings.NewReader(form.Encode()))
		must(t, err)
		req.Header.Set("Content-Type", formType)
		req.SetBasicAuth("kiosk", secret)
		p, err := kiosk.Send(req)
		must(t, err)
		said := map[string]any{}
		must(t, json.Unmarshal(p.Body, &said))
		return said
	}
	for yes, want := range map[bool]string{true: "", false: "access_denied"} {
		asked := ask("/device_authorization", url.Values{"scope": {"openid"}})
		user, _ := asked["user_code"].(string)
		code, _ := asked["device_code"].(string)
		page, err := w.kim.AnswerDevice(t.Context(), user, yes)
		must(t, err)
		if page.URL.Path != "/device/done" {
			t.Errorf("came to %s", page.URL)
		}
		given := ask("/token", url.Values{"grant_type": {grant}, "device_code": {code}})
		if said, _ := given["error"].(string); said != want || (given["id_token"] != nil) != yes {
			t.Errorf("answered %v: the kiosk was told %v", yes, said)
		}
	}
}

// visitConsent has kim asked once more before a login, says yes and, the next time,
// no.
func (w *world) visitConsent(t *testing.T) {
	w.register(t, map[string]any{
		"client_id": "reader", "client_name": w.wild("reader", 390), "scope": "openid", "redirect_uris": []string{w.wallet + "/callback"},
	})
	for name, want := range map[string]string{"/consent/": "code=", "/deny": "error=access_denied"} {
		page := mustOpen(t, w.kim, w.hub+"/authorize?"+url.Values{
			"client_id": {"reader"}, "response_type": {"code"}, "redirect_uri": {w.wallet + "/callback"}, "scope": {"openid"}, "prompt": {"consent"},
			"ui_locales": {"en"}, "code_challenge_method": {"S256"}, "code_challenge": {strings.Repeat("A", 43)},
		}.Encode())
		if name == "/consent/" {
			name = page.URL.Path
		}
		form, ok := page.Form(name)
		if !ok {
			t.Fatalf("no way on at %s", page.URL)
		}
		p := w.press(t, w.kim, form)
		if to := p.Header.Get("Location"); strings.HasPrefix(to, "/authorize/callback") {
			p = get(t, w.kim, w.hub+to)
		}
		if to := p.Header.Get("Location"); !strings.HasPrefix(to, w.wallet+"/callback?") || !strings.Contains(to, want) {
			t.Errorf("%d %s, wanted %s", p.Status, to, want)
		}
	}
}
