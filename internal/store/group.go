package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/signal"
)

const (
	groupUnits = 256              // commits of one transaction, at most
	groupTime  = 10 * time.Second // of one whose callers set no limit
	patience   = time.Millisecond // with those who may come again, at most
)

// unit is a commit as a value: what a group writes of it.
type unit struct {
	id     string
	digest []byte
	events []consent.Event
	leaves [][]byte
	tells  []signal.Signal

	ctx   context.Context //nolint:containedctx // its caller's, who waits on done
	done  chan error
	again bool // its id was there before
}

// errTaken says that one unit of a group cannot be: the others are not to blame.
type errTaken struct {
	unit *unit
	err  error
}

func (e errTaken) Error() string { return e.err.Error() }
func (e errTaken) Unwrap() error { return e.err }

// groups makes commits that come while a transaction is under way durable
// together, in the next one: one COMMIT, and a statement for all rows of a
// table. Each caller hears of its own commit alone.
type groups struct {
	db *DB

	mu      sync.Mutex
	waiting []*unit
	running bool
	around  int // callers when the last group was durable: its own, and who waited; only who runs changes it
}

// commit is durable when it answers nil. When the caller's context ends first,
// the outcome is unknown. Who comes while nobody runs leads: it writes its own
// group itself, which is over sooner than another could begin, and does not leave
// before.
func (g *groups) commit(ctx context.Context, u *unit) error {
	if u.id == "" || len(u.digest) == 0 {
		return errors.New("store commit: no id or no digest")
	}
	for _, entry := range u.leaves {
		if len(entry) == 0 || len(entry) > maxEntry {
			return errEntry
		}
	}
	u.ctx, u.done = ctx, make(chan error, 1)
	g.mu.Lock()
	g.waiting = append(g.waiting, u)
	lead := !g.running
	g.running = true
	g.mu.Unlock()
	if lead {
		g.lead()
	}
	select {
	case err := <-u.done:
		return err
	case <-ctx.Done():
		return marked(ctx.Err())
	}
}

// lead writes one group, and leaves to another goroutine who came meanwhile, or
// may come again.
func (g *groups) lead() {
	began, units := time.Now(), g.next()
	if len(units) == 0 { // its own caller is gone: nobody runs
		return
	}
	defer func() { // also when it panics
		g.mu.Lock()
		g.running = len(g.waiting) > 0 || g.around > 1
		more := g.running
		g.mu.Unlock()
		if more {
			go g.run(time.Since(began))
		}
	}()
	g.write(units)
}

// run works until nobody waits.
func (g *groups) run(took time.Duration) {
	for {
		gather(g.around, took, g.queue)
		units := g.next()
		if len(units) == 0 {
			return
		}
		began := time.Now()
		g.write(units)
		took = time.Since(began)
	}
}

// gather lets those whose transactions were just durable come with their next ones:
// otherwise a few would go ahead in a transaction of their own, and the rest
// wait for it. It waits for as many as there were, no longer than a quarter of
// what their transaction took. Who was alone has nobody to go with.
func gather(around int, took time.Duration, waiting func() int) {
	if around < 2 {
		return
	}
	longest := min(took/4, patience)
	for end := time.Now().Add(longest); waiting() < around && time.Now().Before(end); {
		time.Sleep(longest / 8)
	}
}

// queue is how many wait.
func (g *groups) queue() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.waiting)
}

// next takes those who wait, in order; of two commits on one grant or citizen
// the later one waits, since it may well conflict with the earlier.
func (g *groups) next() []*unit {
	g.mu.Lock()
	defer g.mu.Unlock()
	var taken, left []*unit
	busy := map[string]bool{}
	for i, u := range g.waiting {
		if len(taken) == groupUnits {
			left = append(left, g.waiting[i:]...)
			break
		}
		if u.ctx.Err() != nil { // its caller is gone, and nothing was written
			continue
		}
		keys := u.keys()
		free := !slices.ContainsFunc(keys, func(key string) bool { return busy[key] })
		for _, key := range keys {
			busy[key] = true
		}
		if free {
			taken = append(taken, u)
		} else {
			left = append(left, u)
		}
	}
	g.waiting, g.running = left, len(taken) > 0
	return taken
}

func (u *unit) keys() []string {
	keys := []string{"id " + u.id}
	for _, e := range u.events {
		keys = append(keys, "grant "+string(e.Grant), "citizen "+e.Citizen)
	}
	return keys
}

