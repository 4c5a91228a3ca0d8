package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
)

// retentionInterval is how often a consumer looks at what it may keep.
const retentionInterval = time.Hour

// reminders are the days before the end at which a consumer is reminded; 0 is
// the end itself.
var reminders = []int{30, 7, 1, 0}

// Retention is what this journal holds of a grant, and until when the terms let
// you keep it: from the last release on for as long as you asked for, and never
// shorter than the grant. What you copied elsewhere ends at the same time.
type Retention struct {
	GrantID string
	Uses    int // the last use that was received
	Until   time.Time
	Days    int // how many are left at most: 30, 7, 1; 0: it is over, Forget it
}

// remindedRow is the last reminder of a grant: kind "reminded", key the grant.
type remindedRow struct {
	Days int `json:"days"`
}

// CheckRetention gives what is to be deleted within thirty days, or should be
// already, and tells ConsumerConfig.RetentionEnds of each once at thirty, seven
// and one day before and at the end. It sends the hub the statements of deletion
// that it could not take before. It runs by itself too, every hour.
func (c *Consumer) CheckRetention(ctx context.Context) ([]Retention, error) {
	all, err := c.config.Journal.List(ctx, "grant")
	if err != nil {
		return nil, err
	}
	var ending []Retention
	for _, e := range all {
		var g grantRow
		if err := json.Unmarshal(e.Value, &g); err != nil {
			return nil, err
		}
		held, keep, err := c.retention(ctx, e.Key, g)
		if err != nil {
			return nil, err
		}
		if held.Uses == 0 {
			continue
		}
		due, err := c.remind(ctx, held, keep)
		if err != nil {
			return nil, err
		}
		if due.Days >= 0 {
			ending = append(ending, due)
		}
	}
	return ending, c.confirmAll(ctx)
}

// retention is until when a grant's data may be kept. Uses is 0 where there are none.
func (c *Consumer) retention(ctx context.Context, id string, g grantRow) (Retention, time.Duration, error) {
	r := Retention{GrantID: id}
	row, err := c.last(ctx, id)
	if Reason(err) == "unknown_grant" {
		return r, 0, nil
	}
	for err == nil && row.Answer == nil && row.Use > 1 {
		row, err = kept[sendRow](ctx, c.config.Journal, "send", useID(id, row.Use-1))
	}
	if err != nil || row.Answer == nil {
		return r, 0, err
	}
	terms, err := consent.ParseTerms(g.Terms)
	if err != nil {
		return r, 0, err
	}
	end := time.Unix(terms.Validity.Expires, 0).UTC()
	if row.Use >= terms.MaxUses {
		end = row.At
	}
	if over, err := kept[endedRow](ctx, c.config.Journal, "ended", id); err == nil && over.At.Before(end) {
		end = over.At
	} else if err != nil && !errors.Is(err, ErrAbsent) {
		return r, 0, err
	}
	r.Uses, r.Until = row.Use, row.At.Add(terms.Keep())
	if end.After(r.Until) {
		r.Until = end
	}
	return r, terms.Keep(), nil
}

// remind tells once at each of the days; Days is -1 where more than thirty are left.
func (c *Consumer) remind(ctx context.Context, r Retention, keep time.Duration) (Retention, error) {
	left := r.Until.Sub(c.config.Now())
	r.Days = -1
	for _, days := range reminders {
		if left <= time.Duration(days)*24*time.Hour {
			r.Days = days
		}
	}
	if r.Days < 0 || r.Days > 0 && keep <= time.Duration(r.Days)*24*time.Hour { // it was told when it was asked for
		return r, nil
	}
	was, err := kept[remindedRow](ctx, c.config.Journal, "reminded", r.GrantID)
	if err != nil && !errors.Is(err, ErrAbsent) {
		return r, err
	}
	if err == nil && was.Days <= r.Days {
		return r, nil
	}
	c.config.Logger.WarnContext(ctx, "retention ends", "grant", r.GrantID, "until", r.Until, "days", r.Days)
	if c.config.RetentionEnds != nil {
		c.config.RetentionEnds(r)
	}
	return r, c.keep(ctx, "reminded", r.GrantID, remindedRow{r.Days}, time.Time{})
}

// look is CheckRetention beside the promises, not more often than it is worth.
func (c *Consumer) look(ctx context.Context) {
	now := c.config.Now()
	if !c.looked.IsZero() && now.Sub(c.looked).Abs() < retentionInterval {
		return
	}
	c.looked = now
	if _, err := c.CheckRetention(ctx); err != nil && ctx.Err() == nil {
		c.config.Logger.WarnContext(ctx, "retention not checked", "error", err.Error())
	}
}
