package sequencer_test

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/sequencer"
)

// asked keeps what each witness answered last.
type asked struct {
	mu    sync.Mutex
	sizes map[string]int64
	fails map[string]int
}

func (a *asked) hear(witness string, size int64, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		a.fails[witness]++
		return
	}
	a.sizes[witness] = size
}

func (a *asked) of(witness string) (size int64, fails int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sizes[witness], a.fails[witness]
}

func TestLag(t *testing.T) {
	h, a := newHouse(t, 3, 2), &asked{sizes: map[string]int64{}, fails: map[string]int{}}
	h.witnesses[2].Close()
	db := open(t, filepath.Join(t.TempDir(), "db"))
	log, err := sequencer.New(sequencer.Options{
		Storage: db.Log(), Signer: h.signer, Policy: h.policy, Interval: 5 * time.Millisecond, Logger: quiet, Asked: a.hear,
	})
	must(t, err)
	lag := func() sequencer.Lag {
		l, err := log.Lag(t.Context())
		must(t, err)
		return l
	}
	commit(t, db, 0, 7)
	if l := lag(); l.Pending != 7 || l.Size != 0 || l.Published != 0 || time.Since(l.Since) > time.Minute || !l.At.IsZero() {
		t.Errorf("before it runs: %+v", l)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- log.Run(ctx) }()
	defer cancel()
	h.proven(t, log, 0, 7)
	eventually(t, func() bool {
		l := lag()
		return l.Pending == 0 && l.Size == 7 && l.Published == 7 && l.Since.IsZero() && time.Since(l.At) < time.Minute
	})
	eventually(t, func() bool {
		one, failed := a.of("w1")
		_, dead := a.of("w3")
		two, _ := a.of("w2")
		return one == 7 && two == 7 && failed == 0 && dead > 0
	})
	h.down.Store(true)
	commit(t, db, 7, 9)
	eventually(t, func() bool {
		l := lag()
		_, failed := a.of("w1")
		return l.Pending == 0 && l.Size == 9 && l.Published == 7 && !l.Since.IsZero() && failed > 0
	})
	cancel()
	<-ended
	log, _ = h.run(t, db.Log()) // another process does not know since when, but that
	eventually(t, func() bool { return !lag().Since.IsZero() })
	h.down.Store(false)
	eventually(t, func() bool { l := lag(); return l.Published == 9 && l.Since.IsZero() })
}
