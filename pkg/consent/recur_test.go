package consent_test

import (
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

// monthly is a request for records of a period, at most once a day.
func monthly(d *consent.Detail) {
	d.Frequency, d.DataRange = "P1D", &consent.DataRange{From: "2026-01-01", To: "2026-12-31"}
}

func recurring(t *testing.T) (*consenttest.World, consent.Record) {
	t.Helper()
	w, passkey := world(t)
	r, err := w.Ledger.Request(t.Context(), w.Request(ada, detail(monthly)))
	ok(t, "request", err)
	r, err = w.Approve(t.Context(), r.Grant, ada, passkey, "vision_ok", "hearing_ok")
	ok(t, "approve", err)
	return w, r
}

//clause:consent recurring grants: frequency and period, at the hub and by the provider's own journal
func TestRecurring(t *testing.T) {
	ctx := t.Context()
	w, r := recurring(t)
	if r.Every != 86400 || r.Agreed.Frequency != "P1D" || *r.Agreed.DataRange != (consent.DataRange{From: "2026-01-01", To: "2026-12-31"}) {
		t.Fatalf("granted %+v", r.Agreed)
	}
	_, err := w.Ledger.Use(ctx, w.Commit(r, 1, nil))
	ok(t, "the first use", err)
	w.Pass(24*time.Hour - time.Millisecond)
	_, err = w.Ledger.NextUse(ctx, r.Grant, consenttest.Client)
	is(t, "it gives no token too soon", err, consent.ErrTooSoon)
	_, err = w.Ledger.Use(ctx, w.Commit(r, 2, nil))
	is(t, "it takes no commit too soon", err, consent.ErrTooSoon)
	w.Pass(time.Millisecond)
	next, err := w.Ledger.NextUse(ctx, r.Grant, consenttest.Client)
	ok(t, "a token when it is time", err)
	if next.Use != 2 {
		t.Errorf("use %d", next.Use)
	}
	_, err = w.Ledger.Use(ctx, w.Commit(r, 2, nil))
	ok(t, "the second use", err)
}

func TestNarrowRecurring(t *testing.T) {
	w, r := recurring(t)
	next, err := w.Ledger.NextUse(t.Context(), r.Grant, consenttest.Client)
	ok(t, "next use", err)
	request, err := consent.OpenRequest(next.Request, w.Trust.AgencyRoots)
	ok(t, "request", err)
	ok(t, "the ledger's own terms", consent.Narrow(request, copied(t, next.Terms), w.Catalogue))
	for name, c := range map[string]struct {
		bend func(*consent.Terms)
		want string
	}{
		"it refuses a shorter frequency": {func(x *consent.Terms) { x.Frequency = "PT1M" }, "frequency"},
		"it refuses no frequency":        {func(x *consent.Terms) { x.Frequency = "" }, "frequency"},
		"it refuses another period":      {func(x *consent.Terms) { x.DataRange.From = "2020-01-01" }, "data_range"},
		"it refuses no period":           {func(x *consent.Terms) { x.DataRange = nil }, "data_range"},
	} {
		t.Run(name, func(t *testing.T) {
			terms := copied(t, next.Terms)
			c.bend(&terms)
			check(t, name, consent.Narrow(request, renotice(t, terms), nil), c.want)
		})
	}
}

// The notice says how often, and of which period.
func TestNoticeRecurring(t *testing.T) {
	_, r := recurring(t)
	for lang, lines := range map[string][]string{
		"en": {"From which period: 2026-01-01 – 2026-12-31\n", "How often: at most 2 times, once per day at most\n"},
		"ko": {"정보의 기간: 2026-01-01 – 2026-12-31\n", "제공 횟수: 최대 2회, 1일에 한 번까지\n"},
	} {
		terms := *r.Agreed
		terms.Notice.Lang = lang
		text, err := consent.Notice(terms)
		ok(t, "notice", err)
		for _, line := range lines {
			if !strings.Contains(string(text), line) {
				t.Errorf("%s does not say %q", text, line)
			}
		}
	}
	for frequency, want := range map[string]string{
		"PT12H": "at most 3 times, once per 12 hours at most", "PT1M": "at most 3 times, once per minute at most", "": "at most 3 times",
	} {
		if got := consent.Often("en", 3, frequency); got != want {
			t.Errorf("%q: %q", frequency, got)
		}
	}
}

func FuzzInterval(f *testing.F) {
	for _, text := range []string{"P30D", "PT12H", "PT15M", "P0D", "PT1S", "P99999D", "P1DT1H"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if d, err := consent.Interval(text); err == nil && (d < time.Minute || d > 9999*24*time.Hour) {
			t.Errorf("%q is %s", text, d)
		}
	})
}
