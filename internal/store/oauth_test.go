package store_test

import (
	"testing"

	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/internal/store/storetest"
)

func TestOAuth(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) { storetest.OAuth(t, db.OAuth()) })
}

func TestRegistry(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) { storetest.Registry(t, db.Registry()) })
}
