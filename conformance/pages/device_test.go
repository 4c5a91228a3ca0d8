package pages_test

import (
	"bytes"
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

// visitConsent has kim asked once more before a login, by a client that wants it and
// by one that registered itself; says yes and, the next time, no.
func (w *world) visitConsent(t *testing.T) {
	w.register(t, map[string]any{
		"client_id": "reader", "client_name": w.wild("reader", 390), "scope": "openid", "redirect_uris": []string{w.wallet + "/callback"},
	})
	w.agree(t, "reader", "consent")
	w.agree(t, w.selfMade(t), "")
}

// selfMade is a client that registered itself.
func (w *world) selfMade(t *testing.T) string {
	out, err := w.Command(t.Context(), "idp", "client", "token", "--json")
	must(t, err)
	var initial struct {
		Token string `json:"token"`
	}
	must(t, json.Unmarshal(out, &initial))
	body, err := json.Marshal(map[string]any{"client_name": w.wild("stranger", 390), "scope": "openid", "redirect_uris": []string{w.wallet + "/callback"}})
	must(t, err)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.hub+"/register", bytes.NewReader(body))
	must(t, err)
	r.Header.Set("Authorization", "Bearer "+initial.Token)
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	must(t, err)
	defer res.Body.Close()
	var made struct {
		ID string `json:"client_id"`
	}
	must(t, json.NewDecoder(res.Body).Decode(&made))
	if made.ID == "" {
		t.Fatal(res.Status)
	}
	return made.ID
}

func (w *world) agree(t *testing.T, client, prompt string) {
	for name, want := range map[string]string{"/consent/": "code=", "/deny": "error=access_denied"} {
		page := mustOpen(t, w.kim, w.hub+"/authorize?"+url.Values{
			"client_id": {client}, "response_type": {"code"}, "redirect_uri": {w.wallet + "/callback"}, "scope": {"openid"}, "prompt": {prompt},
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
