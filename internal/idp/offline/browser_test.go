package offline_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/govmydata/mydata/pkg/consent/receipt/reading"
)

// window is a page in a real browser, with what it complained about and whom it
// asked.
type window struct {
	ctx context.Context
	dir string

	mu         sync.Mutex
	complaints []string
	asked      []string
}

func openWindow(t *testing.T) *window {
	t.Helper()
	w := &window{dir: t.TempDir()}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("no-sandbox", os.Geteuid() == 0), // Chromium has no sandbox for root
		chromedp.Flag("disable-gpu", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.WSURLReadTimeout(60*time.Second),
	)
	allocator, endAllocator := chromedp.NewExecAllocator(t.Context(), options...)
	ctx, end := chromedp.NewContext(allocator, chromedp.WithListener(w.listen))
	t.Cleanup(func() { end(); endAllocator() })
	w.ctx = ctx
	must(t, chromedp.Do(ctx, chromedp.EmulateViewport(390, 844, chromedp.EmulateScale(2), chromedp.EmulateMobile),
		chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
			if _, err := cdp.Call(ctx, target, network.Enable, network.EnableParams{}); err != nil {
				return err
			}
			_, err := cdp.Call(ctx, target, cdplog.Enable, cdp.Empty{})
			return err
		})))
	return w
}

func (w *window) listen(event any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		w.asked = append(w.asked, e.Request.URL)
	case *cdplog.EventEntryAdded:
		w.complaints = append(w.complaints, e.Entry.Text+" "+e.Entry.URL)
	case *runtime.EventExceptionThrown:
		w.complaints = append(w.complaints, "script: "+e.ExceptionDetails.Text)
	}
}

// since gives and forgets what was asked and complained of.
func (w *window) since() (asked, complaints []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	asked, complaints, w.asked, w.complaints = w.asked, w.complaints, nil, nil
	return asked, complaints
}

func (w *window) do(t testing.TB, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, time.Minute)
	defer cancel()
	must(t, chromedp.Do(ctx, steps...))
}

func eval[T any](t testing.TB, w *window, expression string) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, time.Minute)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// until waits for the page to say so.
func (w *window) until(t testing.TB, condition string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !eval[bool](t, w, condition); time.Sleep(30 * time.Millisecond) {
		if time.Now().After(end) {
			_, complaints := w.since()
			t.Fatalf("waited in vain for %s; the page says %q and complains %q", condition, eval[string](t, w, "document.body.innerText"), complaints)
		}
	}
}

func (w *window) open(t testing.TB, url string) {
	t.Helper()
	w.do(t, chromedp.Navigate(url))
	w.until(t, `document.getElementById("receipt-page").dataset.ready === "yes"`)
}

// drop gives the page files through its labelled input, as a keyboard does.
func (w *window) drop(t testing.TB, input string, files ...string) {
	t.Helper()
	_ = eval[int](t, w, `document.getElementById("receipt-status").textContent = ""; 0`)
	w.do(t, chromedp.SetUploadFiles(chromedp.CSS("#"+input), files))
	w.until(t, `!["", "Checking.", "확인하고 있습니다."].includes(document.getElementById("receipt-status").textContent)`)
}

func (w *window) status(t testing.TB) string {
	return eval[string](t, w, `document.getElementById("receipt-status").textContent`)
}

// lines are the checks as the page shows them.
func (w *window) lines(t testing.TB) []string {
	return eval[[]string](t, w, `document.getElementById("receipt-result").hidden ? [] : [...document.querySelectorAll("#receipt-checks li")].map((li) => li.textContent)`)
}

func write(t testing.TB, dir, name string, data []byte) string {
	t.Helper()
	file := filepath.Join(dir, name)
	must(t, os.WriteFile(file, data, 0o600))
	return file
}

