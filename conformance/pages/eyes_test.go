package pages_test

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/html"

	"github.com/govmydata/mydata/conformance/citizen"
	"github.com/govmydata/mydata/conformance/stage"
	"github.com/govmydata/mydata/pkg/legible"
)

// eyes look at every answer of the deployment, whatever a test asked for.
type eyes struct {
	t       testing.TB
	world   *world
	letters map[string]*http.ServeMux // routes of each service, by its address
	origins []string

	mu      sync.Mutex
	seen    map[string]bool // "service pattern"
	marks   map[string]bool // wild texts that stood on a page
	answers int
}

func newEyes(t testing.TB, w *world) *eyes {
	e := &eyes{t: t, world: w, letters: map[string]*http.ServeMux{}, seen: map[string]bool{}, marks: map[string]bool{}}
	for _, name := range services {
		mux := http.NewServeMux()
		for _, pattern := range routes(t, name) {
			mux.HandleFunc(pattern, func(http.ResponseWriter, *http.Request) {})
		}
		e.letters[w.URL(name)] = mux
		e.origins = append(e.origins, w.URL(name))
	}
	return e
}

var services = []string{stage.IDP, stage.Verifier, stage.Insurer, stage.Licence, stage.Wallet}

func (e *eyes) see(method string, p citizen.Page) {
	e.mu.Lock()
	defer e.mu.Unlock()
	mux, ours := e.letters[p.URL.Scheme+"://"+p.URL.Host]
	if !ours {
		return
	}
	e.answers++
	if _, pattern := mux.Handler(&http.Request{Method: method, URL: p.URL, Host: p.URL.Host}); pattern != "" && p.Status < 400 {
		e.seen[p.URL.Scheme+"://"+p.URL.Host+" "+pattern] = true
	}
	for _, fault := range e.faults(p) {
		e.t.Errorf("%s %s (%d): %s", method, p.URL.Path, p.Status, fault)
	}
}

func (e *eyes) faults(p citizen.Page) (found []string) {
	found = append(found, headerFaults(p)...)
	found = append(found, cookieFaults(p.Header)...)
	if to := p.Header.Get("Location"); to != "" && !e.home(p.URL, to) {
		found = append(found, "it leads to "+to)
	}
	if strings.HasPrefix(p.Header.Get("Content-Type"), "text/html") && p.Status/100 != 3 {
		found = append(found, e.pageFaults(p)...)
	}
	return found
}

// headerFaults: no frames, no guessing, and no keeping of what is not public.
func headerFaults(p citizen.Page) (found []string) {
	h := p.Header
	want := func(name, value string) {
		if got := h.Get(name); got != value || len(h.Values(name)) != 1 {
			found = append(found, name+" is "+got+", wanted "+value)
		}
	}
	want("X-Content-Type-Options", "nosniff")
	if p.URL.Path != "/release" { // the SDK's, for programs
		want("X-Frame-Options", "DENY")
		want("Cross-Origin-Opener-Policy", "same-origin")
		policy := h.Get("Content-Security-Policy")
		if p.URL.Path == "/receipt" { // its checker is WebAssembly, and has to be compiled
			policy = strings.Replace(policy, " 'wasm-unsafe-eval'", "", 1)
		}
		for _, part := range []string{"default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'"} {
			if !slices.Contains(directives(policy), part) && !strings.Contains(policy, part+" http") {
				found = append(found, "the policy lacks "+part+": "+policy)
			}
		}
		if strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") || len(h.Values("Content-Security-Policy")) != 1 {
			found = append(found, "the policy is "+policy)
		}
	}
	if !public(p) {
		want("Cache-Control", "no-store")
	}
	return append(found, typeFaults(p)...)
}

func directives(policy string) (all []string) {
	for part := range strings.SplitSeq(policy, ";") {
		all = append(all, strings.TrimSpace(part))
	}
	return all
}

// public says that anybody may keep an answer: it is of nobody.
func public(p citizen.Page) bool {
	if p.Status != http.StatusOK {
		return false
	}
	for _, path := range []string{"/assets/", "/.well-known/", "/jwks", "/hub-keys", "/log/", "/catalogue", "/status", "/types/", "/schemas/",
		"/openapi.json", "/agencies", "/statistics", "/me/notices/worker.js"} {
		if strings.HasPrefix(p.URL.Path, path) {
			return true
		}
	}
	return false
}

