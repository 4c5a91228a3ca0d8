package store_test

import (
	"testing"

	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/internal/store/storetest"
)

func TestAnchors(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) { storetest.Anchors(t, db.Anchors(), db.Log()) })
}
