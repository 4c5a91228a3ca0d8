package sdk

import (
	"context"
	"encoding/json"
	"errors"
)

// Grants are the ids of all grants about a person that the journal holds,
// oldest first: also one whose first answer did not come through, which Again
// fetches.
func (c *Consumer) Grants(ctx context.Context, subject string) ([]string, error) {
	all, err := c.config.Journal.List(ctx, "grant")
	if err != nil {
		return nil, err
	}
	var found []string
	for _, e := range all {
		var g grantRow
		if err := json.Unmarshal(e.Value, &g); err != nil {
			return nil, err
		}
		if subject != "" && g.Subject == subject {
			found = append(found, e.Key)
		}
	}
	return found, nil
}

// Last is the latest release of a grant, from the journal.
func (c *Consumer) Last(ctx context.Context, grantID string) (*Release, error) {
	row, err := c.received(ctx, grantID)
	return row.Done, err
}

// Receipt is the latest receipt of a grant, verified: terms, signatures and
// proofs of inclusion, complete for checking offline. While the log has not
// taken the last events yet it is ErrUnavailable; ask again within a minute.
func (c *Consumer) Receipt(ctx context.Context, grantID string) (json.RawMessage, error) {
	row, err := c.received(ctx, grantID)
	if err != nil {
		return nil, err
	}
	fresh, err := c.countersigned(ctx, row)
	if err == nil {
		return fresh, nil
	}
	if stored, missing := kept[json.RawMessage](ctx, c.config.Journal, "receipt", grantID); missing == nil {
		return stored, nil
	}
	return nil, err
}

// received is the latest use whose answer was taken.
func (c *Consumer) received(ctx context.Context, grantID string) (sendRow, error) {
	row, err := c.last(ctx, grantID)
	for err == nil && row.Done == nil && row.Use > 1 {
		row, err = kept[sendRow](ctx, c.config.Journal, "send", useID(grantID, row.Use-1))
	}
	if err == nil && row.Done == nil {
		err = refusal("unknown_grant", "grant", "consumer", "nothing was received under it")
	}
	return row, err
}

func (c *Consumer) last(ctx context.Context, grantID string) (sendRow, error) {
	row, err := kept[sendRow](ctx, c.config.Journal, "send", useID(grantID, 1))
	for err == nil {
		next, more := kept[sendRow](ctx, c.config.Journal, "send", useID(grantID, row.Use+1))
		if errors.Is(more, ErrAbsent) {
			return row, nil
		}
		row, err = next, more
	}
	if errors.Is(err, ErrAbsent) {
		err = refusal("unknown_grant", "grant", "consumer", "this journal has no such grant")
	}
	return row, err
}
