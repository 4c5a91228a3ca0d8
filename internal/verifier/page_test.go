package verifier_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/wallet"
)

// browser is one browser with its cookies.
func browser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar}
}

func get(t *testing.T, b *http.Client, address string, accept ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequest("GET", address, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range accept {
		req.Header.Set("Accept", a)
	}
	resp, err := b.Do(req)
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

// start presses the button and answers with the address of the result.
func (h *house) start(t *testing.T, b *http.Client, ask string) (address, page string) {
	t.Helper()
	resp, err := b.PostForm(h.url+"/requests", url.Values{"ask": {ask}})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%d, %v", resp.StatusCode, err)
	}
	return resp.Request.URL.String(), string(body)
}

func find(t *testing.T, page, pattern string) string {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("%s is not on the page:\n%s", pattern, page)
	}
	return strings.NewReplacer("&amp;", "&", "&#43;", "+").Replace(m[1])
}

func TestPageAcrossDevices(t *testing.T) {
	h := newHouse(t)
	b := browser(t)
	address, page := h.start(t, b, "identity")
	if next, err := h.present(t, find(t, page, `<code id="request">([^<]+)<`)); err != nil || next != "" {
		t.Fatalf("%q, %v", next, err)
	}
	for _, lang := range []string{"ko", "en"} {
		_, shown := get(t, b, address+"?lang="+lang)
		for _, want := range []string{`lang="` + lang + `"`, "state-verified", map[string]string{"en": "Mobile resident card</bdi>", "ko": "모바일 주민등록증</bdi>"}[lang], map[string]string{"en": `<bdi lang="ko">김민준</bdi>`, "ko": "<bdi>김민준</bdi>"}[lang], map[string]string{"en": "1 March 1990", "ko": "1990년 3월 1일"}[lang], `data-check="status" data-ok="true"`, `data-path="x5c"`} {
			if !strings.Contains(shown, want) {
				t.Errorf("%s: %s is not shown", lang, want)
			}
		}
		if strings.Contains(shown, "verifier.") || strings.Contains(shown, "not revoked") || strings.Contains(shown, ">until ") || strings.Contains(shown, "Sejong") {
			t.Errorf("%s: a text is missing, or something was shown that nobody asked for", lang)
		}
	}
	status, body := get(t, b, address, "application/json")
	if status != 200 || !strings.Contains(body, `"status":"verified"`) {
		t.Fatalf("%d %s", status, body)
	}
	if status, body := get(t, browser(t), address); status != 404 || strings.Contains(body, "김민준") {
		t.Fatalf("another browser saw it: %d", status)
	}
}

//clause:verifier 8.2, 13.3: a fresh response_code; lands in the session that asked, or is rejected; never lands, expires; at a relying party too
func TestPageOnOneDevice(t *testing.T) {
	h := newHouse(t)
	b := browser(t)
	address, page := h.start(t, b, "address")
	link := find(t, page, `id="open-wallet" href="([^"]+)"`)
	if demo := find(t, page, `id="open-demo-wallet" href="([^"]+)"`); demo != "http://localhost:8084/?request="+url.QueryEscape(link) {
		t.Fatalf("the demo wallet gets %s", demo)
	}
	next, err := h.present(t, link)
	if err != nil {
		t.Fatal(err)
	}
	if _, body := get(t, b, address, "application/json"); !strings.Contains(body, `"pending"`) {
		t.Fatalf("shown before the code came back: %s", body)
	}
	status, shown := get(t, b, next)
	if status != 200 || !strings.Contains(shown, "state-verified") || !strings.Contains(shown, `data-check="same session" data-ok="true"`) {
		t.Fatalf("%d\n%s", status, shown)
	}
	if status, _ := get(t, b, next); status != 403 {
		t.Fatalf("the code was good twice: %d", status)
	}
}

