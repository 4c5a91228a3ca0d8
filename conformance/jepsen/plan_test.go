package jepsen

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// A Step is one thing that somebody does, after a pause.
type Step struct {
	Do    string
	After time.Duration
}

// A Schedule is one grant's life, or a bundle's, and who disturbs it. It is made of
// its seed alone.
type Schedule struct {
	Ask     string // "ask", "bundle"
	Deny    bool
	Uses    int
	Left    []Step // two programs of the consumer, at once
	Right   []Step
	Citizen []Step // and the citizen meanwhile
	Faults  map[string][]Fault
	Kill    string // who dies meanwhile; "" nobody
	At      time.Duration
}

var paths = map[string][]string{
	"hub":      {"/agency/commits", "/agency/commits", "/agency/commits", "/agency/received", "/agency/received", "/token", "/par"},
	"provider": {"/release", "/release"},
}

func planned(seed uint64, victims []string, killed bool) Schedule {
	r := rand.New(rand.NewPCG(seed, 0x6d79))
	within := func(ms int) time.Duration { return time.Duration(r.IntN(ms)) * time.Millisecond }
	pick := func(n, ms int, names ...string) (steps []Step) {
		for range n {
			steps = append(steps, Step{names[r.IntN(len(names))], within(ms)})
		}
		return steps
	}
	s := Schedule{Ask: "ask", Uses: 1 + r.IntN(2), Deny: r.IntN(16) == 0, Faults: map[string][]Fault{}}
	if r.IntN(6) == 0 {
		s.Ask = "bundle"
	}
	s.Left = append([]Step{{"complete", 0}}, pick(1+r.IntN(2), 80, "again", "again", "receipt")...)
	s.Right = pick(2+r.IntN(2), 150, "again", "last", "again", "again")
	s.Citizen = pick(1+r.IntN(3), 250, "withdraw", "withdraw", "pause", "pause and resume", "pause and resume", "nothing", "nothing", "amend")
	for range r.IntN(3) {
		at := []string{"hub", "hub", "provider"}[r.IntN(3)]
		s.Faults[at] = append(s.Faults[at], Fault{paths[at][r.IntN(len(paths[at]))], r.IntN(2) == 0})
	}
	if killed {
		s.Kill, s.At = victims[r.IntN(len(victims))], within(250)
	}
	return s
}

// seedOf this run: MYDATA_JEPSEN_SEED, or another each time.
func seedOf(t *testing.T) uint64 {
	t.Helper()
	seed := rand.Uint64N(1_000_000)
	if text := os.Getenv("MYDATA_JEPSEN_SEED"); text != "" {
		given, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("MYDATA_JEPSEN_SEED: %v", err)
		}
		seed = given
	}
	t.Logf("MYDATA_JEPSEN_SEED=%d makes these schedules again", seed)
	return seed
}

func text(s Schedule) string { return fmt.Sprintf("%+v", s) }
