package notify

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/govmydata/mydata/pkg/signal"
)

// pollStep is how often a waiting poll looks at the outbox.
const pollStep = 250 * time.Millisecond

// Poll answers a poll of an agency (RFC 8936, 2.3): what it acknowledges is
// forgotten, what it refuses put aside; then the next tokens in their order. It
// waits for one as long as wait, unless the request says otherwise.
func (n *Notifier) Poll(ctx context.Context, agency string, p signal.Poll, wait time.Duration) (signal.Polled, error) {
	none := signal.Polled{Sets: map[string]string{}}
	if _, citizen := signal.CitizenOf(agency); citizen || agency == "" {
		return none, nil
	}
	if len(p.Ack) > 0 {
		if err := n.Outbox.Told(ctx, agency, p.Ack); err != nil {
			return none, err
		}
		for range p.Ack {
			n.Observe(Polled)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(p.Faults)) {
		reason := "refused"
		if code := p.Faults[id].Code; signal.Known(code) {
			reason = code
		}
		if err := n.bury(ctx, signal.Signal{ID: id, Audience: agency}, reason); err != nil {
			return none, err
		}
	}
	most := p.Wanted()
	if most == 0 {
		return none, nil
	}
	for deadline := time.Now().Add(wait); ; {
		waiting, err := n.Outbox.Waiting(ctx, agency, most+1)
		if err != nil {
			return none, err
		}
		if len(waiting) > 0 || p.Now || !time.Now().Add(pollStep).Before(deadline) {
			return n.polled(waiting, most)
		}
		select {
		case <-ctx.Done():
			return none, nil
		case <-time.After(pollStep):
		}
	}
}

func (n *Notifier) polled(waiting []signal.Signal, most int) (signal.Polled, error) {
	answer := signal.Polled{Sets: map[string]string{}, More: len(waiting) > most}
	signer, kid := n.Key()
	for _, s := range waiting[:min(most, len(waiting))] {
		token, err := signal.Make(s, n.Issuer, n.Now(), signer, kid)
		if err != nil {
			return signal.Polled{}, fmt.Errorf("sign signal: %w", err)
		}
		answer.Sets[s.ID] = token
	}
	return answer, nil
}
