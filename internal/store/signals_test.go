package store_test

import (
	"testing"

	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/internal/store/storetest"
)

func TestSignals(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) { storetest.Signals(t, db.Signals(), db.Consents()) })
}

func TestChoices(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) { storetest.Choices(t, db.Signals()) })
}