// write makes a group durable. A unit that cannot be leaves it, and the rest
// begins again; every other failure is everybody's, with the outcome unknown.
func (g *groups) write(units []*unit) {
	ctx, cancel := context.WithDeadline(context.Background(), latest(units))
	defer cancel()
	for len(units) > 0 {
		all, err := rowsOfUnits(units)
		if err == nil {
			err = g.db.atOnce(ctx, all.steps(true))
		}
		if errors.Is(err, errSome) {
			err = g.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error { return writeSome(ctx, tx, units) })
		}
		if taken, ok := errors.AsType[errTaken](err); ok {
			taken.unit.done <- taken.err
			units = slices.DeleteFunc(slices.Clone(units), func(u *unit) bool { return u == taken.unit })
			continue
		}
		if err != nil && len(units) > 1 && !errors.Is(err, ErrUnavailable) {
			for _, u := range units { // one of them holds what the database refuses
				g.write([]*unit{u})
			}
			return
		}
		g.mu.Lock()
		g.around = min(len(g.waiting)+len(units), groupUnits)
		g.mu.Unlock()
		for _, u := range units {
			u.done <- err
		}
		return
	}
}

// latest is when the last caller stops waiting.
func latest(units []*unit) time.Time {
	var last time.Time
	for _, u := range units {
		end, ok := u.ctx.Deadline()
		if !ok {
			end = time.Now().Add(groupTime)
		}
		if end.After(last) {
			last = end
		}
	}
	return last
}

const (
	insertCommits = `INSERT INTO commits (id, digest)`
	insertEvents  = `INSERT INTO consent_events (grant_id, seq, citizen, citizen_seq, event, salt, evidence)`
)

// unitRows are all rows of a group, by table.
type unitRows struct {
	commits, events, set, gone, tells, leaves [][]any
	owners                                    []*unit // of events
}

func rowsOfUnits(units []*unit) (all unitRows, err error) {
	now := time.Now().UnixMilli() // orders the queue, nothing more
	for _, u := range units {
		all.commits = append(all.commits, []any{u.id, u.digest})
		for _, e := range u.events {
			row, err := eventRow(e)
			if err != nil {
				return all, errTaken{u, err}
			}
			all.events, all.owners = append(all.events, row), append(all.owners, u)
		}
		for position, entry := range u.leaves {
			all.leaves = append(all.leaves, []any{u.id, position, now, entry})
		}
		all.tells = append(all.tells, heardRows(u.tells)...)
	}
	all.set, all.gone = dueRows(units)
	return all, nil
}

// steps write the rows. With fresh it is errSome, and nothing is written, when a
// commit or an event is there already; else these are left out.
func (all unitRows) steps(fresh bool) (l steps) {
	if fresh {
		l.add(insertCommits+` VALUES `, plain(2), ` ON CONFLICT DO NOTHING`, all.commits, true)
		l.add(insertEvents+` VALUES `, plain(7), ` ON CONFLICT DO NOTHING`, all.events, true)
	}
	l.add(`INSERT INTO consent_due (grant_id, due) VALUES `, plain(2), ` ON CONFLICT (grant_id) DO UPDATE SET due = excluded.due`, all.set, false)
	l.add(`DELETE FROM consent_due WHERE grant_id IN (VALUES `, plain(1), `)`, all.gone, false)
	l.add(insertHeard, heardCells, whereHeard, all.tells, false)
	l.add(`INSERT INTO log_pending (commit_id, position, added, entry) VALUES `, plain(4), "", all.leaves, false)
	return l
}

// writeSome writes a group of which some row is there already.
func writeSome(ctx context.Context, tx *sql.Tx, units []*unit) error {
	fresh, err := newUnits(ctx, tx, units)
	if err != nil {
		return err
	}
	all, err := rowsOfUnits(fresh)
	if err != nil {
		return err
	}
	kept, err := insertKept(ctx, tx, insertEvents, `grant_id || ' ' || CAST(seq AS TEXT)`, all.events)
	if err != nil {
		return err
	}
	for i, row := range all.events {
		if !kept.has(row[0], " ", row[1]) {
			return errTaken{all.owners[i], consent.ErrConflict} // the transaction is rolled back whole
		}
	}
	return all.steps(false).run(ctx, tx)
}

// newUnits enters commits under their ids and gives those that were not durable
// before.
func newUnits(ctx context.Context, tx *sql.Tx, units []*unit) (fresh []*unit, err error) {
	var rows [][]any
	for _, u := range units {
		rows = append(rows, []any{u.id, u.digest})
	}
	kept, err := insertKept(ctx, tx, insertCommits, `id`, rows)
	if err != nil {
		return nil, fmt.Errorf("store commit: %w", err)
	}
	for _, u := range units {
		if u.again = !kept.has(u.id); !u.again {
			fresh = append(fresh, u)
			continue
		}
		var before []byte
		if err := tx.QueryRowContext(ctx, `SELECT digest FROM commits WHERE id = $1`, u.id).Scan(&before); err != nil {
			return nil, fmt.Errorf("store commit: %w", err)
		}
		if !bytes.Equal(before, u.digest) {
			return nil, errTaken{u, fmt.Errorf("store commit: %w", ErrReused)}
		}
	}
	return fresh, nil
}
