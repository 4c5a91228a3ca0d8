package store_test

import (
	"context"
	"errors"
	"testing"

	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

// interrupted lets something else happen just before the first commit of a kind.
type interrupted struct {
	consent.Store
	kind consent.Kind
	by   func()
}

func (i *interrupted) Commit(ctx context.Context, c consent.Commit) (again bool, err error) {
	if by := i.by; by != nil && c.Events[0].Kind == i.kind {
		i.by = nil
		by()
	}
	return i.Store.Commit(ctx, c)
}

// A session resumes in the very moment of a "Not me", by another replica: whichever is
// first, what stands when "Not me" is acknowledged is paused, and stays so.
func TestNotMeBesideResume(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		for _, c := range []struct {
			name string
			kind consent.Kind // the commit that waits while the other is done whole
		}{
			{"it comes while a resume that was judged is written", consent.KindResumed},
			{"it is written while a resume comes", consent.KindDisowned},
		} {
			t.Run(c.name, func(t *testing.T) {
				w := consenttest.New()
				w.Ledger.Store = db.Consents()
				citizen := string(c.kind)
				passkey := w.People.Enrol(citizen)
				r := w.Granted(ctx, citizen, passkey)
				if _, err := w.Ledger.Pause(ctx, r.Grant, citizen, ""); err != nil {
					t.Fatal(err)
				}
				resume := func(l *consent.Ledger) error { _, err := l.Resume(ctx, r.Grant, citizen); return err }
				disown := func(l *consent.Ledger) error { _, err := l.Disown(ctx, r.Grant, 1, citizen); return err }
				second, first := resume, disown
				if c.kind == consent.KindDisowned {
					second, first = disown, resume
				}
				slow := consenttest.New()
				slow.Ledger.People = w.People
				slow.Ledger.Store = &interrupted{Store: db.Consents(), kind: c.kind, by: func() {
					if err := first(w.Ledger); err != nil {
						t.Error(err)
					}
				}}
				if err := second(slow.Ledger); err != nil && !errors.Is(err, consent.ErrConfirm) {
					t.Fatal(err)
				}
				if now, _, err := db.Consents().History(ctx, r.Grant); err != nil || now.State != consent.StatePaused {
					t.Errorf("after \"Not me\" it is %s, %v", now.State, err)
				}
				if err := resume(w.Ledger); !errors.Is(err, consent.ErrConfirm) {
					t.Errorf("by a session afterwards: %v", err)
				}
				if _, err := w.Ledger.ResumeConfirmed(ctx, r.Grant, citizen); err != nil {
					t.Errorf("by passkey: %v", err)
				}
			})
		}
	})
}
