package store_test

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/erasure"
	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/internal/trail"
	"github.com/govmydata/mydata/pkg/consent/approval"
)

// Whom the log says was erased, and whom a database that was set back has again.
//
//clause:consent a restored database says which erasures it has forgotten
func TestErasuresOfTheLog(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		names := []string{approval.Erasure.Name(approval.Case{Orders: []string{"h.a.s"}}), approval.Erasure.Name(approval.Case{Orders: []string{"h.b.s"}}), approval.Erasure.Name(approval.Case{Orders: []string{"h.c.s"}})}
		office := &erasure.Office{Store: db.Erasures()}
		missing := func(want ...string) {
			t.Helper()
			got, err := office.Missing(ctx)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%v, %v; want %v", got, err, want)
			}
		}
		missing()
		acts := []trail.Entry{
			{What: "erase", Step: trail.Ended, Outcome: trail.Done, Target: trail.Target{Kind: trail.Erasure, ID: names[0]}},
			{What: "erase", Step: trail.Begun, Target: trail.Target{Kind: trail.Erasure, ID: names[1]}},
			{What: "erase", Step: trail.Ended, Outcome: "held", Target: trail.Target{Kind: trail.Erasure, ID: names[1]}},
			{What: "catalogue", Step: trail.Ended, Outcome: trail.Done, Target: trail.Target{Kind: trail.Catalogue, ID: names[1]}},
			{What: "settle", Step: trail.Ended, Outcome: trail.Done, Target: trail.Target{Kind: trail.Erasure, ID: names[1]}},
			{What: "erase", Step: trail.Ended, Outcome: trail.Done, Target: trail.Target{Kind: trail.Erasure, ID: names[2]}},
			{What: "erase", Step: trail.Ended, Outcome: trail.Done, Target: trail.Target{Kind: trail.Erasure, ID: names[0]}}, // given again
		}
		must(t, store.InTx(db, ctx, func(ctx context.Context, tx *sql.Tx) error {
			for i, e := range acts {
				e.Act, e.At = "act", time.Unix(int64(i), 0)
				statement, err := e.Statement()
				if err != nil {
					return err
				}
				for j, entry := range [][]byte{statement, make([]byte, 33)} {
					if _, err := tx.ExecContext(ctx, `INSERT INTO log_leaves (leaf_index, leaf_hash, commit_id, position, entry) VALUES ($1, $2, $3, 0, $4)`,
						2*i+j, []byte{byte(i), byte(j)}, string(rune('a'+2*i+j)), entry); err != nil {
						return err
					}
				}
			}
			return nil
		}))
		missing(names[0], names[2])
		for _, c := range []struct{ order, by string }{{names[0], names[1]}, {names[1], names[1]}, {"x", names[0]}, {names[0], ""}} {
			if err := office.Settle(ctx, c.order, c.by); !errors.Is(err, erasure.ErrNotMissing) {
				t.Errorf("settled by what did not happen: %v", err)
			}
		}
		must(t, db.Erasures().Settle(ctx, "erasure/"+names[1], [32]byte{1})) // as ErasePerson's commit would
		must(t, office.Settle(ctx, names[0], names[1]))
		missing(names[2])
		if err := office.Settle(ctx, names[0], names[1]); !errors.Is(err, erasure.ErrNotMissing) {
			t.Errorf("settled twice: %v", err)
		}
	})
}

// halting loses a settlement, or keeps it and calls it lost.
type halting struct {
	erasure.Store
	kept, broken bool
}

var errHalt = errors.New("the connection broke")

func (h *halting) Settle(ctx context.Context, id string, digest [32]byte) error {
	if h.broken {
		return h.Store.Settle(ctx, id, digest)
	}
	if h.broken = true; h.kept {
		_ = h.Store.Settle(ctx, id, digest)
	}
	return errHalt
}

//clause:consent a restored database says which erasures it has forgotten
func TestSettlementBreaks(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		for n, kept := range []bool{false, true} {
			order, by := approval.Case{Orders: []string{"h." + string(rune('a'+n)) + ".s"}}, approval.Case{Orders: []string{"h.z.s"}}
			must(t, db.Erasures().Settle(ctx, "erasure/"+approval.Erasure.Name(by), approval.Erasure.Digest(by)))
			must(t, store.InTx(db, ctx, func(ctx context.Context, tx *sql.Tx) error {
				e := trail.Entry{Act: "act", What: "erase", Step: trail.Ended, Outcome: trail.Done, Target: trail.Target{Kind: trail.Erasure, ID: approval.Erasure.Name(order)}}
				statement, err := e.Statement()
				if err == nil {
					_, err = tx.ExecContext(ctx, `INSERT INTO log_leaves (leaf_index, leaf_hash, commit_id, position, entry) VALUES ($1, $2, $3, 0, $4)`,
						n, []byte{byte(n)}, string(rune('a'+n)), statement)
				}
				return err
			}))
			office := &erasure.Office{Store: &halting{Store: db.Erasures(), kept: kept}}
			if err := office.Settle(ctx, approval.Erasure.Name(order), approval.Erasure.Name(by)); !errors.Is(err, errHalt) {
				t.Errorf("acknowledged although it broke: %v", err)
			}
			if err := office.Settle(ctx, approval.Erasure.Name(order), approval.Erasure.Name(by)); err != nil && !(kept && errors.Is(err, erasure.ErrNotMissing)) {
				t.Errorf("once more: %v", err)
			}
			if missing, err := office.Missing(ctx); err != nil || len(missing) != 0 {
				t.Errorf("%v, %v", missing, err)
			}
		}
	})
}
