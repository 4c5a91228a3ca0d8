package sdk

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/transfer"
	"github.com/govmydata/mydata/pkg/jcs"
)

// DateRange is a period of records: two dates (2026-01-31), both included. The
// zero value is no bound.
type DateRange = consent.DataRange

// clockTolerance is how far the hub's clock and ours may be apart where both
// judge whether it is too soon.
const clockTolerance = 10 * time.Second

// frequency spells a duration as terms do: "" for none.
func frequency(every time.Duration) (string, error) {
	const day = 24 * time.Hour
	switch {
	case every == 0:
		return "", nil
	case every > 0 && every%day == 0 && every/day < 10000:
		return fmt.Sprintf("P%dD", every/day), nil
	case every > 0 && every%time.Hour == 0 && every/time.Hour < 10000:
		return fmt.Sprintf("PT%dH", every/time.Hour), nil
	case every > 0 && every%time.Minute == 0 && every/time.Minute < 10000:
		return fmt.Sprintf("PT%dM", every/time.Minute), nil
	}
	return "", fmt.Errorf("Need.Every is %s: whole minutes, hours or days are needed", every)
}

// dates is the range as a request names it: nil for no bound.
func dates(r DateRange) *DateRange {
	if r == (DateRange{}) {
		return nil
	}
	return &r
}

// early refuses a use that comes sooner after the last one than the citizen
// approved, by our own journal: the hub's word is not needed for it.
func (p *Provider) early(ctx context.Context, g *transfer.Granted) error {
	every := time.Duration(g.Terms.Every()) * time.Second
	if every == 0 {
		return nil
	}
	last, err := kept[time.Time](ctx, p.config.Journal, "last", g.Detail.GrantID)
	if errors.Is(err, ErrAbsent) {
		return nil
	}
	if err != nil {
		return err
	}
	if next := last.Add(every); p.config.Now().Add(clockTolerance).Before(next) {
		return refusal("too_soon", "frequency", transfer.MenderConsumer, "the next use is allowed from %s", next.UTC().Format(time.RFC3339))
	}
	return nil
}

// noteUse keeps when a recurring grant was last used, before anything is sent.
func (p *Provider) noteUse(ctx context.Context, row *usedRow) error {
	var terms struct { // which were read whole before they were kept
		Frequency string           `json:"frequency"`
		Validity  consent.Validity `json:"validity"`
	}
	if err := jcs.Unmarshal(row.Terms, &terms); err != nil || terms.Frequency == "" {
		return err
	}
	return p.keep(ctx, "last", row.GrantID, row.Sent, time.Unix(terms.Validity.Expires, 0).Add(24*time.Hour))
}
