package main

import (
	"context"
	"errors"
	"time"

	"github.com/govmydata/mydata/internal/erasure"
)

// erasures is the office that erases persons.
func (e *engines) erasures() *erasure.Office {
	return &erasure.Office{
		Store: e.db.Erasures(), Ledger: e.ledger, Officers: e.officers, Now: time.Now,
		End: func(ctx context.Context, citizen string) error {
			return errors.Join(
				e.offers.End(ctx, citizen), // first of all, so that nothing new comes of them
				e.revoke(ctx, citizen),
				e.issuer.RevokeAll(ctx, citizen),
			)
		},
	}
}
