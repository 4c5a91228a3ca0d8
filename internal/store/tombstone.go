package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/govmydata/mydata/pkg/consent"
)

// tombstones keeps, in the transaction that erases a grant, the leaves of the
// events that it is about to delete.
func tombstones(ctx context.Context, tx *sql.Tx, grant consent.GrantID) error {
	rows, err := tx.QueryContext(ctx, `SELECT event, salt FROM consent_events WHERE grant_id = $1`, string(grant))
	if err != nil {
		return err
	}
	defer rows.Close()
	var entries [][]byte
	for rows.Next() {
		var text, salt []byte
		if err := rows.Scan(&text, &salt); err != nil {
			return err
		}
		_, digest, err := decoded[consent.Event](text)
		one, err := entry(consent.LeafDomain, salt, digest, err)
		if err != nil {
			return err
		}
		entries = append(entries, one)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	return eraseLeaves(ctx, tx, entries)
}
