package statuslist

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// rollbackSlack is how much older than the newest one a list may be: an
// issuer's replicas have clocks of their own, and copies stand in caches
// between. A host that serves an old list gains no more than that.
const rollbackSlack = time.Minute

// Memory remembers when the newest list of each URI was issued, so that an older
// one served again is refused. It may be called concurrently.
type Memory interface {
	// Remember keeps the later of issued and what was kept for uri, and answers
	// it. After an error the list is not believed.
	Remember(ctx context.Context, uri string, issued time.Time) (newest time.Time, err error)
}

// InMemory is a Memory for the life of a process. The zero value works.
type InMemory struct {
	mu     sync.Mutex
	newest map[string]time.Time
}

// maxRemembered bounds the URIs of an InMemory; only lists whose signer was
// trusted get there.
const maxRemembered = 1 << 16

// Remember implements Memory.
func (m *InMemory) Remember(_ context.Context, uri string, issued time.Time) (time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.newest == nil {
		m.newest = map[string]time.Time{}
	}
	known, ok := m.newest[uri]
	if ok && !issued.After(known) {
		return known, nil
	}
	if !ok && len(m.newest) >= maxRemembered {
		m.forgetOldest()
	}
	m.newest[uri] = issued
	return issued, nil
}

func (m *InMemory) forgetOldest() {
	var oldest string
	for uri, at := range m.newest {
		if oldest == "" || at.Before(m.newest[oldest]) {
			oldest = uri
		}
	}
	delete(m.newest, oldest)
}

// remember refuses a token that is older than one seen before, by name. What is
// remembered from after now came of a clock that was ahead, and says nothing.
func remember(ctx context.Context, m Memory, t Token, now time.Time) error {
	newest, err := m.Remember(ctx, t.URI, t.IssuedAt)
	if err != nil {
		return fmt.Errorf("%w: memory of lists: %w", ErrUnavailable, err)
	}
	if t.IssuedAt.Before(newest.Add(-rollbackSlack)) && !newest.After(now.Add(skew)) {
		return fmt.Errorf("%w: of %s, after one of %s", ErrRollback,
			t.IssuedAt.UTC().Format(time.RFC3339), newest.UTC().Format(time.RFC3339))
	}
	return nil
}
