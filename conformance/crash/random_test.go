package crash

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/stage"
)

// seed of this run.
func seed(t *testing.T) uint64 {
	t.Helper()
	n := rand.Uint64() % 1_000_000
	if text := os.Getenv("MYDATA_CRASH_SEED"); text != "" {
		given, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("MYDATA_CRASH_SEED: %v", err)
		}
		n = given
	}
	t.Logf("MYDATA_CRASH_SEED=%d repeats this run", n)
	return n
}

// A fall is one kill of a plan: whom, and how far into the step, as a part of
// what the step takes undisturbed.
type fall struct {
	victim string
	moment float64
}

// plan chooses the steps of one walk in which somebody falls.
func (w *world) plan(r *rand.Rand, kills int) map[int]fall {
	falls := map[int]fall{}
	for _, i := range r.Perm(len(story))[:kills] {
		victims := []string{stage.IDP, stage.IDP, stage.Verifier, stage.Insurer, stage.Licence, stage.Wallet, stage.Witness(1 + r.IntN(3))}
		if w.server != nil {
			victims = append(victims, postgres)
		}
		falls[i] = fall{victims[r.IntN(len(victims))], r.Float64() * 1.1}
	}
	return falls
}

// rehearse walks undisturbed and answers how long each step took.
func (k *walk) rehearse() []time.Duration {
	k.Helper()
	var took []time.Duration
	for _, s := range story {
		began := time.Now()
		k.take(s)
		took = append(took, time.Since(began))
	}
	k.check()
	return took
}

// suffer walks while processes fall.
func (k *walk) suffer(falls map[int]fall, usual []time.Duration) {
	k.Helper()
	for i, s := range story {
		f, falling := falls[i]
		fallen := make(chan struct{})
		if falling {
			time.AfterFunc(time.Duration(f.moment*float64(usual[i])), func() {
				k.strike(f.victim)
				close(fallen)
			})
		}
		k.take(s)
		if falling {
			<-fallen
			k.risen()
			k.Logf("%s: %s fell %.0f%% into %q", k.resident, f.victim, 100*f.moment, s.name)
			k.check()
		}
	}
}

func (w *world) randomly(kills int) {
	w.Helper()
	r := rand.New(rand.NewPCG(seed(w.T), 0))
	usual := w.newWalk().rehearse()
	for left := kills; left > 0; {
		now := min(left, len(story))
		w.newWalk().suffer(w.plan(r, now), usual)
		left -= now
	}
}
