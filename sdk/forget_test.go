package sdk

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/figure"
	"github.com/govmydata/mydata/pkg/consent"
)

// stands is the hub's record of a grant.
func (f *fixture) stands(id string) consent.Record {
	f.Helper()
	r, _, err := f.world.Store.History(context.Background(), consent.GrantID(id))
	if err != nil {
		f.Fatal(err)
	}
	return r
}

func (f *fixture) withdraw(id string) {
	f.Helper()
	if _, err := f.world.Ledger.Withdraw(context.Background(), consent.GrantID(id), citizen); err != nil {
		f.Fatal(err)
	}
}

// waiting is how many deletions the hub has not taken.
func (f *fixture) waiting() int {
	f.Helper()
	all, err := f.consumer.Unconfirmed(context.Background())
	if err != nil {
		f.Fatal(err)
	}
	return len(all)
}

//clause:consent retention: reminders, a signed statement of deletion, and what is overdue
func TestForgetTellsTheHub(t *testing.T) {
	ctx := context.Background()
	for _, tt := range []struct {
		name    string
		before  func(*fixture, string) // Forget
		waits   bool                   // then
		between func(*fixture, string) // CheckRetention
	}{
		{"it tells after the end", (*fixture).withdraw, false, nil},
		{"it waits for the end", nil, true, (*fixture).withdraw},
		{"it tells again when the hub was not reached", func(f *fixture, id string) { f.withdraw(id); f.lost("hub.example", 1<<20, false) }, true,
			func(f *fixture, _ string) { f.lost("", 0, false) }},
		{"it tells again when the answer was lost", func(f *fixture, id string) { f.withdraw(id); f.lost("hub.example", 1<<20, true) }, true,
			func(f *fixture, _ string) { f.lost("", 0, false); f.restart() }},
		{"it tells again when the hub is busy", func(f *fixture, id string) { f.withdraw(id); f.answering("/agency/deletions", 503, "") }, true,
			func(f *fixture, _ string) { f.lost("", 0, false) }},
		{"it keeps what is refused", func(f *fixture, id string) {
			f.withdraw(id)
			f.answering("/agency/deletions", 400, `{"code":"check_failed","check":"uses","mender":"agency"}`)
		}, true, func(f *fixture, _ string) { f.lost("", 0, false) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			id := f.complete().GrantID
			if tt.before != nil {
				tt.before(f, id)
			}
			if err := f.consumer.Forget(ctx, id); err != nil {
				t.Fatal(err)
			}
			if got := f.waiting() > 0; got != tt.waits {
				t.Errorf("waits: %v", got)
			}
			if tt.between != nil {
				tt.between(f, id)
				if _, err := f.consumer.CheckRetention(ctx); err != nil {
					t.Error(err)
				}
			}
			if r := f.stands(id); r.Deleted.IsZero() || f.waiting() != 0 {
				t.Errorf("the hub has not heard: %+v, %d wait", r, f.waiting())
			}
		})
	}
}

// What the hub says it has already, or has erased itself, waits no longer.
func TestForgetEnds(t *testing.T) {
	for _, code := range []string{"decided", "unknown_grant"} {
		f := newFixture(t)
		id := f.complete().GrantID
		f.answering("/agency/deletions", 409, `{"code":"`+code+`"}`)
		if err := f.consumer.Forget(context.Background(), id); err != nil || f.waiting() != 0 {
			t.Errorf("%s: %v, %d wait", code, err, f.waiting())
		}
	}
}

// The statement says which grant and how much, and nothing of the person.
func TestStatementIsNotPersonal(t *testing.T) {
	f := newFixture(t)
	r := f.complete()
	f.withdraw(r.GrantID)
	if err := f.consumer.Forget(context.Background(), r.GrantID); err != nil {
		t.Fatal(err)
	}
	_, events, err := f.world.Store.History(context.Background(), consent.GrantID(r.GrantID))
	if err != nil {
		t.Fatal(err)
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(events[len(events)-1].Evidence.Deletion, ".")[1])
	if err != nil || strings.Contains(string(payload), f.need().Subject) || strings.Contains(string(payload), citizen) || strings.Count(string(payload), ":") > 20 {
		t.Errorf("%s, %v", payload, err)
	}
}

