package store

import (
	"context"
	"database/sql"
	sqldriver "database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	driver "modernc.org/sqlite"
)

// aboard is how many go into one transaction at most.
const aboard = 64

// errAlone says that a transaction of several failed, and nothing was written.
var errAlone = errors.New("store: one of several failed")

// writer is SQLite's, which writes one transaction at a time. Who has it takes
// along those who wait for it: they run one after the other, as they would have,
// and one COMMIT makes all of them durable. Who refuses goes alone, and the others
// begin again without it; when the database fails one, each goes alone. What is then
// answered is its own.
type writer struct {
	db  *DB
	has chan struct{} // holds one: who put it there has the writer

	around int           // callers when the last transaction was durable: its own, and who waited
	took   time.Duration // the last one

	mu      sync.Mutex
	waiting []*writing
}

// writing is a transaction that waits for the writer.
type writing struct {
	ctx   context.Context //nolint:containedctx // its caller's, who waits on done
	f     func(context.Context, *sql.Tx) error
	apart bool // it refused among others
	alone bool
	done  chan error
}

// write runs f in a transaction. While it waits its caller may leave.
func (w *writer) write(ctx context.Context, o *sql.TxOptions, f func(context.Context, *sql.Tx) error) error {
	one := &writing{ctx: ctx, f: f, done: make(chan error, 1)}
	w.mu.Lock()
	w.waiting = append(w.waiting, one)
	w.mu.Unlock()
	var err error
	select {
	case err = <-one.done:
	case w.has <- struct{}{}:
		err = w.lead(o, one)
	case <-ctx.Done():
		if w.leave(one) {
			return ctx.Err()
		}
		err = <-one.done
	}
	if !errors.Is(err, errAlone) {
		return err
	}
	one.alone = true
	select {
	case w.has <- struct{}{}:
		return w.lead(o, one)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// leave says whether a transaction still waited; it does no longer.
func (w *writer) leave(one *writing) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := slices.Index(w.waiting, one)
	if at >= 0 {
		w.waiting = slices.Delete(w.waiting, at, at+1)
	}
	return at >= 0
}

// take answers who goes along: those who wait longest.
func (w *writer) take() (others []*writing) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := min(len(w.waiting), aboard-1)
	others, w.waiting = w.waiting[:n:n], w.waiting[n:]
	return others
}

// lead writes for one, who has the writer, and for others; or one was taken along.
func (w *writer) lead(o *sql.TxOptions, one *writing) error {
	defer func() { <-w.has }()
	if !w.leave(one) && !one.alone {
		return <-one.done
	}
	var others []*writing
	if !one.alone {
		gather(w.around, w.took, func() int { return 1 + w.queue() })
		others = w.take()
	}
	began, err := time.Now(), error(nil)
	if len(others) == 0 {
		err = w.transaction(o, func(tx *sql.Tx) error { return w.run(tx, one) })
	} else {
		err = w.together(o, append(others, one))
	}
	w.took, w.around = time.Since(began), 1+len(others)+w.queue()
	for _, other := range others {
		other.done <- other.heard(err)
	}
	return one.heard(err)
}

// heard is what one hears of a transaction of several that became so.
func (one *writing) heard(err error) error {
	if one.apart {
		one.apart = false
		return errAlone
	}
	return err
}

// queue is how many wait.
func (w *writer) queue() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.waiting)
}

// together writes for several, without those who refuse when all are tried; it is
// errAlone when of the others one does not succeed.
func (w *writer) together(o *sql.TxOptions, all []*writing) error {
	err := w.transaction(o, func(tx *sql.Tx) error { return w.each(tx, all) })
	ready := slices.DeleteFunc(slices.Clone(all), func(one *writing) bool { return one.apart })
	if len(ready) == len(all) || len(ready) == 0 {
		return err
	}
	return w.transaction(o, func(tx *sql.Tx) error { return w.each(tx, ready) })
}

// each runs all, and is errAlone when one of them does not succeed.
func (w *writer) each(tx *sql.Tx, all []*writing) (err error) {
	defer func() {
		if recover() != nil { // it panics again where it belongs
			err = errAlone
		}
	}()
	for _, one := range all {
		switch problem := w.run(tx, one); {
		case problem == nil:
		case refusal(problem):
			one.apart, err = true, errAlone
		default:
			return errAlone
		}
	}
	return err
}

// refusal says that a transaction refused by what it read. After an error of the
// database nothing more may run: SQLite may have rolled back by itself, and would keep
// each statement that follows.
func refusal(err error) bool {
	_, lite := errors.AsType[*driver.Error](err)
	return !lite && !errors.Is(err, sql.ErrTxDone) && !errors.Is(err, sql.ErrConnDone) && !errors.Is(err, sqldriver.ErrBadConn)
}

// run keeps the statements of a file from being watched, see pool.
func (w *writer) run(tx *sql.Tx, one *writing) error {
	ctx, err := w.db.db.unwatched(one.ctx)
	if err != nil {
		return err
	}
	return one.f(ctx, tx)
}

// transaction begins at once or is SQLITE_BUSY: that another program writes is
// waited for by run, whose caller may leave.
func (w *writer) transaction(o *sql.TxOptions, f func(tx *sql.Tx) error) error {
	tx, err := w.db.db.BeginTx(context.Background(), o)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback() // after COMMIT it does nothing
	if err := f(tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}
