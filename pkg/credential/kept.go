package credential

import (
	"sync"
	"time"
)

// maxKept is how many fetched documents are kept at most; then all are fetched anew.
const maxKept = 256

// kept holds what was fetched for as long as it may be believed: neither after its
// time nor before it, which a clock that was set back would make of it. The zero
// value works; it may be used concurrently.
type kept[K comparable, V any] struct {
	mu   sync.Mutex
	held map[K]keptValue[V]
}

type keptValue[V any] struct {
	value       V
	from, until time.Time
}

func (k *kept[K, V]) get(id K, now time.Time) (V, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	held, ok := k.held[id]
	return held.value, ok && !now.Before(held.from) && now.Before(held.until)
}

// put keeps a value. Its caller clones an id that is part of something greater.
func (k *kept[K, V]) put(id K, value V, now time.Time, life time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.held == nil || len(k.held) >= maxKept {
		k.held = make(map[K]keptValue[V])
	}
	k.held[id] = keptValue[V]{value, now, now.Add(life)}
}
