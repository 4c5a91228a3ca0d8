package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/tlog"
)

// Stored is an event as the service keeps it, and the entry that the log must
// hold for it, recomputed from what is kept.
type Stored struct {
	Name  string // table and key
	Entry []byte
	Err   error     // the entry cannot be recomputed: the row is damaged
	Due   time.Time // by when the hub promised that the entry is published; zero: it promised nothing
}

// Keys are the passkeys of one citizen: what happened, and with which keys the
// service lets somebody log in now.
type Keys struct {
	Name    string // table and key
	History []approval.KeyRecord
	Living  []jose.JSONWebKey
	Err     error // a row is damaged
}

// Statement is an entry that says something to everybody.
type Statement struct {
	Kind string
	Body json.RawMessage
}

// hear collects an entry that is a statement; of a status list the highest
// version, which is what counts.
func (a *Audit) hear(entry []byte) bool {
	kind, body, err := tlog.ParseStatement(entry)
	if err != nil {
		return false
	}
	var list struct {
		URI     string `json:"uri"`
		Version int64  `json:"version"`
	}
	if kind != credential.StatementStatusList || json.Unmarshal(body, &list) != nil {
		a.said = append(a.said, Statement{kind, body})
		return true
	}
	if newest, known := a.lists[list.URI]; !known || list.Version > newest.version {
		a.lists[list.URI] = listed{list.Version, Statement{kind, body}}
	}
	return true
}

// listed is the newest statement on a status list.
type listed struct {
	version int64
	Statement
}

// Events reads the service's database. A function that is given one by one and
// answers an error ends the reading with it.
type Events interface {
	// Stored gives every event that has a leaf, of every domain.
	Stored(ctx context.Context, each func(Stored) error) error
	// Pending gives entries that are durable and not in a published checkpoint
	// yet, in the order in which they will be there.
	Pending(ctx context.Context, each func(entry []byte) error) error
	// Erased gives the leaves whose events were erased: tombstones.
	Erased(ctx context.Context, each func(leaf tlog.Hash) error) error
	// Lost gives the leaves that came back from a copy of the log without their
	// events, after the database was set back: they are counted, as tombstones are.
	Lost(ctx context.Context, each func(leaf tlog.Hash) error) error
	// Contradictions names the rows that are not what the log says of them to
	// everybody: said are all its statements, in order.
	Contradictions(ctx context.Context, said []Statement, each func(row string) error) error
	// Passkeys gives each citizen's history of passkeys.
	Passkeys(ctx context.Context, each func(Keys) error) error
	// Histories gives the events of each grant, in order of Seq.
	Histories(ctx context.Context, each func(id consent.GrantID, events []consent.Event) error) error
}

// shown bounds how many findings of one kind are listed.
const shown = 20

func (a *Audit) events(ctx context.Context) error {
	err := a.Events.Pending(ctx, func(entry []byte) error {
		a.hear(entry)
		return a.leaves.add(isPending, tlog.LeafHash(entry), row{})
	})
	if err != nil {
		a.report.find(Unreadable, "pending leaves: %v", err)
		return nil
	}
	findings := len(a.report.Findings)
	if err := a.stored(ctx); err != nil {
		a.report.find(Unreadable, "%v", err)
		return nil
	}
	if err := a.explain(); err != nil {
		return err
	}
	if len(a.report.Findings) == findings {
		a.report.pass("every event has its leaf, every leaf its event")
	}
	a.contradictions(ctx)
	a.histories(ctx)
	if len(a.Officers) > 0 {
		a.passkeys(ctx)
	}
	return nil
}

// contradictions compares what is said to everybody with the rows.
func (a *Audit) contradictions(ctx context.Context) {
	found := 0
	all := a.said
	for _, uri := range slices.Sorted(maps.Keys(a.lists)) {
		all = append(all, a.lists[uri].Statement)
	}
	err := a.Events.Contradictions(ctx, all, func(row string) error {
		if found++; found <= shown {
			a.report.find(Public, "%s is not what the log says of it", row)
		}
		return nil
	})
	switch {
	case err != nil:
		a.report.find(Unreadable, "public statements: %v", err)
	case found == 0:
		a.report.pass("every public statement is true of its row")
	}
}

// stored reads the database's events and tombstones into the buckets.
func (a *Audit) stored(ctx context.Context) error {
	damaged := 0
	err := a.Events.Stored(ctx, func(s Stored) error {
		a.report.Events++
		if s.Err != nil {
			if damaged++; damaged <= shown {
				a.report.find(Event, "%s: %v", s.Name, s.Err)
			}
			return nil
		}
		return a.leaves.add(isEvent, tlog.LeafHash(s.Entry), row{s.Name, s.Due})
	})
	if err != nil {
		return fmt.Errorf("events: %w", err)
	}
	err = a.Events.Erased(ctx, func(leaf tlog.Hash) error { return a.leaves.add(isErased, leaf, row{}) })
	if err != nil {
		return fmt.Errorf("tombstones: %w", err)
	}
	err = a.Events.Lost(ctx, func(leaf tlog.Hash) error { return a.leaves.add(isLost, leaf, row{}) })
	if err != nil {
		return fmt.Errorf("leaves without events: %w", err)
	}
	return nil
}

// explain looks for each event's leaf, and for leaves that no event and no
// tombstone explains.
func (a *Audit) explain() error {
	e := &explaining{Audit: a, at: a.clock()}
	if err := a.leaves.join(e); err != nil {
		return err
	}
	if e.missing > shown {
		a.report.find(Event, "and %d more", e.missing-shown)
	}
	if e.loose > 0 {
		a.report.find(Unexplained, "%d leaves have no event and no tombstone, for example %s", e.loose, e.example)
	}
	if e.broken == 0 {
		a.report.pass("no promise of what the database holds is broken now")
	}
	return nil
}

// explaining counts what the buckets tell.
type explaining struct {
	*Audit
	at                     time.Time
	missing, loose, broken int
	example                string
}

func (e *explaining) stored(r row, placed, pending bool) {
	switch {
	case placed:
	case pending:
		e.report.Pending++
		if !r.due.IsZero() && e.at.After(r.due) {
			if e.broken++; e.broken <= shown {
				e.report.find(Promise, "%s was promised by %s and is not published", r.name, r.due.Format(time.RFC3339))
			}
		}
	default:
		if e.missing++; e.missing <= shown {
			e.report.find(Event, "%s is not what the log holds for it", r.name)
		}
	}
}

func (e *explaining) erased() { e.report.Erased++ }

func (e *explaining) lost() { e.report.Lost++ }

func (e *explaining) unexplained(leaf tlog.Hash) {
	e.loose++
	e.example = max(e.example, leaf.String())
}
