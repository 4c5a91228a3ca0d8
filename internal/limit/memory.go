package limit

import (
	"context"
	"sync"
	"time"
)

// Memory is a Store for a service of one process that keeps nothing.
type Memory struct {
	mu      sync.Mutex
	windows map[window]spent
}

type window struct {
	name   string
	begins int64
}

type spent struct {
	ends time.Time
	n    int64
}

// most windows are kept; beyond it the ones that are over go first, and then
// whoever is new is refused by nobody.
const most = 100_000

// SpendWindow as Store says.
func (m *Memory) SpendWindow(_ context.Context, name string, begins, ends time.Time, n int64) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.windows == nil {
		m.windows = map[window]spent{}
	}
	if len(m.windows) >= most {
		m.sweep(begins)
	}
	key := window{name, begins.UnixMilli()}
	s := spent{ends, m.windows[key].n + n}
	if len(m.windows) < most {
		m.windows[key] = s
	}
	return s.n, nil
}

// SweepWindows as Store says.
func (m *Memory) SweepWindows(_ context.Context, then time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sweep(then)
	return nil
}

func (m *Memory) sweep(then time.Time) {
	for key, s := range m.windows {
		if s.ends.Before(then) {
			delete(m.windows, key)
		}
	}
}