// matches holds the page to this program's own words about a receipt.
func (w *window) matches(t *testing.T, g given, number int) {
	t.Helper()
	_ = eval[int](t, w, fmt.Sprintf(`document.getElementById("receipt-paper").value = %q; 0`, g.paper))
	w.drop(t, "receipt-file", write(t, w.dir, fmt.Sprintf("%d.json", number), g.receipt))
	out, refused := g.native()
	if refused != nil {
		if got := w.status(t); !strings.Contains(got, refused.Check+": "+refused.Cause) || len(w.lines(t)) > 0 {
			t.Errorf("it says %q, wanted %s", got, refused)
		}
		return
	}
	var want []string
	for _, l := range out.Checks {
		line := l.Mark + " " + l.Name
		if l.Detail != "" {
			line += ": " + l.Detail
		}
		want = append(want, line)
	}
	if got := w.lines(t); !slices.Equal(got, want) {
		t.Errorf("checks:\n%s\nwanted:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got := w.status(t); !strings.HasPrefix(got, out.Verdict+". ") {
		t.Errorf("verdict %q, wanted %q", got, out.Verdict)
	}
	if claimed := eval[bool](t, w, `!document.getElementById("receipt-claim").hidden`); claimed == out.Holds {
		t.Error("it takes a claim for proven, or the other way round")
	}
	for _, x := range out.Terms {
		if got := eval[string](t, w, fmt.Sprintf(`document.querySelector("pre.terms[lang=%s]").textContent`, x.Lang)); got != x.Text {
			t.Errorf("terms in %s: %q", x.Lang, got)
		}
	}
}

// With the server gone after loading, the page still checks, in the command's
// own words, and asks nobody; the single file does without any server at all.
//
//clause:consent the page and the command say the same of a receipt, byte for byte
func TestOffline(t *testing.T) {
	dir, err := checker()
	must(t, err)
	world := newWorld(t)
	table := world.table(t)
	single := filepath.Join(t.TempDir(), "mydata-receipt-check.html")
	for _, form := range []string{"served", "single file"} {
		t.Run("it checks offline, "+form, func(t *testing.T) {
			server := httptest.NewServer(world.handler(os.DirFS(dir)))
			defer server.Close()
			w := openWindow(t)
			if form == "served" {
				w.open(t, server.URL+"/receipt?lang=en")
			} else {
				response, err := http.Get(server.URL + "/receipt/offline.html?lang=en")
				must(t, err)
				defer response.Body.Close()
				text := body(t, response)
				must(t, os.WriteFile(single, []byte(text), 0o600))
				t.Logf("the single file has %d bytes", len(text))
				server.Close()
				w.open(t, "file://"+single)
			}
			server.CloseClientConnections()
			server.Close()
			w.since()
			w.shoot(t, form+" loaded")
			w.walkTable(t, world, table)
			asked, complaints := w.since()
			for _, url := range asked {
				if !strings.HasPrefix(url, "blob:") {
					t.Errorf("it asked %s", url)
				}
			}
			if len(complaints) > 0 {
				t.Errorf("it complained: %q", complaints)
			}
			if form == "single file" {
				t.Run("it can ask nobody, and runs no other script", w.shut)
			}
			t.Run("it stops what takes too long, and says how to go on", func(t *testing.T) { w.slow(t, table) })
		})
	}
}

func (w *window) walkTable(t *testing.T, world *world, table []given) {
	began := time.Now()
	n := 0
	few := []string{"a good receipt", "other terms", "no JSON", "an unwitnessed receipt", "another paper"} // of the single file, which runs the same
	for i, g := range table {
		if len(g.trust) != len(world.files) || g.name == "another hub's trust" || strings.Contains(t.Name(), "single") && !slices.Contains(few, g.name) {
			continue
		}
		n++
		t.Run("it agrees about "+g.name, func(t *testing.T) { w.matches(t, g, i) })
		if g.name == "a good receipt" || g.name == "other terms" {
			w.shoot(t, strings.ReplaceAll(t.Name(), "/", " ")+" "+g.name)
		}
	}
	t.Logf("%d receipts in %s", n, time.Since(began))
	i := slices.IndexFunc(table, func(g given) bool { return g.name == "a good receipt" })
	good := table[i]
	t.Run("it says exactly what it trusts", func(t *testing.T) {
		out, _ := good.native()
		shown := eval[string](t, w, `document.getElementById("receipt-trust-facts").textContent`)
		for _, part := range append([]string{out.Trust.Fingerprint, out.Trust.Issuer, out.Trust.Origin}, append(out.Trust.Agencies, out.Trust.Logs...)...) {
			if !strings.Contains(shown, part) {
				t.Errorf("%q is not in %q", part, shown)
			}
		}
	})
	t.Run("it refuses a file larger than any receipt before it reads it", func(t *testing.T) {
		w.drop(t, "receipt-file", write(t, w.dir, "large.json", make([]byte, reading.MaxReceipt+1)))
		if got := w.status(t); !strings.HasPrefix(got, "The file is larger") || len(w.lines(t)) > 0 {
			t.Errorf("it says %q", got)
		}
		w.drop(t, "receipt-file", write(t, w.dir, "right.json", good.receipt))
	})
	t.Run("it takes another trust folder", func(t *testing.T) {
		foreign := newWorld(t)
		var files []string
		for name, data := range foreign.files {
			files = append(files, write(t, w.dir, name, data))
		}
		w.drop(t, "receipt-trust-files", files...)
		w.until(t, `document.getElementById("receipt-status").textContent.startsWith("the receipt does not hold. ")`)
		other := good
		other.trust = foreign.files
		w.matches(t, other, 900)
		w.drop(t, "receipt-trust-files", files[0])
		if got := w.status(t); !strings.Contains(got, "trust readable: ") {
			t.Errorf("half a folder: %s", got)
		}
	})
	t.Run("it speaks the other language", func(t *testing.T) {
		var said map[string]string
		if eval[int](t, w, `document.querySelectorAll("#receipt-switch button").length`) > 0 {
			_ = eval[int](t, w, `document.querySelector("#receipt-switch button").click(); 0`)
			w.until(t, `document.documentElement.lang === "ko" && document.querySelector("h1").textContent === "영수증 확인"`)
			raw := eval[string](t, w, `JSON.stringify({label: document.querySelector("label[for=receipt-file]").textContent})`)
			must(t, json.Unmarshal([]byte(raw), &said))
			if said["label"] != "영수증 파일" {
				t.Errorf("%v", said)
			}
			w.shoot(t, "single in Korean")
		}
	})
	t.Run("it is accessible and no wider than a phone", func(t *testing.T) { w.accessible(t) })
}

// shut tries from within the page what its own policy forbids.
func (w *window) shut(t *testing.T) {
	reached := make(chan string, 9)
	other := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		reached <- r.URL.Path
		rw.Header().Set("Access-Control-Allow-Origin", "*")
	}))
	defer other.Close()
	got := eval[string](t, w, fmt.Sprintf(`(async () => {
		const at = %q, tries = [];
		tries.push(await fetch(at + "/fetch").then(() => "fetched", () => ""));
		tries.push(await new Promise((done) => { const i = new Image(); i.onload = () => done("loaded"); i.onerror = () => done(""); i.src = at + "/image"; }));
		const s = document.createElement("script"); s.textContent = "window.injected = 1"; document.body.append(s);
		try { tries.push(String(eval("'evaluated'"))); } catch { tries.push(""); }
		return tries.join("") + (window.injected ? "injected" : "");
	})()`, other.URL))
	if got != "" {
		t.Errorf("it let through: %s", got)
	}
	select {
	case path := <-reached:
		t.Errorf("it asked %s", path)
	default:
	}
}

