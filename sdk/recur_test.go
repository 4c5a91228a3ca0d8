package sdk

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
)

// ranged lets the fixture's provider keep to periods, and shows which it was given.
func (f *fixture) ranged() *DateRange {
	seen := &DateRange{}
	set := f.provider.config.DataSets["health-checkup"]
	load := set.Load
	set.Ranges = true
	set.Load = func(ctx context.Context, who Subject) (Record, error) {
		*seen = who.Range
		return load(ctx, who)
	}
	f.provider.config.DataSets["health-checkup"] = set
	return seen
}

func (f *fixture) asked(n Need) (*Release, error) {
	f.Helper()
	to, err := f.consumer.Ask(context.Background(), n)
	if err != nil {
		return nil, err
	}
	return f.consumer.Complete(context.Background(), to.State, f.hub.visit(to.URL, f.passkey, "vision_ok", "hearing_ok"))
}

//clause:consent recurring grants: frequency and period, at the hub and by the provider's own journal
func TestRecurring(t *testing.T) {
	ctx := context.Background()
	f := newFixture(t)
	seen := f.ranged()
	n := f.need()
	n.Every, n.Range = 24*time.Hour, DateRange{From: "2026-01-01", To: "2026-06-30"}
	r, err := f.asked(n)
	if err != nil {
		t.Fatal(err)
	}
	if *seen != n.Range {
		t.Errorf("Load was given the period %+v", *seen)
	}
	var refused *Error
	if _, err := f.consumer.Again(ctx, r.GrantID); !errors.As(err, &refused) || refused.By != "hub" || refused.Reason != "too_soon" {
		t.Errorf("at once: %v", err)
	}
	// A hub whose clock or judgement is off finds the provider's own journal.
	honest := f.world.Ledger.Now
	f.world.Ledger.Now = func() time.Time { return honest().Add(25 * time.Hour) }
	f.open()
	f.ranged()
	if _, err := f.consumer.Again(ctx, r.GrantID); !errors.As(err, &refused) || refused.By != "provider" || refused.Reason != "too_soon" || refused.Check != "frequency" {
		t.Errorf("by a hub's word alone: %v", err)
	}
	if len(f.observed) != 1 {
		t.Errorf("%d releases", len(f.observed))
	}
	f.world.Ledger.Now = honest
	f.world.Pass(24 * time.Hour)
	if second, err := f.consumer.Again(ctx, r.GrantID); err != nil || second.Use != 2 {
		t.Errorf("when it is time: %+v, %v", second, err)
	}
}

//clause:consent recurring grants: frequency and period, at the hub and by the provider's own journal
func TestProviderGivesAPeriodOrNothing(t *testing.T) {
	f := newFixture(t)
	n := f.need()
	n.Range = DateRange{From: "2026-01-01", To: "2026-06-30"}
	_, err := f.asked(n)
	var refused *Error
	if !errors.As(err, &refused) || refused.Check != "data range" || f.loaded != 0 {
		t.Errorf("it answered a period with more: %v", err)
	}
}

// When a recurring use was last made is durable before its answer is sent.
func TestProviderKeepsWhenItReleased(t *testing.T) {
	for _, kept := range []bool{false, true} {
		f := newFixture(t)
		n := f.need()
		n.Every = 24 * time.Hour
		to, err := f.consumer.Ask(context.Background(), n)
		if err != nil {
			t.Fatal(err)
		}
		query := f.hub.visit(to.URL, f.passkey, "vision_ok", "hearing_ok")
		f.provider.config.Journal = &torn{Journal: f.journals[0], kind: "last", kept: kept}
		if _, err := f.consumer.Complete(context.Background(), to.State, query); err == nil {
			t.Errorf("kept %v: it answered before it was durable", kept)
		}
		f.open()
		grants, err := f.consumer.Grants(context.Background(), n.Subject)
		if err != nil || len(grants) != 1 {
			t.Fatalf("%v, %v", grants, err)
		}
		r, err := f.consumer.Again(context.Background(), grants[0])
		if err != nil || r.Use != 1 || len(f.observed) != 1 {
			t.Errorf("kept %v: %+v, %v, %d releases", kept, r, err, len(f.observed))
		}
	}
}

// torn is a journal that breaks the writes of one kind, lost or kept.
type torn struct {
	Journal
	kind string
	kept bool
}

func (j *torn) Put(ctx context.Context, e Entry) error {
	if e.Kind != j.kind {
		return j.Journal.Put(ctx, e)
	}
	if j.kept {
		_ = j.Journal.Put(ctx, e)
	}
	return errors.New("disk gone")
}

func TestFrequency(t *testing.T) {
	for every, want := range map[time.Duration]string{
		0: "", 24 * time.Hour: "P1D", 36 * time.Hour: "PT36H", 90 * time.Minute: "PT90M",
	} {
		if got, err := frequency(every); err != nil || got != want {
			t.Errorf("%s: %q, %v", every, got, err)
		}
		if want == "" {
			continue
		}
		if back, err := consent.Interval(want); err != nil || back != every {
			t.Errorf("%q is %s, %v", want, back, err)
		}
	}
	for _, every := range []time.Duration{time.Second, -time.Hour, 10000 * 24 * time.Hour} {
		if got, err := frequency(every); err == nil {
			t.Errorf("%s: %q", every, got)
		}
	}
}
