package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"path/filepath"
	"testing"
)

// TestPrepared: one connection, its statements used again, also within one
// another, after a failure, over a change of the schema, and beyond their number.
func TestPrepared(t *testing.T) {
	db, err := openPrepared("file:" + filepath.Join(t.TempDir(), "test.db"))
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	defer db.Close()
	exec := func(query string, args ...any) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), query, args...); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	kept := func() (n int) {
		conn, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.Raw(func(c any) error {
			n = len(c.(*preparing).ready)
			return nil
		})
		return n
	}
	exec(`CREATE TABLE a (id INTEGER PRIMARY KEY, word TEXT)`)
	for i := range 3 {
		exec(`INSERT INTO a (id, word) VALUES ($1, $2)`, i, fmt.Sprint("word ", i))
	}
	if _, err := db.ExecContext(t.Context(), `INSERT INTO a (id, word) VALUES ($1, $2)`, 1, "again"); err == nil || !isUnique(err) {
		t.Errorf("a key twice: %v", err)
	}
	exec(`INSERT INTO a (id, word) VALUES ($1, $2)`, 3, "word 3") // after the failure
	const query = `SELECT id, word FROM a WHERE id >= $1 ORDER BY id`
	read := func(from int, within func(tx *sql.Tx)) (got []string) {
		t.Helper()
		tx, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback()
		rows, err := tx.QueryContext(t.Context(), query, from)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var id int
			var word string
			if err := rows.Scan(&id, &word); err != nil {
				t.Fatal(err)
			}
			got = append(got, word)
			if within != nil {
				within(tx)
			}
		}
		if rows.Err() != nil {
			t.Fatal(rows.Err())
		}
		return got
	}
	want := "[word 0 word 1 word 2 word 3]"
	if got := fmt.Sprint(read(0, func(tx *sql.Tx) { // the same text while it is in use
		var n int
		if err := tx.QueryRowContext(t.Context(), query, 2).Scan(&n, new(string)); err != nil || n != 2 {
			t.Errorf("within: %d %v", n, err)
		}
	})); got != want {
		t.Errorf("%s instead of %s", got, want)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := db.QueryRowContext(ended, query, 0).Scan(new(int), new(string)); err == nil {
		t.Error("it reads for a caller who is gone")
	}
	exec(`ALTER TABLE a ADD COLUMN more TEXT DEFAULT 'x'`)
	if got := fmt.Sprint(read(1, nil)); got != "[word 1 word 2 word 3]" {
		t.Error(got)
	}
	for i := range 3 * maxPrepared {
		exec(fmt.Sprintf(`UPDATE a SET word = 'w' WHERE id = %d`, i))
		if n := kept(); n > maxPrepared {
			t.Fatalf("%d statements are kept", n)
		}
	}
	if got := fmt.Sprint(read(2, nil)); got != "[w w]" {
		t.Error(got)
	}
}

func TestPreparedIsWhatTheDriverIs(t *testing.T) {
	var _ driver.Conn = (*preparing)(nil)
	db, err := openPrepared("file::memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.PingContext(t.Context()); err != nil {
		t.Error(err)
	}
}
