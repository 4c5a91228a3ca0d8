package sdk

import (
	"context"
	"testing"
	"time"
)

//clause:consent overdue statements: the agency is reminded through the outbox, and named in public where ten people are behind it
func TestDeletionDue(t *testing.T) {
	ctx := context.Background()
	t.Run("it tells the agency again of what it still holds", func(t *testing.T) {
		f := newFixture(t)
		r, err := f.asked(f.need())
		if err != nil {
			t.Fatal(err)
		}
		var told []Retention
		f.consumer.config.RetentionEnds = func(r Retention) { told = append(told, r) }
		for range 2 { // each reminder of the hub is one
			if err := f.consumer.heard(ctx, Signal{Kind: DeletionDue, Grant: r.GrantID, At: f.world.Now()}); err != nil {
				t.Fatal(err)
			}
		}
		if len(told) != 2 || told[0].GrantID != r.GrantID || told[0].Days != 0 || told[0].Uses != 1 {
			t.Errorf("%+v", told)
		}
	})
	t.Run("it sends the statement that the hub misses", func(t *testing.T) {
		f := newFixture(t)
		r, err := f.asked(f.need())
		if err != nil {
			t.Fatal(err)
		}
		if err := f.consumer.Forget(ctx, r.GrantID); err != nil { // too early for the hub: the grant lasts
			t.Fatal(err)
		}
		if waiting, err := f.consumer.Unconfirmed(ctx); err != nil || len(waiting) != 1 {
			t.Fatalf("%v %v", waiting, err)
		}
		f.world.Pass(70 * 24 * time.Hour)
		if err := f.consumer.heard(ctx, Signal{Kind: DeletionDue, Grant: r.GrantID, At: f.world.Now()}); err != nil {
			t.Fatal(err)
		}
		if waiting, err := f.consumer.Unconfirmed(ctx); err != nil || len(waiting) != 0 {
			t.Errorf("%v %v", waiting, err)
		}
	})
	t.Run("it is nothing to who never held it", func(t *testing.T) {
		f := newFixture(t)
		if err := f.consumer.heard(ctx, Signal{Kind: DeletionDue, Grant: "another"}); err != nil {
			t.Error(err)
		}
	})
}

// How a grant ended counts for as long as what was received may be kept, which may be
// years: what a citizen withdrew is not kept to the end of the grant instead.
func TestRetentionOfALongGrant(t *testing.T) {
	f := newFixture(t)
	ctx := context.Background()
	f.journals[1].now = f.world.Now
	f.world.Catalogue.Version++
	f.world.Catalogue.Purposes[0].MaxDays = 3 * 365
	need := f.need()
	need.For, need.KeepDays = 3*365*24*time.Hour, 2*365
	r, err := f.asked(need)
	if err != nil {
		t.Fatal(err)
	}
	until := f.world.Now().Add(2 * 365 * 24 * time.Hour)
	if err := f.consumer.heard(ctx, Signal{Kind: GrantWithdrawn, Grant: r.GrantID, At: f.world.Now()}); err != nil {
		t.Fatal(err)
	}
	f.world.Pass(2*365*24*time.Hour + time.Hour)
	due, err := f.consumer.CheckRetention(ctx)
	if err != nil || len(due) != 1 || due[0].Days != 0 || !due[0].Until.Equal(until) {
		t.Errorf("%+v, %v; it may be kept until %s", due, err, until)
	}
	if reason, err := f.consumer.Ended(ctx, r.GrantID); err != nil || reason != "withdrawn" {
		t.Errorf("ended: %q, %v", reason, err)
	}
}
