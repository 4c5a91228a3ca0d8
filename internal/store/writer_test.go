package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/internal/store"
)

// queue has transactions wait for SQLite's writer, and lets them go at once.
type queue struct {
	t    *testing.T
	db   *store.DB
	busy chan struct{}
	all  sync.WaitGroup
	want int
}

func newQueue(t *testing.T) *queue {
	t.Helper()
	q := &queue{t: t, db: open(t, "sqlite:"+filepath.Join(t.TempDir(), "test.db")), busy: make(chan struct{})}
	began := make(chan struct{})
	q.all.Go(func() {
		_ = store.InTx(q.db, context.Background(), func(context.Context, *sql.Tx) error {
			close(began)
			<-q.busy
			return nil
		})
	})
	<-began
	return q
}

// wait adds one, behind those who wait.
func (q *queue) wait(ctx context.Context, f func(context.Context, *sql.Tx) error, then func(error)) {
	q.t.Helper()
	q.all.Go(func() {
		defer func() {
			if problem := recover(); problem != nil {
				then(fmt.Errorf("panic: %v", problem))
			}
		}()
		then(store.InTx(q.db, ctx, f))
	})
	for q.want++; q.db.Queue() < q.want; {
		time.Sleep(time.Millisecond)
	}
}

func (q *queue) goOn() {
	close(q.busy)
	q.all.Wait()
}

// note writes that a key was used.
func note(key string) func(context.Context, *sql.Tx) error {
	return func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO oauth_once (scope, id, expires) VALUES ('writer', $1, 1)`, key)
		return err
	}
}

func noted(t *testing.T, db *store.DB, key string) (n int) {
	t.Helper()
	must(t, store.InTx(db, t.Context(), func(ctx context.Context, tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM oauth_once WHERE scope = 'writer' AND id = $1`, key).Scan(&n)
	}))
	return n
}

// TestWriterTakesAlong has transactions wait for the writer: one COMMIT makes all
// of them durable, and of those that fail each answers for itself alone.
func TestWriterTakesAlong(t *testing.T) {
	errOwn := errors.New("its own")
	for name, bad := range map[string]struct {
		f       func(context.Context, *sql.Tx) error
		says    string
		singles bool
	}{
		"it makes all durable at once": {nil, "", false},
		"it keeps a refusal from the others, and what led to it from the database": {func(ctx context.Context, tx *sql.Tx) error {
			return errors.Join(note("bad")(ctx, tx), errOwn)
		}, "its own", false},
		"it lets a panic go where it belongs": {func(ctx context.Context, tx *sql.Tx) error {
			_ = note("bad")(ctx, tx)
			panic("its own")
		}, "panic: its own", true},
		"it tells two with one key apart": {note("key 3"), "UNIQUE", true},
	} {
		t.Run(name, func(t *testing.T) {
			q := newQueue(t)
			const n = 6
			var errs [n]error
			var within [n]*sql.Tx
			var says error
			for i := range n {
				f := note(fmt.Sprint("key ", i))
				q.wait(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
					within[i] = tx
					return f(ctx, tx)
				}, func(err error) { errs[i] = err })
				if i == 3 && bad.f != nil {
					q.wait(t.Context(), bad.f, func(err error) { says = err })
				}
			}
			q.goOn()
			failed := says != nil
			for i, err := range errs {
				if err != nil && bad.says == "UNIQUE" && i == 3 && says == nil {
					failed = true
					continue // either may have come first
				}
				if err != nil || noted(t, q.db, fmt.Sprint("key ", i)) != 1 {
					t.Errorf("%d: %v, kept %d times", i, err, noted(t, q.db, fmt.Sprint("key ", i)))
				}
				if (within[i] == within[0]) != (!bad.singles || i == 0) {
					t.Errorf("%d: in one transaction with the first: %t", i, within[i] == within[0])
				}
			}
			if failed != (bad.f != nil) || noted(t, q.db, "bad") != 0 {
				t.Errorf("%v, kept %d times", says, noted(t, q.db, "bad"))
			}
		})
	}
}

