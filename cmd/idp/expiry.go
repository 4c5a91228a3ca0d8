package main

import (
	"time"

	"github.com/govmydata/mydata/internal/expiry"
)

// expiryEvery is about how often grants and offers are ended by the clock.
const expiryEvery = 15 * time.Second

// expiry ends grants by the clock, unless somebody has just set it.
func (e *engines) expiry() *expiry.Sweeper {
	return &expiry.Sweeper{
		Ledger: e.ledger, Deadlines: e.db.Consents(), Now: time.Now, Steady: e.clock.Ready, Logger: e.log,
	}
}
