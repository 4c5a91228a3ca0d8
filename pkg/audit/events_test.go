package audit_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/audit"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/tlog"
)

// rows is a database that says what a test wants.
type rows struct {
	stored    []audit.Stored
	pending   [][]byte
	erased    []tlog.Hash
	lost      []tlog.Hash
	histories map[consent.GrantID][]consent.Event
	catalogue string
	keys      []audit.Keys
	fails     string // the function that answers an error at its end
}

var errAway = errors.New("the database is away")

func (r rows) end(of string) error {
	if r.fails == of {
		return errAway
	}
	return nil
}

func (r rows) Stored(_ context.Context, each func(audit.Stored) error) error {
	for _, s := range r.stored {
		if err := each(s); err != nil {
			return err
		}
	}
	return r.end("stored")
}

func (r rows) Pending(_ context.Context, each func([]byte) error) error {
	for _, e := range r.pending {
		if err := each(e); err != nil {
			return err
		}
	}
	return r.end("pending")
}

func (r rows) Erased(_ context.Context, each func(tlog.Hash) error) error {
	for _, h := range r.erased {
		if err := each(h); err != nil {
			return err
		}
	}
	return r.end("erased")
}

func (r rows) Lost(_ context.Context, each func(tlog.Hash) error) error {
	for _, h := range r.lost {
		if err := each(h); err != nil {
			return err
		}
	}
	return r.end("lost")
}

func (r rows) Contradictions(_ context.Context, said []audit.Statement, each func(string) error) error {
	if r.catalogue != "" && (len(said) != 1 || said[0].Kind != "catalogue" || string(said[0].Body) != r.catalogue) {
		return each("the catalogue")
	}
	return r.end("contradictions")
}

func (r rows) Passkeys(_ context.Context, each func(audit.Keys) error) error {
	for _, k := range r.keys {
		if err := each(k); err != nil {
			return err
		}
	}
	return r.end("passkeys")
}

func (r rows) Histories(_ context.Context, each func(consent.GrantID, []consent.Event) error) error {
	for id, events := range r.histories {
		if err := each(id, events); err != nil {
			return err
		}
	}
	return r.end("histories")
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
		name   string
		alter  func(r *rows)
		want   audit.Check
		passed int // of seven; each check that finds something passes nothing
	}{
		{"it takes what agrees", func(*rows) {}, "", 7},
		{"it takes an event not published yet", func(r *rows) {
			r.stored, r.pending = append(r.stored, audit.Stored{Name: "new", Entry: entryOf(99)}), [][]byte{entryOf(99)}
		}, "", 7},
		{"it takes a tombstone", func(r *rows) { r.stored, r.erased = r.stored[1:], []tlog.Hash{tlog.LeafHash(entryOf(0))} }, "", 7},
		{"it finds an altered row", func(r *rows) { r.stored[1].Entry = entryOf(99) }, audit.Event, 6},
		{"it finds a damaged row", func(r *rows) { r.stored[1] = audit.Stored{Name: "x", Err: errors.New("no JSON")} }, audit.Event, 6},
		{"it finds a row added", func(r *rows) { r.stored = append(r.stored, audit.Stored{Name: "more", Entry: entryOf(99)}) }, audit.Event, 6},
		{"it finds a row removed", func(r *rows) { r.stored = r.stored[1:] }, audit.Unexplained, 6},
		{"it finds an illegal history", func(r *rows) { r.histories["g"] = []consent.Event{requested, used} }, audit.Illegal, 6},
		{"it finds a gap in a history", func(r *rows) { r.histories["g"] = []consent.Event{used} }, audit.Illegal, 6},
		{"it finds forged evidence", func(r *rows) { r.histories["g"] = []consent.Event{forged} }, audit.Evidence, 6},
		{"it finds a row that the log contradicts", func(r *rows) { r.catalogue = "2" }, audit.Public, 6},
		{"it says when it cannot read events", func(r *rows) { r.fails = "stored" }, audit.Unreadable, 3},
		{"it says when it cannot read what waits", func(r *rows) { r.fails = "pending" }, audit.Unreadable, 3},
		{"it says when it cannot read tombstones", func(r *rows) { r.fails = "erased" }, audit.Unreadable, 3},
		{"it says when it cannot read what was lost", func(r *rows) { r.fails = "lost" }, audit.Unreadable, 3},
		{"it says when it cannot read what is public", func(r *rows) { r.fails = "contradictions" }, audit.Unreadable, 6},
		{"it says when it cannot read histories", func(r *rows) { r.fails = "histories" }, audit.Unreadable, 6},
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
			report := p.audit(t, nil, r)
			expect(t, report, tt.want, "")
			if tt.want != "" && tt.want != audit.Event && len(report.Findings) != 1 || len(report.Passed) != tt.passed || slices.ContainsFunc(report.Passed, approvals) {
				t.Errorf("%+v", report)
			}
		})
	}
}