// typeFaults: what is JSON says so, and only that.
func typeFaults(p citizen.Page) []string {
	if len(p.Body) == 0 {
		return nil
	}
	kind, _, err := mime.ParseMediaType(p.Header.Get("Content-Type"))
	if err != nil {
		return []string{"no content type: " + p.Header.Get("Content-Type")}
	}
	isJSON := (p.Body[0] == '{' || p.Body[0] == '[') && json.Valid(p.Body)
	if says := kind == jsonType || strings.HasSuffix(kind, "+json"); says != isJSON {
		return []string{"its content type is " + kind}
	}
	return nil
}

// cookieFaults are those in development; https_test.go has the rest.
func cookieFaults(h http.Header) (found []string) {
	for _, c := range (&http.Response{Header: h}).Cookies() {
		switch {
		case !strings.HasPrefix(c.Name, "mydata_"), !c.HttpOnly, c.SameSite != http.SameSiteLaxMode, c.Domain != "",
			c.Path != "/" && c.Path != "/callback":
			found = append(found, "the cookie is "+c.Raw)
		}
	}
	return found
}

// home says whether an address, read as browsers read it, is of the deployment,
// or opens a wallet.
func (e *eyes) home(base *url.URL, ref string) bool {
	ref = strings.Map(func(r rune) rune {
		switch r {
		case '\\':
			return '/'
		case '\t', '\r', '\n':
			return -1
		}
		return r
	}, strings.TrimSpace(ref))
	u, err := base.Parse(ref)
	if err != nil {
		return false
	}
	if u.Scheme == "openid-credential-offer" || u.Scheme == "openid4vp" {
		return true
	}
	return slices.Contains(e.origins, u.Scheme+"://"+u.Host)
}

// pageFaults reads a page as a browser does.
func (e *eyes) pageFaults(p citizen.Page) (found []string) {
	if p.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		found = append(found, "its content type is "+p.Header.Get("Content-Type"))
	}
	root, err := html.Parse(bytes.NewReader(p.Body))
	if err != nil {
		return append(found, err.Error())
	}
	for _, trace := range []string{"ZgotmplZ", "<no value>", "&lt;bdi", "%!"} {
		if bytes.Contains(p.Body, []byte(trace)) {
			found = append(found, "it shows "+trace)
		}
	}
	for n := range root.Descendants() {
		switch n.Type {
		case html.ElementNode:
			found = append(found, e.elementFaults(p, n)...)
		case html.TextNode:
			found = append(found, e.textFaults(n)...)
		}
	}
	return found
}

var leading = []string{"href", "src", "action", "formaction", "data-options-url", "data-finish-url", "data-follow"}

func (e *eyes) elementFaults(p citizen.Page, n *html.Node) (found []string) {
	switch n.Data {
	case "img", "iframe", "object", "embed", "base", "style":
		found = append(found, "it has an element "+n.Data)
	case "script":
		if n.FirstChild != nil {
			found = append(found, "it has a script of its own")
		}
	}
	for _, a := range n.Attr {
		switch {
		case strings.HasPrefix(a.Key, "on"), a.Key == "style", a.Key == "srcdoc":
			found = append(found, "it has an attribute "+a.Key)
		case slices.Contains(leading, a.Key) && !e.home(p.URL, a.Val):
			found = append(found, "it leads to "+a.Val)
		}
	}
	return found
}

// isolated: a choice can hold no element that isolates its text, and does it itself.
func isolated(n *html.Node) bool {
	return n.Data == "option" && slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == "dir" && a.Val == "auto" })
}

// textFaults: a wild text stands in an element that isolates it, or in the
// title; and nothing is hidden.
func (e *eyes) textFaults(n *html.Node) (found []string) {
	for _, mark := range e.world.named {
		if !strings.Contains(n.Data, mark) {
			continue
		}
		e.marks[mark] = true
		if n.Parent.Data != "bdi" && n.Parent.Data != "title" && !isolated(n.Parent) {
			found = append(found, mark+" stands in <"+n.Parent.Data+">")
		}
	}
	for line := range strings.Lines(n.Data) {
		if text := strings.ReplaceAll(strings.TrimSpace(line), "\t", " "); text != "" && legible.Check(text) != nil {
			found = append(found, legible.Check(text).Error()+": "+text)
		}
	}
	return found
}
