package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/govmydata/mydata/pkg/signal"
)

// endedRow is what a consumer heard of a grant: kind "ended", key the grant. It stays
// until Forget, as what was received does.
type endedRow struct {
	Kind signal.Kind `json:"kind"`
	At   time.Time   `json:"at"`
}

// endings are the reasons that Again gives after a signal, the same as the hub's.
var endings = map[signal.Kind]string{
	signal.GrantWithdrawn: "withdrawn", signal.GrantExpired: "expired", signal.GrantInvalidated: "invalidated",
	signal.GrantSuperseded: "superseded", signal.GrantDenied: "denied", signal.GrantCancelled: "cancelled",
}

// heard marks a grant that is over. One that is consumed may still be fetched
// again, so it is not marked.
func (c *Consumer) heard(ctx context.Context, s Signal) error {
	if s.Kind == signal.DeletionDue {
		return c.overdue(ctx, s.Grant)
	}
	if endings[s.Kind] == "" {
		return nil
	}
	if _, err := c.config.Journal.Get(ctx, "grant", s.Grant); errors.Is(err, ErrAbsent) {
		return nil // not one that we hold
	} else if err != nil {
		return err
	}
	return c.keep(ctx, "ended", s.Grant, endedRow{s.Kind, s.At}, time.Time{})
}

// overdue sends a statement of deletion that the hub misses, or has the agency told
// again that its time to keep is over.
func (c *Consumer) overdue(ctx context.Context, grantID string) error {
	if _, err := c.config.Journal.Get(ctx, "deleted", grantID); err == nil {
		return c.Forget(ctx, grantID)
	} else if !errors.Is(err, ErrAbsent) {
		return err
	}
	g, err := kept[grantRow](ctx, c.config.Journal, "grant", grantID)
	if errors.Is(err, ErrAbsent) {
		return nil
	}
	if err != nil {
		return err
	}
	held, _, err := c.retention(ctx, grantID, g)
	if err != nil || held.Uses == 0 {
		return err
	}
	c.config.Logger.WarnContext(ctx, "the hub misses a statement of deletion", "grant", grantID, "until", held.Until)
	if c.config.RetentionEnds != nil {
		c.config.RetentionEnds(held)
	}
	return nil
}

// Ended says why a grant is over, as the hub's signal said: "withdrawn",
// "expired" …; "" while it is not.
func (c *Consumer) Ended(ctx context.Context, grantID string) (reason string, err error) {
	row, err := kept[endedRow](ctx, c.config.Journal, "ended", grantID)
	if errors.Is(err, ErrAbsent) {
		return "", nil
	}
	return endings[row.Kind], err
}

// over refuses what a signal said is over, without asking the hub.
func (c *Consumer) over(ctx context.Context, grantID string) error {
	reason, err := c.Ended(ctx, grantID)
	if err != nil || reason == "" {
		return err
	}
	return refusal(reason, "grant", "citizen", "the hub told that it is over")
}

// heard drops what is stored for a grant that is over.
func (p *Provider) heard(ctx context.Context, s Signal) error {
	if !s.Kind.Ends() || s.Kind == signal.GrantConsumed {
		return nil
	}
	defer p.locks.lock(s.Grant)()
	return p.drop(ctx, s.Grant, "")
}

// drop forgets what is stored for a grant: no retry gets it, no ciphertext stays.
// What was released and when stays, for the record. said keeps to what one withdrawal
// is of, "" does not. Its caller holds the lock.
func (p *Provider) drop(ctx context.Context, grant, said string) error {
	uses, err := p.config.Journal.List(ctx, "use")
	if err != nil {
		return err
	}
	for _, e := range uses {
		var row usedRow
		if err := json.Unmarshal(e.Value, &row); err != nil {
			return err
		}
		if row.GrantID != grant || said != "" && row.said() != said {
			continue
		}
		if err := p.config.Journal.Delete(ctx, "ciphertext", row.sealed()); err != nil && !errors.Is(err, ErrAbsent) {
			return err
		}
	}
	return p.forgetAll(ctx, grant, said)
}