// Each write of a deletion, lost, and kept but called lost: no statement is made
// while something is left, and after a restart it ends with a statement.
func TestForgetCrashesAtEveryWrite(t *testing.T) {
	ctx := context.Background()
	writes := map[bool]int{}
	for _, keep := range []bool{false, true} {
		for done := false; !done; {
			n := writes[keep]
			f := newFixture(t)
			id := f.complete().GrantID
			if _, err := f.consumer.Again(ctx, id); err != nil {
				t.Fatal(err)
			}
			broken := f.breakJournal(1, n, keep)
			_ = f.consumer.Forget(ctx, id)
			done = !*broken
			f.restart()
			if left, _ := f.journals[1].List(ctx, "send"); len(left) > 0 && !f.stands(id).Deleted.IsZero() {
				t.Errorf("write %d, kept=%v: it said that all was deleted, and %d uses are left", n, keep, len(left))
			}
			if err := f.consumer.Forget(ctx, id); err != nil { // who did not hear a yes calls again
				t.Fatal(err)
			}
			if r := f.stands(id); r.Deleted.IsZero() || f.waiting() != 0 {
				t.Errorf("write %d, kept=%v: the hub has not heard", n, keep)
			}
			for _, kind := range []string{"send", "grant", "receipt", "reminded"} {
				if left, _ := f.journals[1].List(ctx, kind); len(left) > 0 {
					t.Errorf("write %d, kept=%v: %d of %s left", n, keep, len(left), kind)
				}
			}
			if !done {
				writes[keep]++
			}
		}
	}
	if writes[false] != writes[true] || writes[false] < 5 {
		t.Error(writes)
	}
	figure.Hold(t, "faults-forget", writes[false], "writes of a deletion at the consumer, each lost, and kept but called lost")
}

//clause:consent retention: reminders, a signed statement of deletion, and what is overdue
func TestRetention(t *testing.T) {
	ctx := context.Background()
	f := newFixture(t)
	var heard []string
	f.consumer.config.RetentionEnds = func(r Retention) { heard = append(heard, fmt.Sprint(r.Days)) }
	id := f.complete().GrantID
	if _, err := f.consumer.Again(ctx, id); err != nil { // both uses: the grant is consumed
		t.Fatal(err)
	}
	f.world.Pass(time.Minute)
	check := func(pass time.Duration, want string) []Retention {
		t.Helper()
		f.world.Pass(pass)
		all, err := f.consumer.CheckRetention(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(heard, " "); got != want {
			t.Errorf("heard %q, want %q", got, want)
		}
		return all
	}
	const day = 24 * time.Hour
	check(0, "") // thirty days of thirty
	check(22*day, "")
	if all := check(day, "7"); len(all) != 1 || all[0].GrantID != id || all[0].Uses != 2 {
		t.Errorf("%+v", all)
	}
	check(time.Hour, "7")
	f.restart()
	f.consumer.config.RetentionEnds = func(r Retention) { heard = append(heard, fmt.Sprint(r.Days)) }
	check(time.Hour, "7")
	check(6*day, "7 1")
	if all := check(day, "7 1 0"); len(all) != 1 || all[0].Days != 0 {
		t.Errorf("%+v", all)
	}
	if err := f.consumer.Forget(ctx, id); err != nil {
		t.Fatal(err)
	}
	if all := check(day, "7 1 0"); len(all) != 0 {
		t.Errorf("%+v", all)
	}
	if r := f.stands(id); r.Unconfirmed(f.world.Now().Add(90 * day)) {
		t.Error("the hub thinks that it is overdue")
	}
}
