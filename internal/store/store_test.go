package store_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/internal/store/storetest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	storetest.StopPostgres()
	os.Exit(code)
}

// each runs f on SQLite (a file, as in the service) and on PostgreSQL, and on
// CockroachDB when TEST_COCKROACH_URL names one, each time with an empty
// database of the newest schema.
func each(t *testing.T, f func(t *testing.T, db *store.DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		f(t, open(t, "sqlite:"+filepath.Join(t.TempDir(), "test.db")))
	})
	t.Run("postgres", func(t *testing.T) {
		f(t, open(t, postgresDSN(t)))
	})
	if server := os.Getenv("TEST_COCKROACH_URL"); server != "" {
		t.Run("cockroach", func(t *testing.T) {
			f(t, open(t, storetest.Cockroach(t, server, fmt.Sprintf("mydata_test_%d_%d", os.Getpid(), databases.Add(1)))))
		})
	}
}

func open(t *testing.T, dsn string) *store.DB {
	t.Helper()
	db, err := store.Open(context.Background(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	return db
}

var (
	databases atomic.Int64
	template  sync.Once
)

// postgresDSN makes a database of the newest schema on the PostgreSQL of this
// test binary; migrating once and copying saves a second a test.
func postgresDSN(t *testing.T) string {
	t.Helper()
	template.Do(func() {
		db := open(t, storetest.Postgres(t, "migrated", "template1"))
		if err := db.Close(); err != nil { // a database in use cannot be copied
			t.Fatal(err)
		}
	})
	return storetest.Postgres(t, fmt.Sprintf("test%d", databases.Add(1)), "migrated")
}

// emptyPostgres makes an empty database on it.
func emptyPostgres(b testing.TB) string {
	b.Helper()
	return storetest.Postgres(b, fmt.Sprintf("test%d", databases.Add(1)), "template1")
}