// approvals says that signatures of citizens were checked.
func approvals(passed string) bool { return strings.Contains(passed, "approval signed") }

// TestSignatures judges a real grant by a real passkey, and what a hub could
// put in its place.
func TestSignatures(t *testing.T) {
	for _, tt := range []struct {
		name  string
		alter func(t *testing.T, r *rows, foreign approvalOf)
		want  audit.Check
	}{
		{"it takes what the citizen signed", func(*testing.T, *rows, approvalOf) {}, ""},
		{"it finds terms that the citizen did not sign", func(t *testing.T, r *rows, _ approvalOf) {
			alterGrant(t, r, func(e *consent.Event) { e.Evidence.Terms.MaxUses++ })
		}, audit.Approval},
		{"it finds a grant without its terms", func(_ *testing.T, r *rows, _ approvalOf) { grantOf(*r).Evidence.Terms = nil }, audit.Evidence},
		{"it finds a grant without its approval", func(_ *testing.T, r *rows, _ approvalOf) { grantOf(*r).Evidence.Approval = nil }, audit.Evidence},
		{"it finds an approval by a key of the hub's own", func(t *testing.T, r *rows, foreign approvalOf) {
			alterGrant(t, r, func(e *consent.Event) { e.Evidence.Approval = &foreign })
		}, audit.Approval},
		{"it finds a passkey that nobody added", func(_ *testing.T, r *rows, foreign approvalOf) {
			r.keys[0].Living = append(r.keys[0].Living, *foreign.History[0].Event.Key)
		}, audit.Passkeys},
		{"it finds a passkey in another's place", func(_ *testing.T, r *rows, foreign approvalOf) {
			r.keys[0].Living[0] = *foreign.History[0].Event.Key
		}, audit.Passkeys},
		{"it finds a passkey that was taken away", func(_ *testing.T, r *rows, _ approvalOf) { r.keys[0].Living = nil }, audit.Passkeys},
		{"it finds a history that the officers did not begin", func(_ *testing.T, r *rows, foreign approvalOf) {
			r.keys[0].History = foreign.History
		}, audit.Passkeys},
		{"it says when it cannot read passkeys", func(_ *testing.T, r *rows, _ approvalOf) { r.fails = "passkeys" }, audit.Unreadable},
		{"it finds a damaged passkey", func(_ *testing.T, r *rows, _ approvalOf) { r.keys[0].Err = errors.New("no JSON") }, audit.Passkeys},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, elsewhere := consenttest.New(), consenttest.New()
			r := lived(t, w)
			tt.alter(t, &r, *grantOf(lived(t, elsewhere)).Evidence.Approval)
			p := newLog(t)
			p.publish(t, 0, nil)
			a := audit.Audit{Log: audit.Dir{FS: os.DirFS(p.folder)}, Policy: p.policy, Events: r, RP: w.Trust.RP, Officers: w.Trust.Officers}
			report, err := a.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			expect(t, report, tt.want, "")
			passed := 7 // of eight
			if tt.want == "" {
				passed++
			}
			if wrong := tt.want == audit.Approval || tt.want == audit.Evidence; len(report.Passed) != passed || slices.ContainsFunc(report.Passed, approvals) == wrong {
				t.Errorf("%+v", report)
			}
		})
	}
}

