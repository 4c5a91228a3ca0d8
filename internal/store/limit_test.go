package store_test

import (
	"testing"

	"github.com/govmydata/mydata/internal/limit"
	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/internal/store/storetest"
)

func TestLimits(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) { storetest.Limits(t, db.Limits()) })
	t.Run("memory", func(t *testing.T) { storetest.Limits(t, new(limit.Memory)) })
}