// TestWriterGoesOnWithoutRefusals: strangers who ask for what is not there, with codes and
// request_uris of their own making, leave the others in one transaction, however many
// they are, also when one of them leads.
func TestWriterGoesOnWithoutRefusals(t *testing.T) {
	q := newQueue(t)
	const n = 24
	var within [n]*sql.Tx
	var refused [n]error
	for i := range n {
		q.all.Go(func() {
			if i%2 == 0 {
				refused[i] = q.db.OAuth().Redeem(context.Background(), fmt.Sprint(i), oauth.Grant{}, oauth.Tokens{})
				return
			}
			_, refused[i] = q.db.OAuth().TakePushed(context.Background(), fmt.Sprint(i), "client", time.Now())
		})
		for q.want++; q.db.Queue() < q.want; {
			time.Sleep(time.Millisecond)
		}
		f := note(fmt.Sprint("key ", i))
		q.wait(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
			within[i] = tx
			return f(ctx, tx)
		}, func(err error) {
			if err != nil {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	q.goOn()
	for i := range n {
		if within[i] != within[0] || noted(t, q.db, fmt.Sprint("key ", i)) != 1 {
			t.Errorf("%d: alone %t, kept %d times", i, within[i] != within[0], noted(t, q.db, fmt.Sprint("key ", i)))
		}
		if want := []error{oauth.ErrUsed, oauth.ErrGone}[i%2]; !errors.Is(refused[i], want) {
			t.Errorf("%d: %v, want %v", i, refused[i], want)
		}
	}
}

// TestWriterForgetsWhoLeft: who waits may leave, and then nothing was written.
func TestWriterForgetsWhoLeft(t *testing.T) {
	q := newQueue(t)
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error, 1)
	q.wait(ctx, note("left"), func(err error) { left <- err })
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("while the writer is busy: %v", err)
	}
	q.goOn()
	if noted(t, q.db, "left") != 0 {
		t.Error("it was written for nobody")
	}
}

// TestWriterTellsAll: when a COMMIT fails, nobody hears that it is durable.
func TestWriterTellsAll(t *testing.T) {
	q := newQueue(t)
	var errs [3]error
	for i := range errs {
		q.wait(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
			if i == 1 {
				if _, err := tx.ExecContext(ctx, `ROLLBACK`); err != nil {
					return err
				}
			}
			return nil
		}, func(err error) { errs[i] = err })
	}
	q.goOn()
	for i, err := range errs {
		if err == nil {
			t.Errorf("%d heard of no failure", i)
		}
	}
}

// TestWriterKeepsWhoItRuns: whose transaction another runs just now does not leave, for
// it writes to what its caller reads then; it hears what became of it.
func TestWriterKeepsWhoItRuns(t *testing.T) {
	q := newQueue(t)
	const n = 3
	var cancel [n]context.CancelFunc
	var answers [n]chan error
	runs, goOn := make(chan int, n), make(chan struct{})
	for i := range n {
		var ctx context.Context
		ctx, cancel[i] = context.WithCancel(t.Context())
		answers[i] = make(chan error, 1)
		q.wait(ctx, func(ctx context.Context, tx *sql.Tx) error {
			runs <- i
			<-goOn
			return note(fmt.Sprint("key ", i))(ctx, tx)
		}, func(err error) { answers[i] <- err })
	}
	close(q.busy)
	first := <-runs // of who has the writer comes last
	cancel[first]()
	select {
	case err := <-answers[first]:
		t.Errorf("it left: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(goOn)
	q.all.Wait()
	for i := range n {
		cancel[i]()
	}
	if t.Failed() {
		return
	}
	if err := <-answers[first]; err != nil || noted(t, q.db, fmt.Sprint("key ", first)) != 1 {
		t.Errorf("it heard %v, and it is kept %d times", err, noted(t, q.db, fmt.Sprint("key ", first)))
	}
}

// TestWriterGoesOn: a COMMIT that the database refuses leaves nothing behind in the one
// connection that writes, and the next transaction none of it.
func TestWriterGoesOn(t *testing.T) {
	db := open(t, "sqlite:"+filepath.Join(t.TempDir(), "test.db"))
	err := store.InTx(db, t.Context(), func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `PRAGMA defer_foreign_keys = 1`); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO pseudonyms (sector, citizen, sub) VALUES ('writer', 'nobody', 'left')`)
		return errors.Join(err, note("left")(ctx, tx))
	})
	if err == nil {
		t.Fatal("it is durable")
	}
	must(t, store.InTx(db, t.Context(), note("next")))
	if noted(t, db, "left") != 0 || noted(t, db, "next") != 1 {
		t.Errorf("%d and %d", noted(t, db, "left"), noted(t, db, "next"))
	}
}
