package dashboard_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/consent/receipt"
)

// printed is a site on which g1 has a whole receipt.
func printed(t *testing.T) (*site, receipt.Receipt) {
	t.Helper()
	w := consenttest.New()
	r := w.Granted(t.Context(), "resident-01", w.People.Enrol("resident-01"))
	commit := w.Commit(r, 1, nil)
	if _, err := w.Ledger.Use(t.Context(), commit); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Ledger.Received(t.Context(), w.Received(r, 1, commit, nil)); err != nil {
		t.Fatal(err)
	}
	whole, err := receipt.Assembler{Ledger: w.Ledger, Proofs: w.Log}.ForCitizen(t.Context(), r.Grant, "resident-01")
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t)
	s.office.whole = &whole
	return s, whole
}

//clause:consent a printed receipt fits every later copy, and no other receipt
func TestPaper(t *testing.T) {
	s, whole := printed(t)
	b := s.open(t, s.phone)
	digest, err := whole.PaperDigest(len(whole.Events))
	if err != nil {
		t.Fatal(err)
	}
	for lang, words := range map[string][]string{
		"ko": {"<h1>동의 영수증</h1>", "<strong>요청하는 기관:</strong>", "1번째", "<dd>유효</dd>", "종이만으로는"},
		"en": {"<h1>Consent receipt</h1>", "<strong>Who asks:</strong>", "passed on data (use 1)", "<dd>active</dd>", "The paper alone proves nothing"},
	} {
		t.Run("it prints a receipt in "+lang, func(t *testing.T) {
			b.t = t
			r := b.do("GET", "/me/receipts/g1/print", "", "Accept-Language", lang)
			for _, want := range append(words, `href="https://hub.example/receipt#`+digest+`"`, ">"+digest+"</code>", `class="qr"`, `href="/assets/paper.css"`) {
				if r.status != http.StatusOK || !strings.Contains(r.body, want) {
					t.Errorf("%d, no %q in\n%s", r.status, want, r.body)
				}
			}
			if strings.Contains(r.body, "ZgotmplZ") || strings.Contains(r.body, "<script>") || strings.Contains(r.body, "style=") {
				t.Errorf("a broken page:\n%s", r.body)
			}
		})
	}
	// What the picture carries tells nothing of a person: an address that all
	// receipts share, and a digest with 32 random bytes an event in it.
	if link := "https://hub.example/receipt#" + digest; strings.Contains(link, string(whole.Terms.GrantID)) || !regexp.MustCompile(`^https://hub\.example/receipt#4\.[A-Za-z0-9_-]{43}$`).MatchString(link) {
		t.Errorf("link: %s", link)
	}
	b.t = t
	whole.Events[3].Event.Kind = "superseded-later"
	if r := b.do("GET", "/me/receipts/g1/print", "", "Accept-Language", "en"); !strings.Contains(r.body, "superseded-later") {
		t.Error("an event without a text is not shown by its word")
	}
}

func TestPaperIsForItsOwn(t *testing.T) {
	s, _ := printed(t)
	mine := s.open(t, s.phone)
	other, _ := s.Person(t, "resident-07", false)
	for _, c := range []struct {
		name, path string
		tab        *tab
		status     int
	}{
		{"it prints nothing of somebody else", "/me/receipts/g1/print", s.open(t, other), http.StatusNotFound},
		{"it prints nothing that was not granted", "/me/receipts/g2/print", mine, http.StatusNotFound},
		{"it leads who is signed out to the login", "/me/receipts/g1/print", s.open(t, nil), http.StatusSeeOther},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.tab.t = t
			if r := c.tab.do("GET", c.path, ""); r.status != c.status || strings.Contains(r.body, "receipt#") {
				t.Errorf("%d %s", r.status, r.body)
			}
		})
	}
	mine.t = t
	s.office.slow = true
	if r := mine.do("GET", "/me/receipts/g1/print", ""); r.status != http.StatusServiceUnavailable {
		t.Errorf("while the log is behind: %d", r.status)
	}
}

// On A4 and on Letter, in both languages, the paper is two pages at most, nothing
// stands beyond its edge, and what belongs to the screen is gone.
func TestPaperSizes(t *testing.T) {
	s, _ := printed(t)
	token, _ := s.SignIn(t, s.phone)
	signed := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.AddCookie(&http.Cookie{Name: "mydata_idp_session", Value: token})
		s.server.Config.Handler.ServeHTTP(w, r)
	}))
	defer signed.Close()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("no-sandbox", os.Geteuid() == 0), // Chromium has no sandbox for root
		chromedp.Flag("disable-gpu", true), chromedp.WSURLReadTimeout(60*time.Second))
	allocator, endAllocator := chromedp.NewExecAllocator(t.Context(), options...)
	defer endAllocator()
	ctx, end := chromedp.NewContext(allocator)
	defer end()
	if err := chromedp.Do(ctx); err != nil { // the browser lives as long as this context
		t.Fatal(err)
	}
	media := func(name string) chromedp.Action[chromedp.Void] {
		return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
			_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: name})
			return err
		})
	}
	for _, lang := range []string{"ko", "en"} {
		for name, size := range map[string]chromedp.PaperSize{"A4": chromedp.PaperA4, "Letter": chromedp.PaperLetter} {
			t.Run("it fits on "+name+" in "+lang, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(ctx, time.Minute)
				defer cancel()
				width := int64((size.Width - 36/25.4) * 96) // inside the margins
				if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 1000), chromedp.Navigate(signed.URL+"/me/receipts/g1/print?lang="+lang), media("print")); err != nil {
					t.Fatal(err)
				}
				wide, err := chromedp.Run(ctx, chromedp.Evaluate[int64](`document.documentElement.scrollWidth`))
				if err != nil || wide > width {
					t.Errorf("%d of %d pixels wide, %v", wide, width, err)
				}
				shown, err := chromedp.Run(ctx, chromedp.Evaluate[string](`[...document.querySelectorAll(".top, .nav, .foot, .actions, .paper .screen")].filter((e) => e.offsetParent).map((e) => e.className).join()`))
				if err != nil || shown != "" {
					t.Errorf("on paper too: %q, %v", shown, err)
				}
				pdf, err := chromedp.Run(ctx, chromedp.PrintToPDF(chromedp.PDFPaper(size), chromedp.PDFPreferCSSPageSize()))
				if err != nil {
					t.Fatal(err)
				}
				if n := len(regexp.MustCompile(`/Type\s*/Page\b[^s]`).FindAll(pdf, -1)); n < 1 || n > 2 {
					t.Errorf("%d pages", n)
				}
				if folder := os.Getenv("SHOTS"); folder != "" {
					if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("paper-%s-%s.pdf", name, lang)), pdf, 0o600); err != nil {
						t.Fatal(err)
					}
				}
			})
		}
	}
}
