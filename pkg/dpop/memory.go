package dpop

import (
	"context"
	"errors"
	"sync"
	"time"
)

// memoryLimit bounds what a Memory holds; beyond it new proofs are refused
// rather than old ones forgotten.
const memoryLimit = 1 << 16

// Memory is a Replay for a service of one process.
type Memory struct {
	// Now is the clock; time.Now when nil.
	Now func() time.Time

	mu    sync.Mutex
	seen  map[string]time.Time
	swept time.Time
}

// Once implements Replay. What it notes is lost when the process ends, which
// leaves open the iat window and no more.
func (m *Memory) Once(_ context.Context, key string, until time.Time) error {
	now := time.Now()
	if m.Now != nil {
		now = m.Now()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sweep(now)
	if _, ok := m.seen[key]; ok {
		return ErrReplayed
	}
	if len(m.seen) >= memoryLimit {
		return errors.New("dpop: too many proofs at once")
	}
	m.seen[key] = until
	return nil
}

func (m *Memory) sweep(now time.Time) {
	if m.seen == nil {
		m.seen = map[string]time.Time{}
	}
	if now.Sub(m.swept) < time.Second {
		return
	}
	m.swept = now
	for key, until := range m.seen {
		if until.Before(now) {
			delete(m.seen, key)
		}
	}
}
