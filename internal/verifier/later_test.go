package verifier_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/wallet"
	"github.com/govmydata/mydata/internal/limit"
	"github.com/govmydata/mydata/internal/verifier"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vp"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
)

// patchy are statuses that cannot be had while the issuer is out.
type patchy struct {
	credential.Statuses
	out   atomic.Bool
	after atomic.Int64 // goes out after so many; 0: stays
}

func (p *patchy) Status(ctx context.Context, ref statuslist.Reference, trust statuslist.Trust) (statuslist.Status, error) {
	if left := p.after.Load(); left > 0 {
		p.after.Store(left - 1)
		defer p.out.Store(left == 1)
	}
	if p.out.Load() {
		return 0, statuslist.ErrUnavailable
	}
	return p.Statuses.Status(ctx, ref, trust)
}

func TestIssuerOutOfReach(t *testing.T) {
	p := &patchy{}
	h := newHouse(t, func(c *verifier.Config) {
		v := c.Verifier.(*credential.Verifier)
		p.Statuses, v.Status = v.Status, p
	})
	placed, _ := h.place(t, `{}`)
	p.out.Store(true)
	for range 2 {
		var answer *wallet.Answer
		if _, err := h.present(t, placed.Request); !errors.As(err, &answer) || answer.Status != http.StatusServiceUnavailable || answer.Code != "unavailable" {
			t.Fatalf("the wallet was told %v", err)
		}
		if r := h.result(t, placed.ID); r.Status != verifier.Pending || names(r.Checks, false)[0] != "status" {
			t.Fatalf("%+v", r)
		}
	}
	p.out.Store(false)
	if _, err := h.present(t, placed.Request); err != nil {
		t.Fatal(err)
	}
	if r := h.result(t, placed.ID); r.Status != verifier.Verified {
		t.Fatalf("%+v", r)
	}
	t.Run("it waits with what the holder was to authorize, too", func(t *testing.T) {
		placed, _ := h.place(t, `{"query":`+nameOfCard+`,"transaction_data":[`+toBusan+`]}`)
		p.out.Store(true)
		var answer *wallet.Answer
		if _, err := h.present(t, placed.Request); !errors.As(err, &answer) || answer.Code != "unavailable" {
			t.Fatalf("the wallet was told %v", err)
		}
		p.out.Store(false)
		if _, err := h.present(t, placed.Request); err != nil {
			t.Fatal(err)
		}
		if r := h.result(t, placed.ID); r.Status != verifier.Verified || len(r.Transactions) != 1 {
			t.Fatalf("%+v", r)
		}
	})
	t.Run("it goes on without what is optional, and names it", func(t *testing.T) {
		p.after.Store(1) // of the two cards, in the order of their names
		placed, _ := h.place(t, `{"query":`+optionally+`}`)
		asked, err := h.phone.ReadRequest(t.Context(), placed.Request)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.phone.Present(t.Context(), asked, append(asked.Least(), asked.Extra()...)); err != nil {
			t.Fatal(err)
		}
		r := h.result(t, placed.ID)
		if r.Status != verifier.Verified || len(r.Claims) != 1 || r.Claims["card"] == nil || !slices.Equal(r.LeftOut, []string{"more"}) || names(r.Checks, false)[0] != "more: status" {
			t.Errorf("%+v", r)
		}
		p.out.Store(false)
	})
	t.Run("it rejects what is wrong besides", func(t *testing.T) {
		p.out.Store(true)
		h.pass(2 * time.Hour) // the card has expired
		placed, _ := h.place(t, `{}`)
		var answer *wallet.Answer
		if _, err := h.present(t, placed.Request); !errors.As(err, &answer) || answer.Code != "rejected" {
			t.Fatalf("the wallet was told %v", err)
		}
	})
}

// optionally asks for the card once more, which need not be shown.
var optionally = strings.TrimSuffix(nameOfCard, "]}") + "," +
	strings.TrimPrefix(strings.NewReplacer(`"id":"card"`, `"id":"more"`, `["name"]`, `["birthdate"]`).Replace(strings.TrimSuffix(nameOfCard, "}")), `{"credentials":[`) +
	`,"credential_sets":[{"options":[["card"]]},{"options":[["more"]],"required":false}]}`

// The page says that not all of what came counted, and does not name what did not.
func TestPageOfWhatWasLeftOut(t *testing.T) {
	query, err := openid4vp.ParseQuery([]byte(optionally))
	if err != nil {
		t.Fatal(err)
	}
	p := &patchy{}
	h := newHouse(t, func(c *verifier.Config) {
		v := c.Verifier.(*credential.Verifier)
		p.Statuses, v.Status = v.Status, p
		c.Queries = []verifier.Preset{{Name: "optionally", Query: query}}
	})
	p.after.Store(1)
	b := browser(t)
	address, page := h.start(t, b, "optionally")
	asked, err := h.phone.ReadRequest(t.Context(), find(t, page, `<code id="request">([^<]+)<`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.phone.Present(t.Context(), asked, append(asked.Least(), asked.Extra()...)); err != nil {
		t.Fatal(err)
	}
	for lang, says := range map[string]string{"en": "Something that was not needed did not count", "ko": "인정되지 않은 것이 있어"} {
		_, shown := get(t, b, address+"?lang="+lang)
		if !strings.Contains(shown, "state-verified") || !strings.Contains(shown, says) || strings.Contains(shown, "verifier.") ||
			strings.Contains(shown, "1990-03-01") || strings.Contains(shown, "<p class=\"hint\" data-type><bdi></bdi>") {
			t.Errorf("%s: it shows\n%s", lang, shown)
		}
	}
}

func TestQuestionsOfOneSenderAreBounded(t *testing.T) {
	limits := limit.New(limit.Options{Store: new(limit.Memory), Budgets: map[string]limit.Budget{"question": {Limit: 3, Window: time.Hour}}})
	h := newHouse(t, func(c *verifier.Config) { c.Limits = limits })
	h.admit = limits.Admit
	ask := func() (status int, retryAfter string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.url+"/requests",
			strings.NewReader(url.Values{"ask": {verifier.Presets()[0].Name}}.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Accept", "text/html")
		client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode, res.Header.Get("Retry-After")
	}
	for range 3 {
		if status, _ := ask(); status != http.StatusSeeOther {
			t.Fatal(status)
		}
	}
	if status, retryAfter := ask(); status != http.StatusTooManyRequests || retryAfter == "" {
		t.Errorf("%d, Retry-After %q", status, retryAfter)
	}
	if placed, status := h.place(t, `{}`); status >= 300 || placed.ID == "" {
		t.Errorf("the command was bounded: %d", status)
	}
}
