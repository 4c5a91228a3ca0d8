package verifier_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/verifier"
	"github.com/govmydata/mydata/pkg/credential/openid4vp"
)

// scanned is a question on a page whose QR code a wallet has answered.
func scanned(t *testing.T) (h *house, asker *http.Client, address, next string) {
	t.Helper()
	h = newHouse(t, func(c *verifier.Config) { c.CrossDevice = "" })
	asker = browser(t)
	address, page := h.start(t, asker, "identity")
	next, err := h.present(t, find(t, page, `<code id="request">([^<]+)<`))
	if err != nil || !strings.HasPrefix(next, h.url+"/number/") {
		t.Fatalf("%q, %v", next, err)
	}
	return h, asker, address, next
}

func (h *house) number(t *testing.T, b *http.Client, next string) string {
	t.Helper()
	status, page := get(t, b, next+"&lang=en")
	if status != 200 || !strings.Contains(page, h.url) || strings.Contains(page, "김민준") {
		t.Fatalf("%d %s", status, page)
	}
	return find(t, page, `id="number">([0-9 ]+)<`)
}

// write types a number at a result page.
func write(t *testing.T, b *http.Client, address, number string) (int, string) {
	t.Helper()
	resp, err := b.PostForm(address+"/number", url.Values{"number": {number}})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	_, page := get(t, b, resp.Request.URL.String()+"?lang=en")
	return resp.StatusCode, page
}

//clause:verifier 14.2: a QR code's answer counts when a number was typed back, three tries
func TestNumber(t *testing.T) {
	t.Run("it counts when the number was typed on the page with the code", func(t *testing.T) {
		h, asker, address, next := scanned(t)
		if _, body := get(t, asker, address, "application/json"); !strings.Contains(body, `"waiting_for":"number"`) || strings.Contains(body, "김민준") {
			t.Fatal(body)
		}
		_, page := get(t, asker, address+"?lang=ko")
		if !strings.Contains(page, `name="number"`) || strings.Contains(page, "verifier.number") || strings.Contains(page, "openid4vp") {
			t.Fatal(page)
		}
		number := h.number(t, browser(t), next)
		if _, page = write(t, asker, address, number); !strings.Contains(page, "state-verified") || !strings.Contains(page, `data-check="number typed" data-ok="true"`) {
			t.Fatal(page)
		}
		if status, _ := get(t, browser(t), next); status != 404 {
			t.Fatalf("the number is shown after it was typed: %d", status)
		}
	})
	t.Run("it throws the answer away after three wrong numbers", func(t *testing.T) {
		h, asker, address, next := scanned(t)
		number := h.number(t, browser(t), next)
		for i, wrong := range []string{"x", "", "1234567"} {
			_, page := write(t, asker, address, wrong)
			if last := i == 2; strings.Contains(page, "state-rejected") != last || strings.Contains(page, "김민준") {
				t.Fatalf("%d: %s", i, page)
			}
		}
		if status, page := write(t, asker, address, number); status != 404 && strings.Contains(page, "김민준") {
			t.Fatalf("taken after all: %d", status)
		}
		if _, body := get(t, asker, address, "application/json"); !strings.Contains(body, `"rejected"`) || strings.Contains(body, "김민준") {
			t.Fatal(body)
		}
	})
	t.Run("it takes the number in no other browser", func(t *testing.T) {
		h, _, address, next := scanned(t)
		if status, _ := write(t, browser(t), address, h.number(t, browser(t), next)); status != 404 {
			t.Fatal(status)
		}
	})
	t.Run("it shows the number to no one without the code", func(t *testing.T) {
		_, asker, address, next := scanned(t)
		for _, other := range []string{strings.Split(next, "?")[0], strings.Split(next, "?")[0] + "?response_code=x", strings.Replace(next, "/number/", "/number/x", 1)} {
			if status, _ := get(t, asker, other); status != 404 {
				t.Fatalf("%s: %d", other, status)
			}
		}
		if _, body := get(t, asker, address, "application/json"); !strings.Contains(body, `"pending"`) {
			t.Fatal(body)
		}
	})
	t.Run("it opens by no code instead of the number", func(t *testing.T) {
		_, asker, address, next := scanned(t)
		u, err := url.Parse(next)
		if err != nil {
			t.Fatal(err)
		}
		if status, _ := get(t, asker, address+"?"+u.RawQuery); status != 403 {
			t.Fatal(status)
		}
		if _, body := get(t, asker, address, "application/json"); !strings.Contains(body, `"waiting_for":"number"`) {
			t.Fatal(body)
		}
	})
	t.Run("it expires what was never typed", func(t *testing.T) {
		h, asker, address, next := scanned(t)
		number := h.number(t, browser(t), next)
		h.pass(6 * time.Minute)
		if status, _ := get(t, browser(t), next); status != 404 {
			t.Fatal("shown too late")
		}
		if status, _ := write(t, asker, address, number); status != 404 {
			t.Fatal("typed too late")
		}
		if _, body := get(t, asker, address, "application/json"); !strings.Contains(body, `"expired"`) {
			t.Fatal(body)
		}
	})
	t.Run("it asks for no number on one device", func(t *testing.T) {
		h := newHouse(t, func(c *verifier.Config) { c.CrossDevice = "" })
		_, page := h.start(t, browser(t), "identity")
		if next, err := h.present(t, find(t, page, `id="open-wallet" href="([^"]+)"`)); err != nil || !strings.Contains(next, "/result/") {
			t.Fatalf("%s, %v", next, err)
		}
	})
	t.Run("it shows no code where other devices are switched off", func(t *testing.T) {
		h := newHouse(t, func(c *verifier.Config) { c.CrossDevice = verifier.CrossOff })
		_, page := h.start(t, browser(t), "identity")
		if strings.Contains(page, `id="request"`) || !strings.Contains(page, `id="open-wallet"`) {
			t.Fatal(page)
		}
	})
}

