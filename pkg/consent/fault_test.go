package consent_test

import (
	"context"
	"errors"
	"testing"

	"github.com/govmydata/mydata/conformance/figure"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

var errFault = errors.New("the connection broke")

// faulty breaks commits: lost ones write nothing, kept ones are durable though
// the caller hears an error.
type faulty struct {
	consent.Store
	lost, kept int
	propose    error
	proposed   bool // kept all the same
}

func (f *faulty) Commit(ctx context.Context, c consent.Commit) (again bool, err error) {
	if f.lost > 0 {
		f.lost--
		return false, errFault
	}
	if f.kept > 0 {
		f.kept--
		if again, err = f.Store.Commit(ctx, c); err != nil {
			return again, err
		}
		return false, errFault
	}
	return f.Store.Commit(ctx, c)
}

func (f *faulty) Propose(ctx context.Context, p consent.Proposal) error {
	if f.propose != nil && !f.proposed {
		return f.propose
	}
	return errors.Join(f.Store.Propose(ctx, p), f.propose)
}

// operation is one ledger write, repeatable with the very same input.
type operation struct {
	name    string
	prepare func(w *consenttest.World, passkey *consenttest.Passkey) func(ctx context.Context) error
	kind    consent.Kind
}

var operations = []operation{
	{name: "request", kind: consent.KindRequested, prepare: func(w *consenttest.World, _ *consenttest.Passkey) func(context.Context) error {
		in := w.Request(ada, nil)
		return func(ctx context.Context) error { _, err := w.Ledger.Request(ctx, in); return err }
	}},
	{name: "grant", kind: consent.KindGranted, prepare: func(w *consenttest.World, passkey *consenttest.Passkey) func(context.Context) error {
		ctx := context.Background()
		r, err := w.Ledger.Request(ctx, w.Request(ada, nil))
		must(err)
		signed := signedTerms(w, r.Grant, passkey, "vision_ok", "hearing_ok")
		return func(ctx context.Context) error { _, err := w.Ledger.Grant(ctx, r.Grant, ada, signed); return err }
	}},
	{name: "amend", kind: consent.KindSuperseded, prepare: func(w *consenttest.World, passkey *consenttest.Passkey) func(context.Context) error {
		ctx := context.Background()
		r, err := w.Ledger.Request(ctx, w.Request(ada, amending(w.Granted(ctx, ada, passkey).Grant)))
		must(err)
		signed := signedTerms(w, r.Grant, passkey, "vision_ok")
		return func(ctx context.Context) error { _, err := w.Ledger.Grant(ctx, r.Grant, ada, signed); return err }
	}},
	{name: "grant of a bundle", kind: consent.KindGranted, prepare: func(w *consenttest.World, passkey *consenttest.Passkey) func(context.Context) error {
		records, err := w.Ledger.RequestAll(context.Background(), bundle(w, nil))
		must(err)
		ids := []consent.GrantID{records[0].Grant, records[1].Grant, records[2].Grant}
		signed := signedBundle(w, ids, passkey, ticking, nil, nil)
		return func(ctx context.Context) error { _, err := w.Ledger.GrantAll(ctx, ids, nil, ada, signed); return err }
	}},
	{name: "deny", kind: consent.KindDenied, prepare: func(w *consenttest.World, _ *consenttest.Passkey) func(context.Context) error {
		r, err := w.Ledger.Request(context.Background(), w.Request(ada, nil))
		must(err)
		return func(ctx context.Context) error { _, err := w.Ledger.Deny(ctx, r.Grant, ada); return err }
	}},
	{name: "use", kind: consent.KindUsed, prepare: func(w *consenttest.World, passkey *consenttest.Passkey) func(context.Context) error {
		commit := w.Commit(w.Granted(context.Background(), ada, passkey), 1, nil)
		return func(ctx context.Context) error { _, err := w.Ledger.Use(ctx, commit); return err }
	}},
	{name: "received", kind: consent.KindReceived, prepare: func(w *consenttest.World, passkey *consenttest.Passkey) func(context.Context) error {
		r := w.Granted(context.Background(), ada, passkey)
		commit := w.Commit(r, 1, nil)
		_, err := w.Ledger.Use(context.Background(), commit)
		must(err)
		received := w.Received(r, 1, commit, nil)
		return func(ctx context.Context) error { _, err := w.Ledger.Received(ctx, received); return err }
	}},
	{name: "deleted", kind: consent.KindDeleted, prepare: func(w *consenttest.World, passkey *consenttest.Passkey) func(context.Context) error {
		r := w.Granted(context.Background(), ada, passkey)
		_, err := w.Ledger.Use(context.Background(), w.Commit(r, 1, nil))
		must(err)
		_, err = w.Ledger.Withdraw(context.Background(), r.Grant, ada)
		must(err)
		deleted := w.Deleted(r, 1, nil)
		return func(ctx context.Context) error { _, err := w.Ledger.Deleted(ctx, deleted); return err }
	}},
	{name: "pause", kind: consent.KindPaused, prepare: func(w *consenttest.World, passkey *consenttest.Passkey) func(context.Context) error {
		r := w.Granted(context.Background(), ada, passkey)
		return func(ctx context.Context) error { _, err := w.Ledger.Pause(ctx, r.Grant, ada, "x"); return err }
	}},
	{name: "pause of all", kind: consent.KindPaused, prepare: func(w *consenttest.World, passkey *consenttest.Passkey) func(context.Context) error {
		w.Granted(context.Background(), ada, passkey)
		return func(ctx context.Context) error { return w.Ledger.PauseAll(ctx, ada, "lost_phone") }
	}},
	{name: "resume", kind: consent.KindResumed, prepare: func(w *consenttest.World, passkey *consenttest.Passkey) func(context.Context) error {
		r := w.Granted(context.Background(), ada, passkey)
		_, err := w.Ledger.Pause(context.Background(), r.Grant, ada, "")
		must(err)
		return func(ctx context.Context) error { _, err := w.Ledger.Resume(ctx, r.Grant, ada); return err }
	}},
	{name: "withdraw", kind: consent.KindWithdrawn, prepare: func(w *consenttest.World, passkey *consenttest.Passkey) func(context.Context) error {
		r := w.Granted(context.Background(), ada, passkey)
		return func(ctx context.Context) error { _, err := w.Ledger.Withdraw(ctx, r.Grant, ada); return err }
	}},
}

// signedTerms proposes terms and signs them, without granting them.
func signedTerms(w *consenttest.World, id consent.GrantID, passkey *consenttest.Passkey, claims ...string) approval.Assertion {
	p, err := w.Ledger.Propose(context.Background(), id, ada, consent.Choice{Claims: claims, Lang: "ko"})
	must(err)
	digest, err := p.Terms.Digest()
	must(err)
	return passkey.Sign(approval.Challenge([][32]byte{digest}, p.Nonce))
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func TestFaults(t *testing.T) {
	for _, op := range operations {
		for _, fault := range []struct {
			name       string
			lost, kept int
			fails      bool
		}{
			{name: "lost once", lost: 1},
			{name: "lost but kept once", kept: 1},
			{name: "lost, then kept", lost: 1, kept: 1},
			{name: "lost for good", lost: 100, fails: true},
		} {
			t.Run(op.name+" survives a write "+fault.name, func(t *testing.T) {
				w, passkey := world(t)
				act := op.prepare(w, passkey)
				broken := &faulty{Store: w.Store, lost: fault.lost, kept: fault.kept}
				w.Ledger.Store = broken
				err := act(t.Context())
				if fault.fails {
					is(t, "outcome", err, consent.ErrKept)
					is(t, "cause", err, errFault)
					if n := count(t, w, op.kind); n != 0 {
						t.Fatalf("%d events of a lost write", n)
					}
					broken.lost = 0
					err = act(t.Context())
				}
				ok(t, op.name, err)
				ok(t, op.name+" again", act(t.Context()))
				if n := count(t, w, op.kind); n != 1 {
					t.Errorf("%d events", n)
				}
			})
		}
	}
}

// A write that is kept although every answer is lost is found by the next ask.
func TestFaultsKeptForGood(t *testing.T) {
	for _, op := range operations {
		t.Run(op.name+" is found again", func(t *testing.T) {
			w, passkey := world(t)
			act := op.prepare(w, passkey)
			broken := &faulty{Store: w.Store, kept: 100}
			w.Ledger.Store = broken
			is(t, "outcome", act(t.Context()), consent.ErrKept)
			broken.kept = 0
			ok(t, op.name+" again", act(t.Context()))
			if n := count(t, w, op.kind); n != 1 {
				t.Errorf("%d events", n)
			}
		})
	}
}

// A proposal that broke is not shown: no nonce is answered. Kept or not, the
// next one replaces it.
func TestFaultyProposal(t *testing.T) {
	for _, kept := range []bool{false, true} {
		w, passkey := world(t)
		choice := consent.Choice{Claims: []string{"vision_ok", "hearing_ok"}, Lang: "ko"}
		r, err := w.Ledger.Request(t.Context(), w.Request(ada, nil))
		ok(t, "request", err)
		broken := &faulty{Store: w.Store, propose: errFault, proposed: kept}
		w.Ledger.Store = broken
		p, err := w.Ledger.Propose(t.Context(), r.Grant, ada, choice)
		is(t, "propose", err, errFault)
		if p.Nonce != [32]byte{} {
			t.Error("a nonce that may not stand")
		}
		broken.propose = nil
		p, err = w.Ledger.Propose(t.Context(), r.Grant, ada, choice)
		ok(t, "propose again", err)
		digest, err := p.Terms.Digest()
		ok(t, "digest", err)
		_, err = w.Ledger.Grant(t.Context(), r.Grant, ada, passkey.Sign(approval.Challenge([][32]byte{digest}, p.Nonce)))
		ok(t, "grant", err)
	}
	figure.Hold(t, "faults-ledger", len(operations)+1, "writes of the ledger, each lost, and kept but called lost")
}

func count(t *testing.T, w *consenttest.World, kind consent.Kind) int {
	t.Helper()
	events, err := w.Store.Events(t.Context(), ada)
	ok(t, "events", err)
	n := 0
	for _, e := range events {
		if e.Kind == kind {
			n++
		}
	}
	return n
}
