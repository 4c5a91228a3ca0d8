package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// bulkRows is how many rows one statement takes at most.
const bulkRows = 128

// rowsOf says how many of n rows the next statement takes: all up to 15, of more
// a multiple of eight. So 31 take two statements, and there are few texts for
// the database to prepare.
func rowsOf(n int) int {
	if n = min(n, bulkRows); n < 16 {
		return n
	}
	return n - n%8
}

var bulkTexts sync.Map // [2]any{rows, cells} -> "($1, $2), ($3, $4)"

// placeholders of so many rows; a cell is of C columns, %d standing for the
// number of each: "$%d, CAST($%d AS BIGINT)".
func placeholders(rows int, cells string) string {
	key := [2]any{rows, cells}
	if text, ok := bulkTexts.Load(key); ok {
		return text.(string)
	}
	columns := strings.Count(cells, "%d")
	var b strings.Builder
	for row := range rows {
		numbers := make([]any, columns)
		for i := range numbers {
			numbers[i] = row*columns + i + 1
		}
		if row > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "("+cells+")", numbers...)
	}
	bulkTexts.Store(key, b.String())
	return b.String()
}

// plain are cells whose types the statement tells.
func plain(columns int) string { return strings.TrimSuffix(strings.Repeat("$%d, ", columns), ", ") }

// pieces cuts rows into statements: the text of their values, and these.
func pieces(cells string, rows [][]any, do func(values string, args []any) error) error {
	for len(rows) > 0 {
		n := rowsOf(len(rows))
		args := make([]any, 0, n*len(rows[0]))
		for _, row := range rows[:n] {
			args = append(args, row...)
		}
		if err := do(placeholders(n, cells), args); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// bulk runs a statement over all rows and counts those that it changed.
func bulk(ctx context.Context, tx *sql.Tx, before, cells, after string, rows [][]any) (changed int64, err error) {
	err = pieces(cells, rows, func(values string, args []any) error {
		result, err := tx.ExecContext(ctx, before+values+after, args...)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		changed += n
		return err
	})
	return changed, err
}

// keptRows are rows by name.
type keptRows map[string]bool

func (k keptRows) has(name ...any) bool { return k[fmt.Sprint(name...)] }

// insertKept inserts rows where there is no conflict, and gives the names of
// those it did.
func insertKept(ctx context.Context, tx *sql.Tx, insert, name string, rows [][]any) (keptRows, error) {
	kept := make(keptRows, len(rows))
	if len(rows) == 0 {
		return kept, nil
	}
	err := pieces(plain(len(rows[0])), rows, func(values string, args []any) (err error) {
		found, err := tx.QueryContext(ctx, insert+" VALUES "+values+" ON CONFLICT DO NOTHING RETURNING "+name, args...)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, found.Close()) }()
		for found.Next() {
			var id string
			if err := found.Scan(&id); err != nil {
				return err
			}
			kept[id] = true
		}
		return found.Err()
	})
	return kept, err
}
