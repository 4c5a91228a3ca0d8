package notify

import (
	"context"
	"time"
)

// Messages tells citizens.
type Messages struct{}

func (n *Notifier) citizen(ctx context.Context, audience, citizen string) (time.Duration, error) {
	waiting, err := n.Outbox.Waiting(ctx, audience, batch)
	if err != nil || len(waiting) == 0 {
		return 0, err
	}
	ids := make([]string, len(waiting))
	for i, s := range waiting {
		ids[i] = s.ID
	}
	return 0, n.Outbox.Told(ctx, audience, ids)
}
