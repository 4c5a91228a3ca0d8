package store_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/govmydata/mydata/internal/store"
)

// TestAtOnce has statements go together: all of them are kept or none, a row that is
// there already is told, and what failed leaves nothing behind for who comes next.
func TestAtOnce(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		must(t, db.AtOnce(ctx, "", "one", "two"))
		if err := db.AtOnce(ctx, "", "three", "one", "four"); !errors.Is(err, store.ErrSome) {
			t.Errorf("a row that is there: %v", err)
		}
		if err := db.AtOnce(ctx, `INSERT INTO nowhere (id) VALUES (1)`, "five"); err == nil || errors.Is(err, store.ErrSome) {
			t.Errorf("a statement that fails: %v", err)
		}
		if err := db.AtOnce(ctx, `INSERT INTO commits (id, digest) VALUES ('one', 'x')`, "one", "six"); !errors.Is(err, store.ErrSome) {
			t.Errorf("a row that is there, before a statement that fails: %v", err)
		}
		isolation := ""
		if strings.HasSuffix(t.Name(), "postgres") {
			isolation = `INSERT INTO commits (id, digest) VALUES ('isolation', convert_to(current_setting('transaction_isolation'), 'UTF8'))`
		}
		for range 20 { // on whichever connection
			must(t, db.AtOnce(ctx, ""))
		}
		must(t, db.AtOnce(ctx, isolation, "seven"))
		all, err := db.Commits(ctx)
		if must(t, err); len(all) != 3 && isolation == "" || all["one"] == "" || all["two"] == "" || all["seven"] == "" {
			t.Errorf("it keeps %v", all)
		}
		if isolation != "" && (len(all) != 4 || all["isolation"] != "serializable") {
			t.Errorf("it keeps %v", all)
		}
	})
}
