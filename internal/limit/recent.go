package limit

import "sync"

// recent keeps something small for whoever came lately, for at most twice its
// size of them: when it is full, those who did not come again are forgotten.
// Forgetting costs nobody anything but a fresh start.
type recent[V any] struct {
	size int
	make func() V

	mu       sync.Mutex
	now, old map[string]V
}

func newRecent[V any](size int, make func() V) *recent[V] {
	return &recent[V]{size: size, make: make, now: map[string]V{}}
}

func (r *recent[V]) get(key string) V {
	r.mu.Lock()
	defer r.mu.Unlock()
	if v, ok := r.now[key]; ok {
		return v
	}
	v, ok := r.old[key]
	if !ok {
		v = r.make()
	}
	if len(r.now) >= r.size {
		r.old, r.now = r.now, map[string]V{}
	}
	r.now[key] = v
	return v
}