// TestNoOfficers says nothing of signatures that nobody gave the keys for.
func TestNoOfficers(t *testing.T) {
	r := lived(t, consenttest.New())
	r.keys[0].Living = nil
	p := newLog(t)
	p.publish(t, 0, nil)
	report := p.audit(t, nil, r)
	expect(t, report, "", "")
	if slices.ContainsFunc(report.Passed, approvals) || len(report.Passed) != 7 {
		t.Errorf("%+v", report)
	}
}

type approvalOf = consent.Approval

// lived is one citizen's grant and passkeys, in a log that is not looked at.
func lived(t *testing.T, w *consenttest.World) rows {
	t.Helper()
	passkey := w.People.Enrol("ada")
	record := w.Granted(t.Context(), "ada", passkey)
	_, events, err := w.Store.History(t.Context(), record.Grant)
	if err != nil {
		t.Fatal(err)
	}
	history, err := w.People.History(t.Context(), "ada")
	if err != nil {
		t.Fatal(err)
	}
	return rows{
		histories: map[consent.GrantID][]consent.Event{record.Grant: events},
		keys:      []audit.Keys{{Name: "ada", History: history, Living: []jose.JSONWebKey{passkey.JWK()}}},
	}
}

func grantOf(r rows) *consent.Event {
	for _, events := range r.histories {
		for i := range events {
			if events[i].Kind == consent.KindGranted {
				return &events[i]
			}
		}
	}
	return nil
}

// alterGrant changes a grant's evidence and closes its digests again, as a hub
// could.
func alterGrant(t *testing.T, r *rows, alter func(*consent.Event)) {
	t.Helper()
	e := grantOf(*r)
	terms := *e.Evidence.Terms
	e.Evidence.Terms = &terms
	alter(e)
	digest, err := e.Evidence.Terms.Digest()
	if err != nil {
		t.Fatal(err)
	}
	closed, err := e.Evidence.Approval.Closed()
	if err != nil {
		t.Fatal(err)
	}
	e.Terms, e.Approval, e.MaxUses = consent.Encode(digest[:]), closed, e.Evidence.Terms.MaxUses
}

// TestPromisesOfTheDatabase: what was promised by a time that has passed, and is
// not published, is a broken promise; what waits and was not promised is none.
func TestPromisesOfTheDatabase(t *testing.T) {
	due := at().Add(time.Minute)
	for _, tt := range []struct {
		name string
		now  time.Time
		due  time.Time
		want audit.Check
	}{
		{"it waits until the time has come", due, due, ""},
		{"it finds a promise that time has broken", due.Add(time.Second), due, audit.Promise},
		{"it takes what was not promised", due.Add(time.Hour), time.Time{}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newLog(t)
			p.publish(t, 1, entryOf)
			all := rows{pending: [][]byte{entryOf(1)}, stored: []audit.Stored{{Name: "zero", Entry: entryOf(0), Due: due}, {Name: "one", Entry: entryOf(1), Due: tt.due}}}
			a := audit.Audit{Log: audit.Dir{FS: os.DirFS(p.folder)}, Policy: p.policy, Events: all, Now: func() time.Time { return tt.now }}
			report, err := a.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			expect(t, report, tt.want, "")
		})
	}
}

// TestLostEvents counts leaves that came back without their events, and finds
// none that has neither.
func TestLostEvents(t *testing.T) {
	p := newLog(t)
	p.publish(t, 3, entryOf)
	r := rows{stored: []audit.Stored{{Name: "zero", Entry: entryOf(0)}}, lost: []tlog.Hash{tlog.LeafHash(entryOf(0)), tlog.LeafHash(entryOf(1)), tlog.LeafHash(entryOf(9))}}
	expect(t, p.audit(t, nil, r), audit.Unexplained, "1 leaves")
	r.erased = []tlog.Hash{tlog.LeafHash(entryOf(2))}
	report := p.audit(t, nil, r)
	expect(t, report, "", "")
	if report.Lost != 1 || report.Erased != 1 {
		t.Errorf("lost %d, erased %d", report.Lost, report.Erased)
	}
}
