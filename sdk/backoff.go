package sdk

import (
	"context"
	"math/rand/v2"
	"time"
)

// backoffBase and backoffMost bound the waits between two tries of what may be
// asked again.
const (
	backoffBase = 100 * time.Millisecond
	backoffMost = 2 * time.Second
)

// pause waits before the next try: twice as long each time, somewhere in the
// upper half, so that callers who failed together do not come back together.
// It ends with the context.
func pause(ctx context.Context, try int) error {
	wait := min(backoffBase<<min(try-1, 10), backoffMost)
	timer := time.NewTimer(wait/2 + rand.N(wait/2)) //nolint:gosec // G404: it spreads load, it guards nothing
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
