package sdk

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/govmydata/mydata/conformance/figure"
	"github.com/govmydata/mydata/pkg/consent"
)

// later makes the fixture's provider put every request off until there is a record.
func (f *fixture) later(there *bool) {
	set := f.provider.config.DataSets["health-checkup"]
	load := set.Load
	set.Load = func(ctx context.Context, who Subject) (Record, error) {
		if !*there {
			return nil, ErrLater
		}
		return load(ctx, who)
	}
	f.provider.config.DataSets["health-checkup"] = set
}

// A slow provider dies at each step: when it puts off, or when it delivers. The one
// started after it still owes what was promised, delivers it once, and then owes
// nothing.
//
//clause:kit provider and consumer die at every write, request and answer, alone and beside another, also with a delivery that comes later: one release, the identical bytes, nothing owed twice
func TestProviderDiesWhileItDeliversLater(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	total := 0
	for _, delivering := range []bool{false, true} {
		total += deaths(t, func(t *testing.T, open func() Journal, l *life) {
			f, there := newFixture(t), false
			f.later(&there)
			c := f.call()
			grant, _ := c.grant()
			if delivering { // promised by a provider that lived
				if status, _ := c.sendTo(f.bear(open(), nil)); status != http.StatusAccepted {
					t.Fatalf("%d", status)
				}
				there = true
			}
			f.bear(open(), l)
			status, first := c.sendTo(f.route.hosts["insurer.example"])
			f.bear(open(), nil)
			waiting, err := f.provider.Waiting(ctx)
			if err != nil || status == http.StatusAccepted && len(waiting) != 1 {
				t.Fatalf("promised, and waiting: %v, %v, after it died at %q", waiting, err, l.last())
			}
			if released, err := f.provider.Releases(ctx); err != nil || len(released)+len(waiting) > 1 {
				t.Errorf("released %v, and still waiting: %v, %v, after it died at %q", released, waiting, err, l.last())
			}
			there = true
			for range 2 {
				f.bear(open(), nil)
				status, again := c.sendTo(f.provider)
				if status != http.StatusOK || first.Commit != "" && again != first {
					t.Fatalf("%d, after it died at %q", status, l.last())
				}
				first = again
			}
			f.oneRelease(grant, first.Commit)
			if waiting, err = f.provider.Waiting(ctx); err != nil || len(waiting) != 0 {
				t.Errorf("delivered, and still waiting: %v, %v, after it died at %q", waiting, err, l.last())
			}
		})
	}
	figure.Hold(t, "deaths-later", total, "deaths of a slow provider, at each step of putting off and of delivering, on a file and on SQL")
}

// The consumer dies at each step of hearing that it comes later, and of fetching it.
//
//clause:kit provider and consumer die at every write, request and answer, alone and beside another, also with a delivery that comes later: one release, the identical bytes, nothing owed twice
func TestConsumerDiesWhileItWaits(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	total := 0
	for _, fetching := range []bool{false, true} {
		total += deaths(t, func(t *testing.T, open func() Journal, l *life) {
			f, there := newFixture(t), false
			f.later(&there)
			f.bear(f.journals[0], nil)
			f.raise(open(), nil)
			state, query := f.granted("vision_ok", "hearing_ok")
			if fetching {
				_, err := f.consumer.Complete(ctx, state, query)
				put, ok := errors.AsType[*Later](err)
				if !ok {
					t.Fatal(err)
				}
				there = true
				f.raise(open(), l)
				_, _ = f.consumer.Again(l.until(ctx), put.GrantID)
			} else {
				f.raise(open(), l)
				_, _ = f.consumer.Complete(l.until(ctx), state, query)
			}
			there = true
			f.raise(open(), nil)
			grants, err := f.consumer.Grants(ctx, f.need().Subject)
			if err != nil || len(grants) == 0 && fetching {
				t.Fatal(grants, err)
			}
			if len(grants) == 0 {
				return // the code was spent: nothing was used, and the citizen is asked again
			}
			r, err := f.consumer.Last(ctx, grants[0])
			if Reason(err) == "unknown_grant" {
				r, err = f.consumer.Again(ctx, grants[0])
			}
			if err != nil || r.Use != 1 {
				t.Fatalf("died at %q: %+v, %v", l.last(), r, err)
			}
			if uses := f.used(consent.GrantID(grants[0])); len(uses) != 1 {
				t.Errorf("died at %q: %d uses", l.last(), len(uses))
			}
			if waiting, err := f.provider.Waiting(ctx); err != nil || len(waiting) != 0 {
				t.Errorf("died at %q: still waiting: %v, %v", l.last(), waiting, err)
			}
		})
	}
	figure.Hold(t, "deaths-waiting", total, "deaths of a consumer, at each step of being put off and of fetching, on a file and on SQL")
}

// Of two providers on one journal one is told no for now, while the other's request
// for the same bytes is still on its way, and then told yes. What left stays left:
// the first keeps the number, and a retry gets the identical bytes from either.
//
//clause:kit provider and consumer die at every write, request and answer, alone and beside another, also with a delivery that comes later: one release, the identical bytes, nothing owed twice
func TestProvidersHearNoAndYes(t *testing.T) {
	ctx := context.Background()
	f := newFixture(t)
	c := f.call()
	grant, _ := c.grant()
	open := journalsOf(t)["SQL"](t)
	// Nothing is sent while both wait: the first commit is kept back, made and durable.
	one, two := f.bear(open(), nil), f.bear(open(), nil)
	kept, send := make(chan struct{}), make(chan struct{})
	no, told := make(chan struct{}), make(chan struct{})
	hold := func(p *Provider, before, after func()) {
		p.net.client.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path != "/agency/commits" {
				return f.route.RoundTrip(r)
			}
			before()
			res, err := f.route.RoundTrip(r)
			after()
			return res, err
		})
	}
	hold(one, func() { close(kept); <-send }, func() {})
	hold(two, func() {}, func() { close(no); <-told })
	first := make(chan answerOf, 1)
	second := make(chan answerOf, 1)
	go func() { status, a := c.sendTo(one); first <- answerOf{status, a.Commit + a.Ciphertext} }()
	<-kept
	if _, err := f.world.Ledger.Pause(ctx, grant, citizen, ""); err != nil {
		t.Fatal(err)
	}
	go func() { status, a := c.sendTo(two); second <- answerOf{status, a.Commit + a.Ciphertext} }()
	<-no
	if _, err := f.world.Ledger.Resume(ctx, grant, citizen); err != nil {
		t.Fatal(err)
	}
	close(send)
	released := <-first
	if released.status != http.StatusOK {
		t.Fatalf("the first: %d", released.status)
	}
	close(told)
	if late := <-second; late.status == http.StatusOK && late.text != released.text {
		t.Errorf("the second answered other bytes")
	}
	for _, p := range []*Provider{one, two} {
		p.net.client.Transport = f.route
		if status, a := c.sendTo(p); status != http.StatusOK || a.Commit+a.Ciphertext != released.text {
			t.Errorf("a retry: %d, the identical bytes: %v", status, a.Commit+a.Ciphertext == released.text)
		}
		if all, err := p.Releases(ctx); err != nil || len(all) != 1 {
			t.Errorf("released %v, %v", all, err)
		}
	}
}

type answerOf struct {
	status int
	text   string
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
