package sdk

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/govmydata/mydata/conformance/figure"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/transfer"
)

// deaths runs a test once for each step of a life and each way to die there, until
// the life is lived to its end, and answers how many deaths there were.
func deaths(t *testing.T, test func(t *testing.T, open func() Journal, l *life)) int {
	t.Helper()
	n := 0
	for name, fresh := range journalsOf(t) {
		for _, kept := range []bool{false, true} {
			for i, lived := 0, false; !lived; i++ {
				l := &life{left: i, kept: kept}
				t.Run(fmt.Sprintf("%s/step %d, kept=%v", name, i, kept), func(t *testing.T) {
					test(t, fresh(t), l)
				})
				if lived = !l.over(); !lived {
					n++
				}
				if i > 100 || t.Failed() {
					return n
				}
			}
		}
	}
	return n
}

// sendTo has whoever serves releases answer a call, as over the network.
func (c *call) sendTo(h http.Handler) (int, transfer.ReleaseAnswer) {
	c.f.Helper()
	body, err := json.Marshal(c.body)
	if err != nil {
		c.f.Fatal(err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, c.request("application/json", body))
	var yes transfer.ReleaseAnswer
	_ = json.Unmarshal(w.Body.Bytes(), &yes) // a refusal is none
	return w.Code, yes
}

// acknowledgeTo countersigns an answer.
func (c *call) acknowledgeTo(h http.Handler, a transfer.ReleaseAnswer) int {
	c.f.Helper()
	grant, use := c.grant()
	w := c.f.world
	jws, err := consent.SignReceived(consent.ReceivedClaims{Issuer: w.Consumer.ID, Audience: w.Trust.Issuer, IssuedAt: w.Now().Unix(),
		GrantID: grant, Use: use, Commit: consent.DigestOf(a.Commit)}, w.Consumer.Key, w.Consumer.Chain)
	if err != nil {
		c.f.Fatal(err)
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, c.request("application/jose", []byte(jws)))
	return rec.Code
}

func (c *call) grant() (consent.GrantID, int) {
	c.f.Helper()
	terms, err := consent.ParseTerms(c.body.Terms)
	if err != nil {
		c.f.Fatal(err)
	}
	return terms.GrantID, 1
}

func (f *fixture) used(grant consent.GrantID) []consent.Use {
	f.Helper()
	r, _, err := f.world.Store.History(context.Background(), grant)
	if err != nil {
		f.Fatal(err)
	}
	return r.Uses
}

// The provider dies at each write, request and answer of a release and of its
// acknowledgement; the one started after it answers the same bytes, once.
//
//clause:kit provider and consumer die at every write, request and answer, alone and beside another, also with a delivery that comes later: one release, the identical bytes, nothing owed twice
func TestProviderDiesAtEveryStep(t *testing.T) {
	t.Parallel()
	n := deaths(t, func(t *testing.T, open func() Journal, l *life) {
		f := newFixture(t)
		c := f.call()
		grant, _ := c.grant()
		f.bear(open(), l)
		status, first := c.sendTo(f.route.hosts["insurer.example"])
		acknowledged := false
		if status == http.StatusOK {
			acknowledged = true // it may have been
			c.acknowledgeTo(f.route.hosts["insurer.example"], first)
		}
		if status != http.StatusOK && !l.over() {
			t.Fatalf("%d, and it lives", status)
		}
		for range 2 {
			f.bear(open(), nil)
			status, again := c.sendTo(f.provider)
			switch {
			case acknowledged && status == http.StatusGone:
				again = first
			case status != http.StatusOK:
				t.Fatalf("after it died at %q: %d", l.last(), status)
			case first.Commit == "":
				first = again
			}
			if again != first {
				t.Fatalf("after it died at %q it answered other bytes", l.last())
			}
		}
		if status := c.acknowledgeTo(f.provider, first); status != http.StatusOK {
			t.Errorf("acknowledged: %d", status)
		}
		f.oneRelease(grant, first.Commit)
	})
	figure.Hold(t, "deaths-provider", n, "deaths of the provider, at each write, request and answer of a release, on a file and on SQL")
}

// oneRelease: the hub counted one use, for these bytes, and so did the provider.
func (f *fixture) oneRelease(grant consent.GrantID, commit string) {
	f.Helper()
	if uses := f.used(grant); len(uses) != 1 || uses[0].Commit != consent.DigestOf(commit) {
		f.Errorf("the hub counted %v", uses)
	}
	if released, err := f.provider.Releases(context.Background()); err != nil || len(released) != 1 {
		f.Errorf("the provider counted %v, %v", released, err)
	}
}

// The same, and the citizen withdraws before the provider is there again: what was
// not committed never is, what was may still be fetched.
func TestProviderDiesAndTheCitizenWithdraws(t *testing.T) {
	t.Parallel()
	n := deaths(t, func(t *testing.T, open func() Journal, l *life) {
		f := newFixture(t)
		c := f.call()
		grant, _ := c.grant()
		f.bear(open(), l)
		status, first := c.sendTo(f.route.hosts["insurer.example"])
		before := f.used(grant)
		if _, err := f.world.Ledger.Withdraw(t.Context(), grant, citizen); err != nil {
			t.Fatal(err)
		}
		f.bear(open(), nil)
		again, answer := c.sendTo(f.provider)
		if after := f.used(grant); !slices.Equal(after, before) {
			t.Errorf("uses %v, and %v after the withdrawal", before, after)
		}
		if again == http.StatusOK != (len(before) == 1) {
			t.Errorf("%d uses, and it answered %d after it died at %q", len(before), again, l.last())
		}
		if status == http.StatusOK && answer != first {
			t.Error("it answered other bytes")
		}
	})
	figure.Hold(t, "deaths-withdrawn", n, "deaths of the provider with a withdrawal before it is there again")
}

// Two providers serve on one journal. One dies at each step; the other, which has
// run all the time, answers the same.
//
//clause:kit provider and consumer die at every write, request and answer, alone and beside another, also with a delivery that comes later: one release, the identical bytes, nothing owed twice
func TestProviderDiesBesideAnother(t *testing.T) {
	t.Parallel()
	fresh := journalsOf(t)["SQL"]
	for _, kept := range []bool{false, true} {
		for i, lived := 0, false; !lived && !t.Failed(); i++ {
			l := &life{left: i, kept: kept}
			t.Run(fmt.Sprintf("step %d, kept=%v", i, kept), func(t *testing.T) {
				f := newFixture(t)
				c := f.call()
				grant, _ := c.grant()
				open := fresh(t)
				other := f.bear(open(), nil)
				f.bear(open(), l)
				status, first := c.sendTo(f.route.hosts["insurer.example"])
				again, second := c.sendTo(other)
				if again != http.StatusOK || status == http.StatusOK && first != second {
					t.Fatalf("%d, after the first died at %q", again, l.last())
				}
				f.provider = other
				f.oneRelease(grant, second.Commit)
			})
			lived = !l.over()
		}
	}
}

// The consumer dies at each write and request of its first use. The one started
// after it finds what it needs, or nothing was used.
//
//clause:kit provider and consumer die at every write, request and answer, alone and beside another, also with a delivery that comes later: one release, the identical bytes, nothing owed twice
func TestConsumerDiesAtEveryStep(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	n := deaths(t, func(t *testing.T, open func() Journal, l *life) {
		f := newFixture(t)
		f.raise(open(), nil)
		state, query := f.granted("vision_ok", "hearing_ok")
		f.raise(open(), l)
		_, err := f.consumer.Complete(l.until(ctx), state, query)
		if err == nil != (!l.over() || l.told()) {
			t.Fatalf("%v, dead: %v at %q", err, l.over(), l.last())
		}
		f.raise(open(), nil)
		grants, err := f.consumer.Grants(ctx, f.need().Subject)
		if err != nil {
			t.Fatal(err)
		}
		released, err := f.provider.Releases(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if len(grants) == 0 {
			if len(released) != 0 {
				t.Errorf("died at %q: %d releases of a grant that is lost", l.last(), len(released))
			}
			return
		}
		r, err := f.consumer.Last(ctx, grants[0])
		if Reason(err) == "unknown_grant" {
			r, err = f.consumer.Again(ctx, grants[0])
		}
		if err != nil || r.Use != 1 || r.Claims["vision_ok"] != true {
			t.Fatalf("died at %q: %+v, %v", l.last(), r, err)
		}
		if _, err := f.consumer.Receipt(ctx, grants[0]); err != nil {
			t.Errorf("died at %q: receipt: %v", l.last(), err)
		}
		if uses := f.used(consent.GrantID(grants[0])); len(uses) != 1 || uses[0].Received.IsZero() {
			t.Errorf("died at %q: uses %v", l.last(), uses)
		}
		if r, err := f.consumer.Again(ctx, grants[0]); err != nil || r.Use != 2 {
			t.Errorf("died at %q: the next use: %+v, %v", l.last(), r, err)
		}
	})
	figure.Hold(t, "deaths-consumer", n, "deaths of the consumer, at each write and request of a first use, on a file and on SQL")
}

// told: what the consumer could not tell, or keep of a receipt, leaves it its release.
func (l *life) told() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := slices.Index(l.steps, "call /release")
	return first >= 0 && slices.Contains(l.steps[first+1:], "call /release")
}
