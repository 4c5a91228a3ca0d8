package audit

import (
	"context"
	"encoding/json"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/tlog"
)

// Stored is an event as the service keeps it, and the entry that the log must
// hold for it, recomputed from what is kept.
type Stored struct {
	Name  string // table and key
	Entry []byte
	Err   error // the entry cannot be recomputed: the row is damaged
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

// hear collects an entry that is a statement.
func (a *Audit) hear(entry []byte) bool {
	kind, body, err := tlog.ParseStatement(entry)
	if err == nil {
		a.said = append(a.said, Statement{kind, body})
	}
	return err == nil
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

func (a *Audit) events(ctx context.Context) {
	pending := map[tlog.Hash]bool{}
	err := a.Events.Pending(ctx, func(entry []byte) error {
		pending[tlog.LeafHash(entry)] = true
		a.hear(entry)
		return nil
	})
	if err != nil {
		a.report.find(Unreadable, "pending leaves: %v", err)
		return
	}
	findings := len(a.report.Findings)
	if !a.stored(ctx, pending) || !a.explain(ctx) {
		return
	}
	if len(a.report.Findings) == findings {
		a.report.pass("every event has its leaf, every leaf its event")
	}
	a.contradictions(ctx)
	a.histories(ctx)
	if len(a.Officers) > 0 {
		a.passkeys(ctx)
	}
}

// contradictions compares what is said to everybody with the rows.
func (a *Audit) contradictions(ctx context.Context) {
	found := 0
	err := a.Events.Contradictions(ctx, a.said, func(row string) error {
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

// stored looks for each event's leaf.
func (a *Audit) stored(ctx context.Context, pending map[tlog.Hash]bool) bool {
	missing := 0
	err := a.Events.Stored(ctx, func(s Stored) error {
		a.report.Events++
		leaf := tlog.LeafHash(s.Entry)
		_, placed := a.leaves[leaf]
		switch {
		case s.Err != nil:
			a.missing(&missing, "%s: %v", s.Name, s.Err)
		case placed:
			a.leaves[leaf] = true
		case pending[leaf]:
			a.report.Pending++
		default:
			a.missing(&missing, "%s is not what the log holds for it", s.Name)
		}
		return nil
	})
	if err != nil {
		a.report.find(Unreadable, "events: %v", err)
	}
	return err == nil
}

func (a *Audit) missing(n *int, format string, args ...any) {
	if *n++; *n <= shown {
		a.report.find(Event, format, args...)
	}
}

// explain looks for leaves that no event and no tombstone explains.
func (a *Audit) explain(ctx context.Context) bool {
	err := a.Events.Erased(ctx, func(leaf tlog.Hash) error {
		if explained, placed := a.leaves[leaf]; placed && !explained {
			a.leaves[leaf] = true
			a.report.Erased++
		}
		return nil
	})
	if err != nil {
		a.report.find(Unreadable, "tombstones: %v", err)
		return false
	}
	unexplained, example := 0, ""
	for leaf, explained := range a.leaves {
		if !explained {
			unexplained++
			example = max(example, leaf.String())
		}
	}
	if unexplained > 0 {
		a.report.find(Unexplained, "%d leaves have no event and no tombstone, for example %s", unexplained, example)
	}
	return true
}
