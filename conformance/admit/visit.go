package admit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/govmydata/mydata/conformance/citizen"
)

// visit is one person's way through a consumer's pages, in a browser of its own.
type visit struct {
	b    *Bench
	who  *citizen.Citizen
	page citizen.Page
}

// counted is how far things came.
type counted struct{ tokens, releases, received, pushes, tried, attempts int }

func (h *hub) counted() counted {
	h.mu.Lock()
	defer h.mu.Unlock()
	return counted{h.tokens, h.releases, len(h.received), len(h.pushes), h.tried, h.attempts}
}

func (b *Bench) browser() *visit {
	v := &visit{b: b, who: citizen.New(b.options.Issuer, "the person")}
	v.who.Lang = "en"
	v.who.Seen = func(_ string, p citizen.Page) {
		if !strings.HasPrefix(p.URL.String(), b.options.Issuer+"/") {
			b.mu.Lock()
			b.pages = append(b.pages, p)
			b.mu.Unlock()
		}
	}
	return v
}

// walk begins at the consumer's first page and goes as far as the redirects lead.
// What the hub does on the way is the case's.
func (b *Bench) walk(ctx context.Context, k hooks) (*visit, error) {
	v := b.browser()
	b.hub.with(k)
	return v, v.begin(ctx)
}

func (v *visit) begin(ctx context.Context) error {
	before := v.b.hub.counted()
	if err := v.open(ctx, v.b.options.URL); err != nil {
		return err
	}
	for range 3 { // a consumer may show a page between login and question
		form, ok := v.form(v.b.plan.Site.Form)
		if !ok {
			return fmt.Errorf("the page has no form %q that is posted: see site.form of the plan", v.b.plan.Site.Form)
		}
		if err := v.submit(ctx, form); err != nil {
			return err
		}
		if v.b.hub.asks() > before.pushes || v.page.Status >= 400 {
			return nil
		}
	}
	return errors.New("the form leads to no request for data")
}

// asks is the number of the last push that asks for data.
func (h *hub) asks() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := len(h.pushes) - 1; i >= 0; i-- {
		if h.pushes[i].grant != "" {
			return i + 1
		}
	}
	return 0
}

// last is the last push that asks for data.
func (h *hub) last() *pushed {
	n := h.asks()
	h.mu.Lock()
	defer h.mu.Unlock()
	if n == 0 {
		return nil
	}
	return h.pushes[n-1]
}

func (v *visit) form(name string) (citizen.Form, bool) {
	if name != "" {
		f, ok := v.page.Form(name)
		return f, ok && f.Method == http.MethodPost
	}
	for _, f := range v.page.Forms {
		if f.Method == http.MethodPost {
			return f, true
		}
	}
	return citizen.Form{}, false
}

// open goes to an address; a page that refuses is a page too.
func (v *visit) open(ctx context.Context, address string) error {
	page, err := v.who.Open(ctx, address)
	return v.at(page, err)
}

func (v *visit) submit(ctx context.Context, f citizen.Form) error {
	page, err := v.who.Submit(ctx, f)
	return v.at(page, err)
}

func (v *visit) at(page citizen.Page, err error) error {
	if _, ok := errors.AsType[*citizen.Answer](err); err != nil && !ok {
		return fmt.Errorf("the consumer's page: %w", err)
	}
	if page.URL != nil && strings.HasPrefix(page.URL.String(), v.b.options.Issuer+"/") && page.Status >= 400 {
		return fmt.Errorf("the hub refused: %s", strings.TrimSpace(string(page.Body)))
	}
	v.page = page
	return nil
}

// taken waits a moment for the countersignature that says that data was taken.
func (b *Bench) taken(ctx context.Context, before counted) bool {
	for range 30 {
		if b.hub.counted().received > before.received {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(100 * time.Millisecond):
		}
	}
	return false
}

// good walks through, and must end with data taken.
func (b *Bench) good(ctx context.Context, k hooks) (*visit, error) {
	before := b.hub.counted()
	v, err := b.walk(ctx, k)
	if err != nil {
		return v, err
	}
	if !b.taken(ctx, before) {
		return v, fmt.Errorf("no countersignature came to the hub; the page has status %d%s", v.page.Status, b.hub.flawList())
	}
	if v.page.Status >= 400 {
		return v, fmt.Errorf("data was taken, and the page has status %d", v.page.Status)
	}
	return v, nil
}

func (h *hub) flawList() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	text := ""
	for kind, cause := range h.flaws {
		text += "; " + kind + ": " + cause
	}
	return text
}

// How far a lie may carry, at most.
const (
	beforeToken    = "token"
	beforeProvider = "provider"
	beforeTaken    = "taken"
)

// lied walks with a hub or provider that lies: the consumer must stop before that.
func (b *Bench) lied(ctx context.Context, stop string, k hooks) error {
	before := b.hub.counted()
	if _, err := b.walk(ctx, k); err != nil {
		return err
	}
	select { // for who goes on after the page
	case <-ctx.Done():
	case <-time.After(100 * time.Millisecond):
	}
	after := b.hub.counted()
	switch {
	case after.tried > before.tried:
		return errors.New("it took the data, and countersigned")
	case stop != beforeTaken && after.releases > before.releases:
		return errors.New("it went on to the provider")
	case stop == beforeToken && after.tokens > before.tokens:
		return errors.New("it went on to the token endpoint")
	case stop == beforeTaken && after.releases == before.releases:
		return errors.New("it never came as far as this case looks")
	}
	return nil
}

// host is the consumer's.
func (b *Bench) host() string {
	u, err := url.Parse(b.options.URL)
	if err != nil {
		return ""
	}
	return u.Host
}
