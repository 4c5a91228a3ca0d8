package main

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/wallet/wallettest"
	"github.com/govmydata/mydata/pkg/credential/openid4vp"
)

// pocket is the page as a browser meets it.
type pocket struct {
	url     string
	browser *http.Client
}

func newPocket(t *testing.T, i *wallettest.Issuer) pocket {
	t.Helper()
	trust := t.TempDir()
	if err := os.WriteFile(filepath.Join(trust, "issuer-ca.pem"), i.Authority.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(nil)
	address := "http://" + server.Listener.Addr().String()
	page, err := build(settings{listen: server.Listener.Addr().String(), url: address, hub: i.URL, trust: trust, data: t.TempDir(), clientID: "demo-wallet"})
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = page
	server.Start()
	t.Cleanup(server.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return pocket{url: address, browser: &http.Client{Jar: jar}}
}

func (p pocket) get(t *testing.T, path string) (int, string) {
	t.Helper()
	resp, err := p.browser.Get(p.url + path)
	return read(t, resp, err)
}

func (p pocket) post(t *testing.T, path string, form url.Values) (int, string) {
	t.Helper()
	resp, err := p.browser.PostForm(p.url+path, form)
	return read(t, resp, err)
}

func read(t *testing.T, resp *http.Response, err error) (int, string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func find(t *testing.T, page, pattern string) string {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("%s is not on the page:\n%s", pattern, page)
	}
	return m[1]
}

const idField = `name="id" value="([^"]+)"`

func (p pocket) take(t *testing.T, i *wallettest.Issuer) {
	t.Helper()
	_, page := p.get(t, "/?offer="+url.QueryEscape(i.Offer(t, true)))
	status, page := p.post(t, "/accept", url.Values{"id": {find(t, page, idField)}})
	if status != 200 || !strings.Contains(page, "/cards/") {
		t.Fatalf("%d\n%s", status, page)
	}
}

//clause:issuer 12.2.4: names of issuer, cards and claims in English and Korean, one entry a locale; the demo wallet's pages speak the reader's
func TestOfferPage(t *testing.T) {
	issuer := wallettest.NewIssuer(t)
	issuer.TxCode = "493536"
	p := newPocket(t, issuer)
	_, page := p.get(t, "/?offer="+url.QueryEscape(issuer.Offer(t, true))+"&lang=en")
	for _, want := range []string{`name="tx_code"`, `inputmode="numeric"`, issuer.URL} {
		if !strings.Contains(page, want) {
			t.Errorf("%s is not shown", want)
		}
	}
	id := find(t, page, idField)
	for _, wrong := range []string{"", "000000"} {
		status, page := p.post(t, "/accept", url.Values{"id": {id}, "tx_code": {wrong}})
		if status != 400 || !strings.Contains(page, `role="alert"`) {
			t.Fatalf("code %q: %d\n%s", wrong, status, page)
		}
	}
	status, page := p.post(t, "/accept", url.Values{"id": {id}, "tx_code": {"493536"}})
	if status != 200 || !strings.Contains(page, "/cards/") {
		t.Fatalf("%d\n%s", status, page)
	}
	if status, _ := p.post(t, "/accept", url.Values{"id": {id}, "tx_code": {"493536"}}); status != 400 {
		t.Fatalf("taken twice: %d", status)
	}
	address := find(t, page, `href="(/cards/[^"]+)"`)
	for lang, names := range map[string][]string{"en": {"Resident card", "Surname", "Address · locality"}, "ko": {"주민등록증", "성씨", "주소 · locality"}} {
		_, card := p.get(t, address+"?lang="+lang)
		for _, want := range names {
			if !strings.Contains(card, want) {
				t.Errorf("%s: the card does not say %s", lang, want)
			}
		}
	}
	_, card := p.get(t, address+"?lang=en")
	for _, want := range []string{`<bdi lang="ko">김민준</bdi>`, "1 March 1990", `data-claim="address.locality"`, "Address · locality", "Surname"} {
		if !strings.Contains(card, want) {
			t.Errorf("the card does not show %s", want)
		}
	}
	if strings.Contains(card, "cnf") || strings.Contains(card, "status_list") {
		t.Error("the card shows machinery")
	}
}

func TestSignInPage(t *testing.T) {
	issuer := wallettest.NewIssuer(t)
	p := newPocket(t, issuer)
	_, page := p.get(t, "/?offer="+url.QueryEscape(issuer.Offer(t, false)))
	status, page := p.post(t, "/accept", url.Values{"id": {find(t, page, idField)}})
	if status != 200 || !strings.Contains(page, "/cards/") {
		t.Fatalf("%d\n%s", status, page)
	}
	t.Run("it takes no callback that this browser did not start", func(t *testing.T) {
		if status, _ := p.get(t, "/callback?code=x&state=y&iss="+url.QueryEscape(issuer.URL)); status != 400 {
			t.Fatal(status)
		}
	})
}

// verifier is the least of one: it hands out a request and keeps the answer.
type verifier struct {
	link    string
	request openid4vp.Request
	got     string
	next    string
}

func newVerifier(t *testing.T, i *wallettest.Issuer, query string) *verifier {
	t.Helper()
	v := &verifier{}
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	key := wallettest.Key(t)
	chain := i.Authority.Leaf(t, key.Public(), "Test verifier", server.URL)
	q, err := openid4vp.ParseQuery([]byte(query))
	if err != nil {
		t.Fatal(err)
	}
	v.request, err = openid4vp.NewRequest(openid4vp.ClientID(chain[0]), server.URL+"/response", q, time.Now(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	v.link = v.request.URI(server.URL + "/request")
	mux.HandleFunc("POST /request", func(w http.ResponseWriter, r *http.Request) {
		object, err := v.request.Sign(key, chain, r.FormValue("wallet_nonce"))
		if err != nil {
			http.Error(w, err.Error(), 500)
			return
		}
		w.Header().Set("Content-Type", openid4vp.RequestMediaType)
		_, _ = w.Write([]byte(object))
	})
	mux.HandleFunc("POST /response", func(w http.ResponseWriter, r *http.Request) {
		v.got = r.FormValue("response")
		w.Header().Set("Content-Type", "application/json")
		if v.next == "" {
			_, _ = w.Write([]byte(`{}`))
			return
		}
		_, _ = w.Write([]byte(`{"redirect_uri":"` + server.URL + v.next + `"}`))
	})
	mux.HandleFunc("GET /done", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("back at the verifier")) })
	return v
}

const cardQuery = `{"id":"card","format":"dc+sd-jwt","meta":{"vct_values":["urn:mydata:resident-card:1"]},"claims":[{"path":["name"]}]}`

func TestRequestPage(t *testing.T) {
	issuer := wallettest.NewIssuer(t)
	p := newPocket(t, issuer)
	p.take(t, issuer)
	t.Run("it shows what would go, and sends it on a press", func(t *testing.T) {
		v := newVerifier(t, issuer, `{"credentials":[`+cardQuery+`]}`)
		v.next = "/done"
		_, page := p.get(t, "/?request="+url.QueryEscape(v.link))
		if !strings.Contains(page, "Test verifier") || !strings.Contains(page, "김민준") || strings.Contains(page, "1990-03-01") {
			t.Fatal(page)
		}
		if v.got != "" {
			t.Fatal("something went out before the press")
		}
		_, done := p.post(t, "/answer", url.Values{"id": {find(t, page, idField)}, "way-card": {"0"}, "decision": {"share"}})
		if done != "back at the verifier" {
			t.Fatal(done)
		}
		if r, err := v.request.Open(v.got); err != nil || len(r.VPToken["card"]) != 1 {
			t.Fatalf("%+v, %v", r, err)
		}
	})
	t.Run("it declines", func(t *testing.T) {
		v := newVerifier(t, issuer, `{"credentials":[`+cardQuery+`]}`)
		_, page := p.get(t, "/?request="+url.QueryEscape(v.link))
		status, _ := p.post(t, "/answer", url.Values{"id": {find(t, page, idField)}, "way-card": {"0"}, "decision": {"decline"}})
		if r, err := v.request.Open(v.got); status != 200 || err != nil || r.Error != "access_denied" {
			t.Fatalf("%d %+v, %v", status, r, err)
		}
	})
	t.Run("it ticks nothing that is optional", func(t *testing.T) {
		more := strings.Replace(strings.Replace(cardQuery, `"card"`, `"more"`, 1), `"name"`, `"birthdate"`, 1)
		v := newVerifier(t, issuer, `{"credentials":[`+cardQuery+`,`+more+`],"credential_sets":[{"options":[["card"]]},{"options":[["more"]],"required":false}]}`)
		_, page := p.get(t, "/?request="+url.QueryEscape(v.link))
		if box := find(t, page, `(<input type="checkbox"[^>]*>)`); strings.Contains(box, "checked") {
			t.Fatal(box)
		}
		form := url.Values{"id": {find(t, page, idField)}, "way-card": {"0"}, "way-more": {"0"}, "decision": {"share"}}
		p.post(t, "/answer", form)
		if r, err := v.request.Open(v.got); err != nil || len(r.VPToken) != 1 {
			t.Fatalf("%+v, %v", r, err)
		}
		_, page = p.get(t, "/?request="+url.QueryEscape(v.link))
		form.Set("id", find(t, page, idField))
		form.Set("also-0", "yes")
		p.post(t, "/answer", form)
		if r, err := v.request.Open(v.got); err != nil || len(r.VPToken) != 2 {
			t.Fatalf("%+v, %v", r, err)
		}
	})
	t.Run("it can only decline what it cannot answer", func(t *testing.T) {
		v := newVerifier(t, issuer, `{"credentials":[`+strings.Replace(cardQuery, "resident-card", "other", 1)+`]}`)
		_, page := p.get(t, "/?request="+url.QueryEscape(v.link))
		if strings.Contains(page, `value="share"`) || !strings.Contains(page, `value="decline"`) {
			t.Fatal(page)
		}
	})
}

func TestPhone(t *testing.T) {
	issuer := wallettest.NewIssuer(t)
	p := newPocket(t, issuer)
	for _, c := range []struct {
		name, path string
		status     int
		holds      string
	}{
		{"it speaks Korean", "/?lang=ko", 200, `lang="ko"`},
		{"it speaks English", "/?lang=en", 200, `lang="en"`},
		{"it is alive", "/healthz", 200, "ok"},
		{"it has its look", "/assets/wallet.css", 200, "--face"},
		{"it refuses a link of another kind", "/open?link=https%3A%2F%2Fexample.com", 400, "link"},
		{"it refuses a broken offer", "/open?link=openid-credential-offer%3A%2F%2F%3Fx", 400, "offer"},
		{"it refuses a broken request", "/open?link=openid4vp%3A%2F%2F%3Fx", 400, "link"},
		{"it has no such card", "/cards/other", 404, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, page := p.get(t, c.path)
			if status != c.status || !strings.Contains(page, c.holds) {
				t.Fatalf("%d\n%s", status, page)
			}
		})
	}
	t.Run("it answers to its own name alone", func(t *testing.T) {
		req, err := http.NewRequest("GET", p.url+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = "rebound.example"
		resp, err := p.browser.Do(req)
		if status, _ := read(t, resp, err); status != http.StatusMisdirectedRequest {
			t.Fatal(status)
		}
	})
	t.Run("it forgets a card", func(t *testing.T) {
		p.take(t, issuer)
		_, page := p.get(t, "/")
		path := find(t, page, `href="(/cards/[^"]+)"`)
		if status, page := p.post(t, path+"/delete", nil); status != 200 || strings.Contains(page, path) {
			t.Fatalf("%d\n%s", status, page)
		}
	})
}

func TestBuild(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		name string
		s    settings
		want string
	}{
		{"it serves no other machine", settings{listen: "0.0.0.0:8084", url: "http://localhost:8084"}, "loop-back"},
		{"it has no address elsewhere", settings{listen: "127.0.0.1:8084", url: "http://wallet.example"}, "loop-back"},
		{"it wants a trust folder", settings{listen: "127.0.0.1:8084", url: "http://localhost:8084", trust: dir, data: dir}, "trust folder"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := build(c.s); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatal(err)
			}
		})
	}
}
