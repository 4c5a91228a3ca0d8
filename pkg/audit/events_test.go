package audit_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/govmydata/mydata/pkg/audit"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/tlog"
)

// rows is a database that says what a test wants.
type rows struct {
	stored    []audit.Stored
	pending   [][]byte
	erased    []tlog.Hash
	histories map[consent.GrantID][]consent.Event
	catalogue string
	keys      []audit.Keys
	err       error
}

func (r rows) Stored(_ context.Context, each func(audit.Stored) error) error {
	for _, s := range r.stored {
		if err := each(s); err != nil {
			return err
		}
	}
	return r.err
}

func (r rows) Pending(_ context.Context, each func([]byte) error) error {
	for _, e := range r.pending {
		if err := each(e); err != nil {
			return err
		}
	}
	return nil
}

func (r rows) Erased(_ context.Context, each func(tlog.Hash) error) error {
	for _, h := range r.erased {
		if err := each(h); err != nil {
			return err
		}
	}
	return nil
}

func (r rows) Contradictions(_ context.Context, said []audit.Statement, each func(string) error) error {
	if len(said) != 1 || said[0].Kind != "catalogue" || string(said[0].Body) != r.catalogue {
		return each("the catalogue")
	}
	return nil
}

func (r rows) Passkeys(_ context.Context, each func(audit.Keys) error) error {
	for _, k := range r.keys {
		if err := each(k); err != nil {
			return err
		}
	}
	return nil
}

func (r rows) Histories(_ context.Context, each func(consent.GrantID, []consent.Event) error) error {
	for id, events := range r.histories {
		if err := each(id, events); err != nil {
			return err
		}
	}
	return nil
}

func TestEvents(t *testing.T) {
	requested := consent.Event{
		Grant: "g", Seq: 1, Kind: consent.KindRequested, At: at().UTC(), By: "consumer", Request: consent.DigestOf("jws"),
		Consumer: "c", Provider: "p", Expires: at().Unix() + 60, Evidence: consent.Evidence{Request: "jws"},
	}
	forged := requested
	forged.Evidence.Request = "another"
	used := consent.Event{Grant: "g", Seq: 2, Kind: consent.KindUsed, At: at().UTC(), Use: 1, Commit: "x"}
	for _, tt := range []struct {
		name  string
		alter func(r *rows)
		want  audit.Check
	}{
		{"it takes what agrees", func(*rows) {}, ""},
		{"it takes an event not published yet", func(r *rows) {
			r.stored, r.pending = append(r.stored, audit.Stored{Name: "new", Entry: entryOf(99)}), [][]byte{entryOf(99)}
		}, ""},
		{"it takes a tombstone", func(r *rows) { r.stored, r.erased = r.stored[1:], []tlog.Hash{tlog.LeafHash(entryOf(0))} }, ""},
		{"it finds an altered row", func(r *rows) { r.stored[1].Entry = entryOf(99) }, audit.Event},
		{"it finds a damaged row", func(r *rows) { r.stored[1] = audit.Stored{Name: "x", Err: errors.New("no JSON")} }, audit.Event},
		{"it finds a row added", func(r *rows) { r.stored = append(r.stored, audit.Stored{Name: "more", Entry: entryOf(99)}) }, audit.Event},
		{"it finds a row removed", func(r *rows) { r.stored = r.stored[1:] }, audit.Unexplained},
		{"it finds an illegal history", func(r *rows) { r.histories["g"] = []consent.Event{requested, used} }, audit.Illegal},
		{"it finds a gap in a history", func(r *rows) { r.histories["g"] = []consent.Event{used} }, audit.Illegal},
		{"it finds forged evidence", func(r *rows) { r.histories["g"] = []consent.Event{forged} }, audit.Evidence},
		{"it finds a row that the log contradicts", func(r *rows) { r.catalogue = "2" }, audit.Public},
		{"it says when it cannot read", func(r *rows) { r.err = errors.New("broken") }, audit.Unreadable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			statement, err := tlog.Statement("catalogue", 1)
			if err != nil {
				t.Fatal(err)
			}
			p := newLog(t)
			p.publish(t, 4, func(n int) []byte {
				if n == 3 {
					return statement // explains itself
				}
				return entryOf(n)
			})
			r := rows{catalogue: "1", histories: map[consent.GrantID][]consent.Event{"g": {requested}}}
			for n := range 3 {
				r.stored = append(r.stored, audit.Stored{Name: fmt.Sprint(n), Entry: entryOf(n)})
			}
			tt.alter(&r)
			expect(t, p.audit(t, nil, r), tt.want, "")
		})
	}
}
