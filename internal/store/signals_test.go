package store_test

import (
	"testing"

	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/internal/store/storetest"
)

//clause:signals an outbox in the event's transaction; numbers without a gap, never twice
//clause:signals what was put aside an operator sees, and has told again with the same jti and number
func TestSignals(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) { storetest.Signals(t, db.Signals(), db.Consents()) })
}

func TestChoices(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) { storetest.Choices(t, db.Signals()) })
}
