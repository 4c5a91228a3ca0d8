package main

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/govmydata/mydata/sdk"
)

// needs are what an application needs, of two agencies: who lives there, which can
// change each month, and once whether the income is low.
func needs(sub string) []sdk.Need {
	return []sdk.Need{
		{Subject: sub, DataSet: "resident-extract", Purpose: "housing-benefit", Claims: []string{"household", "region"}, Optional: []string{"moved_in"},
			Uses: 12, Every: 28 * 24 * time.Hour, For: 365 * 24 * time.Hour, KeepDays: 365},
		{Subject: sub, DataSet: "health-premium", Purpose: "housing-benefit", Claims: []string{"income_low"}, For: 24 * time.Hour, KeepDays: 365},
	}
}

// application is the portal's own file on a person: kind "application", key the
// pseudonym that the hub gives this agency. A permission that was refused is "".
type application struct {
	At     time.Time `json:"at"`
	Grants []string  `json:"grants"` // in the order of needs
}

const (
	kindApplication = "application"
	kindStopped     = "stopped" // key the grant: payments that rest on it have stopped
)

func (s *site) keep(ctx context.Context, kind, key string, value any) error {
	raw, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return s.records.Put(ctx, sdk.Entry{Kind: kind, Key: key, Value: raw})
}

// find reads a person's application; the zero value when there is none.
func (s *site) find(ctx context.Context, sub string) (application, error) {
	var a application
	e, err := s.records.Get(ctx, kindApplication, sub)
	if errors.Is(err, sdk.ErrAbsent) {
		return a, nil
	}
	if err != nil {
		return a, err
	}
	return a, json.Unmarshal(e.Value, &a)
}

// owns says whether a grant is the person's: an address alone opens nothing.
func (s *site) owns(ctx context.Context, sub, grant string) bool {
	a, err := s.find(ctx, sub)
	return err == nil && sub != "" && grant != "" && slices.Contains(a.Grants, grant)
}

// heard is called for each signal of the hub. The SDK itself asks no more under a
// grant that is over; what the agency does about it is its own affair: payments stop.
// The same signal may come twice.
func (s *site) heard(ctx context.Context, one sdk.Signal) error {
	switch one.Kind {
	case sdk.GrantWithdrawn, sdk.GrantInvalidated, sdk.GrantPaused:
		return s.keep(ctx, kindStopped, one.Grant, one.At)
	case sdk.GrantResumed:
		if err := s.records.Delete(ctx, kindStopped, one.Grant); !errors.Is(err, sdk.ErrAbsent) {
			return err
		}
	}
	return nil
}

// stopped is since when payments that rest on a grant have stopped; zero: they go on.
func (s *site) stopped(ctx context.Context, grant string) (at time.Time, err error) {
	e, err := s.records.Get(ctx, kindStopped, grant)
	if errors.Is(err, sdk.ErrAbsent) {
		return at, nil
	}
	if err != nil {
		return at, err
	}
	return at, json.Unmarshal(e.Value, &at)
}
