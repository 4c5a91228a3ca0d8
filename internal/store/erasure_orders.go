package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/govmydata/mydata/internal/erasure"
	"github.com/govmydata/mydata/internal/trail"
	"github.com/govmydata/mydata/pkg/tlog"
)

// statements read at once, and what is shorter than any: a salted leaf.
const (
	ordersAtOnce = 1000
	saltedLeaf   = 33
)

// Ordered implements erasure.Store.
func (s *Erasures) Ordered(ctx context.Context) (names []string, err error) {
	seen := map[string]bool{}
	for from := int64(0); ; {
		read := 0
		rows, err := s.db.db.QueryContext(ctx, `SELECT leaf_index, entry FROM log_leaves
			WHERE leaf_index >= $1 AND LENGTH(entry) > $2 ORDER BY leaf_index LIMIT $3`, from, saltedLeaf, ordersAtOnce)
		if err != nil {
			return nil, fmt.Errorf("store erasure: %w", err)
		}
		for rows.Next() {
			var entry []byte
			if err := rows.Scan(&from, &entry); err != nil {
				return nil, errors.Join(fmt.Errorf("store erasure: %w", err), rows.Close())
			}
			read++
			if name := carriedOut(entry); name != "" && !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return nil, fmt.Errorf("store erasure: %w", err)
		}
		if read < ordersAtOnce {
			return names, nil
		}
		from++
	}
}

// carriedOut is the order of which a leaf says that it was carried out, or "".
func carriedOut(entry []byte) string {
	kind, body, err := tlog.ParseStatement(entry)
	if err != nil || kind != trail.Kind {
		return ""
	}
	var act struct {
		What    string       `json:"what"`
		Step    string       `json:"step"`
		Outcome string       `json:"outcome"`
		Target  trail.Target `json:"target"`
	}
	if json.Unmarshal(body, &act) != nil || act.What != "erase" || act.Step != trail.Ended || act.Outcome != trail.Done || act.Target.Kind != trail.Erasure {
		return ""
	}
	return act.Target.ID
}

// Settle implements erasure.Store.
func (s *Erasures) Settle(ctx context.Context, id string, digest [32]byte) error {
	err := s.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := newCommit(ctx, tx, id, digest[:])
		return err
	})
	if err != nil {
		return fmt.Errorf("store erasure: %w", err)
	}
	return nil
}

var _ erasure.Store = (*Erasures)(nil)
