package limit

import (
	"testing"
	"time"
)

// What a replica claimed and did not give is lost when it falls. One that falls
// again and again must not use up what its callers have.
func TestRestarts(t *testing.T) {
	options := Options{Store: new(Memory), Budgets: map[string]Budget{"work": {Limit: 640, Window: time.Hour}}}
	take := func(l *Limits) bool {
		ctx, err := ask(l, "192.0.2.1:1")
		if err != nil {
			t.Fatal(err)
		}
		return l.Take(ctx, "work", "") == nil
	}
	for n := range 100 {
		if !take(New(options)) {
			t.Fatalf("nothing is left after %d restarts", n)
		}
	}
	last, given := New(options), 0
	for take(last) {
		given++
	}
	if given != 540 {
		t.Errorf("%d were given after 100 restarts of one each, want 540", given)
	}
}
