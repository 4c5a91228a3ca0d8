package fetch

import (
	"context"
	"maps"
	"strings"
	"sync"
	"time"
)

const (
	// MaxKept is how many answers a Kept keeps at most; then all are asked anew.
	MaxKept = 256
	// FailedLife is how long a failure is the answer: many who ask at once must not
	// become a flood at an address that is in trouble.
	FailedLife = time.Second
)

// Kept keeps what was fetched for as long as it may be believed: neither after its
// time nor before it, which a clock that was set back would make of it. Who wants the
// same at the same time waits for one question. The zero value works; it may be used
// concurrently.
type Kept[V any] struct {
	Now func() time.Time // nil: time.Now

	mu   sync.Mutex
	held map[string]*answer[V]
}

// answer is what was said, or is to come.
type answer[V any] struct {
	done        chan struct{}
	value       V
	err         error
	from, until time.Time // zero while it is to come
}

// Get answers what is kept under a name, or asks, and keeps the answer for as long as
// ask says; 0: it is only for those who wait. ask goes on when the one who wanted it
// first goes away, and ends on its own; it is given a copy of the name, which may be
// part of something greater that must not be kept with the answer.
func (k *Kept[V]) Get(ctx context.Context, name string, ask func(ctx context.Context, name string) (V, time.Duration, error)) (V, error) {
	k.mu.Lock()
	a, ok := k.held[name]
	if now := k.now(); ok && (a.until.IsZero() || !now.Before(a.from) && now.Before(a.until)) {
		k.mu.Unlock()
		return a.wait(ctx)
	}
	k.room()
	a = &answer[V]{done: make(chan struct{})}
	name = strings.Clone(name)
	k.held[name] = a
	k.mu.Unlock()
	go func() {
		value, life, err := ask(context.WithoutCancel(ctx), name)
		k.heard(a, value, life, err)
	}()
	return a.wait(ctx)
}

// room is made for one more: first where something failed or is over, so that who
// brings names that fail drives out nothing good.
func (k *Kept[V]) room() {
	if len(k.held) >= MaxKept {
		now := k.now()
		maps.DeleteFunc(k.held, func(_ string, a *answer[V]) bool { return !a.until.IsZero() && (a.err != nil || !now.Before(a.until)) })
	}
	if k.held == nil || len(k.held) >= MaxKept {
		k.held = map[string]*answer[V]{}
	}
}

func (k *Kept[V]) heard(a *answer[V], value V, life time.Duration, err error) {
	if err != nil {
		life = FailedLife
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	a.value, a.err, a.from = value, err, k.now()
	a.until = a.from.Add(life)
	close(a.done)
}

func (a *answer[V]) wait(ctx context.Context) (V, error) {
	select {
	case <-a.done:
		return a.value, a.err
	default:
	}
	select {
	case <-a.done:
		return a.value, a.err
	case <-ctx.Done():
		var none V
		return none, ctx.Err()
	}
}

func (k *Kept[V]) now() time.Time {
	if k.Now != nil {
		return k.Now()
	}
	return time.Now()
}