//clause:verifier relying parties ask by socket, command and, with a token, a local address; a page for the first browser that opens it
func TestOrderedPage(t *testing.T) {
	h := newHouse(t)
	placed, _ := h.place(t, `{"query":`+nameOfCard+`,"page":true,"purpose":"The library asks who borrows.","transaction_data":[`+toBusan+`]}`)
	b := browser(t)
	for _, lang := range []string{"en", "ko"} {
		status, page := get(t, b, placed.Page+"?lang="+lang)
		if status != 200 || !strings.Contains(page, "The library asks who borrows.") || !strings.Contains(page, "I move to Busan.") || strings.Contains(page, "verifier.") {
			t.Fatalf("%d %s", status, page)
		}
	}
	resp, err := b.PostForm(placed.Page, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	address := resp.Request.URL.String()
	_, page := get(t, b, address)
	if !strings.Contains(page, "The library asks who borrows.") || !strings.Contains(page, "I move to Busan.") {
		t.Fatal(page)
	}
	t.Run("it belongs to the browser that opened it", func(t *testing.T) {
		for _, other := range []*http.Client{browser(t), b} {
			resp, err := other.PostForm(placed.Page, nil)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != 404 {
				t.Fatal(resp.StatusCode)
			}
		}
		if status, _ := get(t, browser(t), placed.Page); status != 404 {
			t.Fatal(status)
		}
		if status, _ := get(t, browser(t), address); status != 404 {
			t.Fatal(status)
		}
	})
	next, err := h.present(t, find(t, page, `id="open-wallet" href="([^"]+)"`))
	if err != nil {
		t.Fatal(err)
	}
	if _, page = get(t, b, next); !strings.Contains(page, "state-verified") || !strings.Contains(page, `data-detail="statement"`) {
		t.Fatal(page)
	}
	if r := h.result(t, placed.ID); r.Status != verifier.Verified || r.Claims["card"] == nil || len(r.Transactions) != 1 {
		t.Fatalf("%+v", r)
	}
}

// A wallet's own words are shown as words of a stranger.
//
//clause:verifier 8.2: direct_post; 200 with JSON; fragment and query refused by name
//clause:verifier 8.5: a wallet's error, with its words as a stranger's
func TestWalletsWords(t *testing.T) {
	h := newHouse(t)
	b := browser(t)
	address, page := h.start(t, b, "identity")
	a := h.responseURI(t, find(t, page, `<code id="request">([^<]+)<`))
	form := url.Values{"error": {"vp_formats_not_supported"}, "error_description": {"<b>no\u202e card</b>" + strings.Repeat("x", 9000)}, "state": {a.State}}
	resp, err := http.PostForm(a.ResponseURI, form)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "application/json" {
		t.Fatal(resp.StatusCode, resp.Header)
	}
	_, shown := get(t, b, address)
	if !strings.Contains(shown, "&lt;b&gt;no\ufffd card") || strings.Contains(shown, "\u202e") || len(shown) > 9000 {
		t.Fatal(shown)
	}
	_, body := get(t, b, address, "application/json")
	if !strings.Contains(body, `"error":"vp_formats_not_supported"`) || !strings.Contains(body, "error_description") {
		t.Fatal(body)
	}
}

//clause:verifier 5.7, RFC 9101: by reference, by value, as parameters; handed out by reference only what went so
//clause:verifier 5.10: request_uri by POST: wallet_nonce echoed, wallet_metadata obeyed: refused what the wallet cannot do, encrypted to its key
func TestCaller(t *testing.T) {
	h := newHouse(t)
	placed, _ := h.place(t, `{}`)
	link, err := openid4vp.ParseLink(placed.Request)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		form   url.Values
		status int
		check  string
	}{
		{"it takes metadata", url.Values{"wallet_metadata": {`{"vp_formats_supported":{"dc+sd-jwt":{}}}`}, "other": {"x"}}, 200, ""},
		{"it refuses metadata twice", url.Values{"wallet_metadata": {"{}", "{}"}}, 400, "wallet_metadata"},
		{"it refuses metadata that is none", url.Values{"wallet_metadata": {"x"}}, 400, "wallet_metadata"},
		{"it refuses empty metadata", url.Values{"wallet_metadata": {""}}, 400, "wallet_metadata"},
		{"it refuses a wallet that could not answer", url.Values{"wallet_metadata": {`{"client_id_prefixes_supported":["redirect_uri"]}`}}, 400, "wallet_metadata"},
		{"it refuses a nonce that cannot be printed", url.Values{"wallet_nonce": {"a\x00b"}}, 400, "wallet_nonce"},
		{"it refuses a nonce of another script", url.Values{"wallet_nonce": {"가"}}, 400, "wallet_nonce"},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, err := http.PostForm(link.RequestURI, c.form)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.StatusCode != c.status {
				t.Fatal(resp.StatusCode)
			}
			if r := h.result(t, placed.ID); r.Status != verifier.Pending || len(r.Checks) != 0 {
				t.Fatalf("something changed: %+v", r)
			}
		})
	}
	t.Run("it refuses a form that breaks off", func(t *testing.T) {
		resp, err := http.Post(link.RequestURI, "application/x-www-form-urlencoded", strings.NewReader("wallet_nonce=mine&x=%zz"))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != 400 {
			t.Fatal(resp.StatusCode)
		}
	})
	t.Run("it hands out by reference only what went by reference", func(t *testing.T) {
		for _, order := range []string{`{"by_value":true}`, `{"client_id_prefix":"redirect_uri"}`} {
			placed, _ := h.place(t, order)
			handle := handleOf(t, h, placed.Request)
			if status, _ := get(t, http.DefaultClient, h.url+"/request/"+handle); status != 404 {
				t.Fatal(status)
			}
		}
	})
}

// handleOf is the handle in the response_uri of a request.
func handleOf(t *testing.T, h *house, link string) string {
	t.Helper()
	uri := h.responseURI(t, link).ResponseURI
	return uri[strings.LastIndexByte(uri, '/')+1:]
}
