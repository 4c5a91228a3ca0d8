package speed_test

import (
	"bytes"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	_ "modernc.org/sqlite"
)

func newReader(b []byte) io.Reader { return bytes.NewReader(b) }

// row is what was inserted into a table. Without columns it is a change of a row
// that is there.
type row struct {
	Table   string
	Columns []string
	Values  []value
	Unique  []bool // of the columns: the floor writes another value of the same length
}

// value keeps what JSON would lose of a column's type.
type value struct {
	Bytes  []byte   `json:",omitempty"`
	Text   *string  `json:",omitempty"`
	Number *int64   `json:",omitempty"`
	Real   *float64 `json:",omitempty"`
}

// ledger reads the hub's database from outside: which rows came, and how many
// commits its write-ahead log has seen.
type ledger struct {
	t    testing.TB
	db   *sql.DB
	path string
	keys map[string]map[string]bool // unique columns by table
	seen map[string]int64
}

func newLedger(t testing.TB, path string) *ledger {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro&_pragma=busy_timeout(5000)")
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	l := &ledger{t: t, db: db, path: path, keys: map[string]map[string]bool{}, seen: map[string]int64{}}
	for _, table := range l.texts(`SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND sql NOT LIKE '%WITHOUT ROWID%'`) {
		l.keys[table] = map[string]bool{}
		for _, column := range l.texts(`SELECT c.name FROM pragma_index_list(?) i, pragma_index_info(i.name) c WHERE i."unique" = 1`, table) {
			l.keys[table][column] = true
		}
		l.seen[table] = l.newest(table)
	}
	return l
}

func (l *ledger) texts(query string, args ...any) (all []string) {
	rows, err := l.db.Query(query, args...)
	must(l.t, err)
	defer rows.Close()
	for rows.Next() {
		var one string
		must(l.t, rows.Scan(&one))
		all = append(all, one)
	}
	must(l.t, rows.Err())
	return all
}

func (l *ledger) newest(table string) (n int64) {
	must(l.t, l.db.QueryRow(`SELECT COALESCE(MAX(rowid), 0) FROM "`+table+`"`).Scan(&n))
	return n
}

// came are the rows since it was asked last.
func (l *ledger) came() (all []row) {
	for table := range l.keys {
		newest := l.newest(table)
		if newest > l.seen[table] {
			all = append(all, l.rows(table, l.seen[table])...)
		}
		l.seen[table] = newest // a table that was emptied begins again
	}
	return all
}

func (l *ledger) rows(table string, after int64) (all []row) {
	found, err := l.db.Query(`SELECT * FROM "`+table+`" WHERE rowid > ? ORDER BY rowid`, after)
	must(l.t, err)
	defer found.Close()
	columns, err := found.Columns()
	must(l.t, err)
	for found.Next() {
		values := make([]any, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		must(l.t, found.Scan(into...))
		r := row{Table: table, Columns: columns}
		for i, v := range values {
			r.Values = append(r.Values, kept(v))
			r.Unique = append(r.Unique, l.keys[table][columns[i]])
		}
		all = append(all, r)
	}
	must(l.t, found.Err())
	return all
}

func kept(v any) value {
	switch v := v.(type) {
	case []byte:
		return value{Bytes: append([]byte{}, v...)}
	case string:
		return value{Text: &v}
	case int64:
		return value{Number: &v}
	case float64:
		return value{Real: &v}
	case bool:
		n := int64(0)
		if v {
			n = 1
		}
		return value{Number: &n}
	}
	return value{}
}

// plain is the value for the database; another of the same length where a key asks
// for it.
func (v value) plain(fresh bool) any {
	switch {
	case v.Text != nil && fresh:
		text := make([]byte, len(*v.Text))
		copy(text, rand.Text()+rand.Text())
		return string(text)
	case v.Text != nil:
		return *v.Text
	case v.Number != nil && fresh:
		var b [8]byte
		_, _ = rand.Read(b[:])
		return int64(binary.BigEndian.Uint64(b[:]) >> 2)
	case v.Number != nil:
		return *v.Number
	case v.Real != nil:
		return *v.Real
	case v.Bytes != nil && fresh:
		b := make([]byte, len(v.Bytes))
		_, _ = rand.Read(b)
		return b
	case v.Bytes != nil:
		return v.Bytes
	}
	return nil
}

// wal counts the commits in the write-ahead log; another salt says that it began
// anew.
func (l *ledger) wal() (commits int, salt string) {
	data, err := os.ReadFile(l.path + "-wal")
	must(l.t, err)
	if len(data) < 32 {
		return 0, ""
	}
	salt = string(data[16:24])
	size := 24 + int(binary.BigEndian.Uint32(data[8:12]))
	for at := 32; at+size <= len(data) && string(data[at+8:at+16]) == salt; at += size {
		if binary.BigEndian.Uint32(data[at+4:at+8]) != 0 {
			commits++
		}
	}
	return commits, salt
}

// schema are the statements that make the same tables elsewhere.
func (l *ledger) schema() string {
	return strings.Join(l.texts(`SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' AND type IN ('table', 'index')`), ";\n")
}

// around says of an exchange what it wrote.
func (l *ledger) around() func(*exchange) {
	l.came()
	before, salt := l.wal()
	return func(e *exchange) {
		after, now := l.wal()
		n := after - before
		if now != salt {
			n = after
		}
		rows := l.came()
		e.Commits = make([][]row, max(n, min(1, len(rows))))
		for i, r := range rows {
			e.Commits[i%len(e.Commits)] = append(e.Commits[i%len(e.Commits)], r)
		}
	}
}

func encoded(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprint("the floor's plan: ", err))
	}
	return data
}
