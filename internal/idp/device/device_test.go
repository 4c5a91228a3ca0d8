package device_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/idp/device"
	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/internal/web"
)

// desk stands where the authorization server does, with one interaction.
type desk struct {
	about oauth.Interaction
	err   error
	done  []string
	said  string
}

func (d *desk) BeginDevice(_ http.ResponseWriter, _ *http.Request, typed string) (string, error) {
	if d.err != nil {
		return "", d.err
	}
	if typed != "BCDF-GHJK" {
		return "", oauth.ErrUserCode
	}
	return "/login?request=known", nil
}

func (d *desk) Interaction(context.Context, *http.Request, string) (oauth.Interaction, error) {
	return d.about, d.err
}

func (d *desk) Done(_ context.Context, _ *http.Request, _ oauth.Interaction, step string) (string, error) {
	d.done = append(d.done, step)
	return "/next", nil
}

func (d *desk) Deny(context.Context, *http.Request, string) (string, error) {
	d.said = "no"
	return oauth.DeviceDone + "?said=no", nil
}

func (d *desk) Next(context.Context, string) (string, error) { return "/next", nil }

func newSite() (*desk, http.Handler) {
	d := &desk{about: oauth.Interaction{ID: "known", Citizen: "ada", Device: true, Client: registry.Client{
		ID: "kiosk", Name: map[string]string{"en": "Kiosk <b>7</b>", "ko": "단말기 7"}, Place: map[string]string{"en": "City Hall, counter 3", "ko": "시청 3번 창구"},
	}}}
	frame := web.New(web.Options{Service: "idp", Development: true, Logger: slog.New(slog.DiscardHandler)})
	mux := http.NewServeMux()
	(&device.Handler{Frame: frame, Server: d}).Mount(mux)
	return d, frame.Handler(mux)
}

func ask(site http.Handler, method, path, lang string, form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept-Language", lang)
	r.Header.Set("Accept", "text/html")
	w := httptest.NewRecorder()
	site.ServeHTTP(w, r)
	return w
}

//clause:as RFC 8628, 5.1, 5.4, 6.1: user codes, their tries bounded; the page that names device and place and warns; no link that carries a code
func TestPages(t *testing.T) {
	_, site := newSite()
	for _, c := range []struct {
		name, path, lang string
		want             []string
	}{
		{"it asks for the code, and says what a fraud is", "/device", "en", []string{`<label for="user_code">`, "it is a fraud", `aria-describedby="code-hint fraud"`}},
		{"it asks in Korean", "/device", "ko", []string{"화면의 코드", "사기입니다"}},
		{"it names the device and its place, as registered", "/device/known", "en", []string{"<bdi>Kiosk &lt;b&gt;7&lt;/b&gt;</bdi>", "<bdi>City Hall, counter 3</bdi>", "Go on only if you stand in front", "fraud"}},
		{"it names them in Korean", "/device/known", "ko", []string{"단말기 7", "시청 3번 창구"}},
		{"it says that the device goes on", "/device/done?said=yes", "en", []string{"The device goes on"}},
		{"it says that it does not", "/device/done?said=%22", "ko", []string{"거부했다고 알렸습니다"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := ask(site, "GET", c.path, c.lang, nil)
			for _, want := range c.want {
				if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), want) {
					t.Errorf("%d, wanted %q in\n%s", w.Code, want, w.Body)
				}
			}
		})
	}
	t.Run("it reads no code from an address", func(t *testing.T) {
		if w := ask(site, "GET", "/device?user_code=BCDF-GHJK", "en", nil); strings.Contains(w.Body.String(), `value="BCDF`) {
			t.Error(w.Body)
		}
		if w := ask(site, "POST", "/device?user_code=BCDF-GHJK", "en", url.Values{}); w.Code != http.StatusBadRequest {
			t.Error(w.Code)
		}
	})
}

//clause:as RFC 8628, 5.1, 5.4, 6.1: user codes, their tries bounded; the page that names device and place and warns; no link that carries a code
func TestAnswers(t *testing.T) {
	d, site := newSite()
	if w := ask(site, "POST", "/device", "en", url.Values{"user_code": {"BCDF-GHJK"}}); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/login?request=known" {
		t.Errorf("it leads to the login: %d %s", w.Code, w.Header())
	}
	if w := ask(site, "POST", "/device", "en", url.Values{"user_code": {"x"}}); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), `role="alert"`) || !strings.Contains(w.Body.String(), `aria-invalid="true"`) {
		t.Errorf("it says that a code is wrong, and asks again: %d %s", w.Code, w.Body)
	}
	if w := ask(site, "POST", "/device/known", "en", nil); w.Header().Get("Location") != "/next" || len(d.done) != 1 || d.done[0] != oauth.StepDevice {
		t.Errorf("it goes on: %d %v", w.Code, d.done)
	}
	if w := ask(site, "POST", "/device/known/deny", "en", nil); w.Header().Get("Location") != "/device/done?said=no" || d.said != "no" {
		t.Errorf("it says no: %d", w.Code)
	}
	d.done, d.said = nil, ""
	for _, c := range []struct {
		name   string
		about  oauth.Interaction
		err    error
		status int
	}{
		{"it sends who has not logged in to the login", oauth.Interaction{ID: "known", Device: true}, nil, http.StatusSeeOther},
		{"it answers no interaction about something else", oauth.Interaction{ID: "known", Citizen: "ada"}, nil, http.StatusNotFound},
		{"it answers none that is over", oauth.Interaction{}, oauth.ErrNoInteraction, http.StatusNotFound},
		{"it answers none of another browser", oauth.Interaction{}, oauth.ErrOtherBrowser, http.StatusForbidden},
		{"it says when there were too many tries", oauth.Interaction{}, spent{}, http.StatusTooManyRequests},
	} {
		d.about, d.err = c.about, c.err
		for _, path := range []string{"/device/known", "/device/known/deny"} {
			if w := ask(site, "POST", path, "en", nil); w.Code != c.status || len(d.done) != 0 || d.said != "" {
				t.Errorf("%s: %d at %s", c.name, w.Code, path)
			}
		}
	}
	if w := ask(site, "POST", "/device", "en", url.Values{"user_code": {"BCDF-GHJK"}}); w.Code != http.StatusTooManyRequests {
		t.Errorf("too many codes: %d", w.Code)
	}
}

type spent struct{}

func (spent) Error() string             { return "used up" }
func (spent) RetryAfter() time.Duration { return time.Second }