//clause:verifier 8.2, 13.3: a fresh response_code; lands in the session that asked, or is rejected; never lands, expires; at a relying party too
func TestFixation(t *testing.T) {
	t.Run("it rejects an answer that lands in another browser", func(t *testing.T) {
		h := newHouse(t)
		attacker := browser(t)
		address, page := h.start(t, attacker, "identity")
		next, err := h.present(t, find(t, page, `id="open-wallet" href="([^"]+)"`))
		if err != nil {
			t.Fatal(err)
		}
		if status, body := get(t, browser(t), next); status != 403 || strings.Contains(body, "김민준") {
			t.Fatalf("the victim's browser: %d", status)
		}
		_, body := get(t, attacker, address, "application/json")
		if !strings.Contains(body, `"rejected"`) || strings.Contains(body, "김민준") {
			t.Fatalf("the attacker sees %s", body)
		}
	})
	t.Run("it expires an answer that never lands", func(t *testing.T) {
		h := newHouse(t)
		b := browser(t)
		address, page := h.start(t, b, "identity")
		next, err := h.present(t, find(t, page, `id="open-wallet" href="([^"]+)"`))
		if err != nil {
			t.Fatal(err)
		}
		h.pass(6 * time.Minute)
		if _, body := get(t, b, address, "application/json"); !strings.Contains(body, `"expired"`) || strings.Contains(body, "김민준") {
			t.Fatal(body)
		}
		if status, _ := get(t, b, next); status != 403 {
			t.Fatalf("landed late: %d", status)
		}
	})
	t.Run("it ends the link when the QR was answered", func(t *testing.T) {
		h := newHouse(t)
		_, page := h.start(t, browser(t), "identity")
		if _, err := h.present(t, find(t, page, `<code id="request">([^<]+)<`)); err != nil {
			t.Fatal(err)
		}
		var answer *wallet.Answer
		if _, err := h.present(t, find(t, page, `id="open-wallet" href="([^"]+)"`)); !errors.As(err, &answer) || answer.Code != "answered" {
			t.Fatalf("answered twice: %v", err)
		}
	})
}

func TestPages(t *testing.T) {
	h := newHouse(t)
	for _, lang := range []string{"ko", "en"} {
		status, page := get(t, browser(t), h.url+"/?lang="+lang)
		if status != 200 || !strings.Contains(page, `name="ask"`) || strings.Contains(page, "verifier.") {
			t.Errorf("%s: %d\n%s", lang, status, page)
		}
	}
	for _, c := range []struct {
		name, method, path string
		status             int
	}{
		{"it is alive", "GET", "/healthz", 200},
		{"it is ready", "GET", "/readyz", 200},
		{"it knows no other page", "GET", "/other", 404},
		{"it knows no other request", "GET", "/request/other", 404},
		{"it takes no other answer", "POST", "/response/other", 404},
		{"it shows no other result", "GET", "/result/other", 404},
		{"it asks only known questions", "POST", "/requests", 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			req, err := http.NewRequest(c.method, h.url+c.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.StatusCode != c.status {
				t.Fatalf("got %d, want %d", resp.StatusCode, c.status)
			}
		})
	}
	t.Run("it refuses a form of another site", func(t *testing.T) {
		req, err := http.NewRequest("POST", h.url+"/requests", strings.NewReader("ask=identity"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "cross-site")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != 403 {
			t.Fatal(resp.StatusCode)
		}
	})
}

func TestPageIsBounded(t *testing.T) {
	h := newHouse(t)
	for range 4096 {
		h.place(t, `{}`)
	}
	resp, err := browser(t).PostForm(h.url+"/requests", url.Values{"ask": {"identity"}})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusTooManyRequests {
		t.Fatal(resp.StatusCode)
	}
}

func TestPageNames(t *testing.T) {
	h := newHouse(t)
	b := browser(t)
	address, page := h.start(t, b, "address")
	if _, err := h.present(t, find(t, page, `<code id="request">([^<]+)<`)); err != nil {
		t.Fatal(err)
	}
	_, shown := get(t, b, address+"?lang=en")
	if !regexp.MustCompile(`(?s)<dt><bdi>Name<.*<dt><bdi>Address · locality<.*<dt><bdi>Address · street_address<`).MatchString(shown) {
		t.Fatalf("named or ordered otherwise:\n%s", shown)
	}
	if !strings.Contains(shown, `</strong> <bdi>Signature of the issuer</bdi><span class="hint" lang="en"><bdi>`) {
		t.Fatal("the check has another name")
	}
	h2 := newHouse(t)
	address, page = h2.start(t, b, "adult")
	if _, err := h2.present(t, find(t, page, `<code id="request">([^<]+)<`)); err != nil {
		t.Fatal(err)
	}
	if _, shown = get(t, b, address+"?lang=ko"); !strings.Contains(shown, ">예<") {
		t.Fatalf("a yes is shown otherwise:\n%s", shown)
	}
}
