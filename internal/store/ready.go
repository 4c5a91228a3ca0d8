package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

const (
	readyFor = time.Second      // one probe answers everybody who asks meanwhile
	recalled = 10 * time.Second // how long a write that found no room is held against the database
)

// health is what is known of the database without asking it.
type health struct {
	probing chan struct{} // holds one: who has it may probe
	at      time.Time
	err     error

	refused atomic.Pointer[refusedWrite]
}

// refusedWrite is the last write that found no room; a write that succeeds after
// it wipes it out.
type refusedWrite struct {
	at  time.Time
	err error
}

// note learns from every transaction.
func (h *health) note(err error) {
	if err == nil {
		if h.refused.Load() != nil {
			h.refused.Store(nil)
		}
		return
	}
	if o, ok := errors.AsType[*outage](err); ok && (o.reason == isFull) {
		h.refused.Store(&refusedWrite{time.Now(), err})
	}
}

// Ready reports why the database cannot keep what it is given, or nil. It
// writes and deletes a row of its own, at most once a second whoever asks, so
// that a full or read-only database is found before a citizen finds it.
func (db *DB) Ready(ctx context.Context) error {
	select {
	case db.health.probing <- struct{}{}:
		defer func() { <-db.health.probing }()
	case <-ctx.Done():
		return marked(context.DeadlineExceeded)
	}
	if time.Since(db.health.at) > readyFor {
		db.health.err = db.probe(ctx)
		if refused := db.health.refused.Load(); db.health.err == nil && refused != nil && time.Since(refused.at) < recalled {
			db.health.err = refused.err
		}
		db.health.at = time.Now()
	}
	return db.health.err
}

// probe needs a page of its own: a full disk still takes small changes. It is
// not noted: where there is no room for much there may be room for this.
func (db *DB) probe(ctx context.Context) error {
	if err := db.clock(ctx); err != nil {
		return err
	}
	return db.run(ctx, func(ctx context.Context, tx *sql.Tx) error {
		filler := make([]byte, 4<<10)
		rand.Read(filler)
		id := rand.Text()
		if _, err := tx.ExecContext(ctx, `INSERT INTO probes (id, filler) VALUES ($1, $2)`, id, filler); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM probes WHERE id = $1`, id)
		return err
	})
}

// skew is how far our clock may be from that of a database on another machine.
const skew = 30 * time.Second

// wrongClock says that one of two clocks is wrong: what is given out meanwhile
// may live too long or too short.
type wrongClock struct{ by time.Duration }

func (w wrongClock) Error() string { return w.Reason() }
func (w wrongClock) Reason() string {
	return fmt.Sprintf("the clock and the database's differ by %s", w.by.Abs().Round(time.Second))
}

func (db *DB) clock(ctx context.Context) error {
	if db.dialect == sqlite {
		return nil // the same machine, the same clock
	}
	var theirs int64
	err := db.db.QueryRowContext(ctx, `SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS BIGINT)`).Scan(&theirs)
	if err != nil {
		return err
	}
	if by := db.now().Sub(time.Unix(theirs, 0)); by.Abs() > skew {
		return wrongClock{by}
	}
	return nil
}