// slow has the clock run out at once. The single file then begins anew; the served
// page would need its server again, and says so.
func (w *window) slow(t *testing.T, table []given) {
	good := table[slices.IndexFunc(table, func(g given) bool { return g.name == "a good receipt" })]
	seconds := func(n int) {
		_ = eval[int](t, w, fmt.Sprintf(`document.getElementById("receipt-paper").value = ""; document.getElementById("receipt-page").dataset.seconds = "%d"; 0`, n))
	}
	seconds(0)
	w.drop(t, "receipt-file", write(t, w.dir, "slow.json", good.receipt))
	if got := w.status(t); !strings.Contains(got, "took too long and was stopped") && !strings.Contains(got, "너무 오래 걸려 멈추었습니다") || len(w.lines(t)) > 0 {
		t.Errorf("it says %q", got)
	}
	seconds(30)
	w.drop(t, "receipt-file", write(t, w.dir, "again.json", good.receipt))
	want := "the receipt does not hold. " // by the other trust folder
	if strings.Contains(t.Name(), "served") {
		want = "The checker stopped. Please load the page again."
	}
	if got := w.status(t); !strings.HasPrefix(got, want) {
		t.Errorf("it says %q, wanted %q", got, want)
	}
}

// shoot keeps a picture for a person to look at, where SHOTS names a folder.
func (w *window) shoot(t testing.TB, name string) {
	t.Helper()
	folder := os.Getenv("SHOTS")
	if folder == "" {
		return
	}
	ctx, cancel := context.WithTimeout(w.ctx, time.Minute)
	defer cancel()
	picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(folder, name+".png"), picture, 0o600))
}

func (w *window) accessible(t *testing.T) {
	rules, err := os.ReadFile("../../../conformance/tour/node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Fatalf("the accessibility rules are missing; `npm ci --prefix conformance/tour` fetches them: %v", err)
	}
	_ = eval[int](t, w, string(rules)+";0")
	found := eval[string](t, w, `axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"], resultTypes: ["violations"]})
		.then((r) => r.violations.map((v) => v.id + ": " + v.help + " " + v.nodes.slice(0, 3).map((n) => n.html).join(" | ")).join("\n"))`)
	if found != "" {
		t.Error(found)
	}
	if wide := eval[int](t, w, `document.documentElement.scrollWidth`); wide > 390 {
		t.Errorf("%d pixels wide", wide)
	}
}
