package audit

import (
	"context"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
)

// histories judges each grant by the rule the service decides with, opens the
// digests of its events, and checks the citizen's signature.
func (a *Audit) histories(ctx context.Context) {
	wrong := 0
	err := a.Events.Histories(ctx, func(id consent.GrantID, events []consent.Event) error {
		if f := a.history(events); f != nil {
			if wrong++; wrong <= shown {
				a.report.find(f.Check, "grant %s, %s", id, f.Detail)
			}
		}
		return nil
	})
	switch {
	case err != nil:
		a.report.find(Unreadable, "histories: %v", err)
	case wrong == 0 && len(a.Officers) > 0:
		a.report.pass("every grant's history is legal, its evidence whole, its approval signed")
	case wrong == 0:
		a.report.pass("every grant's history is legal, its evidence whole")
	}
}

// history is the first thing wrong with one grant's events.
func (a *Audit) history(events []consent.Event) *Finding {
	var record consent.Record
	for _, e := range events {
		wrong := func(c Check, format string, args ...any) *Finding {
			return &Finding{Check: c, Detail: fmt.Sprintf("event %d (%s) "+format, append([]any{e.Seq, e.Kind}, args...)...)}
		}
		next, err := consent.Apply(record, e)
		if err != nil {
			return wrong(Illegal, "is not legal: %v", err)
		}
		if !opens(e) {
			return wrong(Evidence, "does not open to its evidence")
		}
		if err := a.approved(e); err != nil {
			return wrong(Approval, "was not approved: %v", err)
		}
		record = next
	}
	return nil
}

// opens says whether the digests of an event are those of its evidence.
func opens(e consent.Event) bool {
	switch e.Kind {
	case consent.KindRequested:
		return e.Request == consent.DigestOf(e.Evidence.Request)
	case consent.KindUsed:
		return e.Commit == consent.DigestOf(e.Evidence.Commit)
	case consent.KindReceived:
		return e.Receipt == consent.DigestOf(e.Evidence.Received)
	case consent.KindDeleted:
		return e.Deletion == consent.DigestOf(e.Evidence.Deletion)
	case consent.KindGranted:
		if e.Evidence.Terms == nil || e.Evidence.Approval == nil {
			return false
		}
		terms, err := e.Evidence.Terms.Digest()
		closed, err2 := e.Evidence.Approval.Closed()
		return err == nil && err2 == nil && e.Terms == consent.Encode(terms[:]) && e.Approval == closed
	}
	return true
}

// approved checks the citizen's signature over the terms of a grant.
func (a *Audit) approved(e consent.Event) error {
	if e.Kind != consent.KindGranted || len(a.Officers) == 0 {
		return nil
	}
	terms, err := e.Evidence.Terms.Digest()
	if err != nil {
		return err
	}
	return e.Evidence.Approval.Verify(terms, a.RP, a.Officers)
}

// passkeys replays each citizen's history of passkeys, and compares who may log
// in with what it leads to.
func (a *Audit) passkeys(ctx context.Context) {
	wrong := 0
	err := a.Events.Passkeys(ctx, func(k Keys) error {
		err := k.Err
		var active []jose.JSONWebKey
		if err == nil {
			active, err = approval.VerifyHistory(k.History, a.RP, a.Officers)
		}
		if err == nil && !slices.Equal(thumbprints(active), thumbprints(k.Living)) {
			err = fmt.Errorf("the keys that can log in are not those of its history")
		}
		if err != nil {
			if wrong++; wrong <= shown {
				a.report.find(Passkeys, "%s: %v", k.Name, err)
			}
		}
		return nil
	})
	switch {
	case err != nil:
		a.report.find(Unreadable, "passkeys: %v", err)
	case wrong == 0:
		a.report.pass("who can log in is what passkeys and officers signed")
	}
}

// thumbprints are compared without order; a key without one equals no other.
func thumbprints(keys []jose.JSONWebKey) []string {
	var all []string
	for i, k := range keys {
		print, err := approval.Thumbprint(k)
		if err != nil {
			print = fmt.Sprint("no key ", i)
		}
		all = append(all, print)
	}
	slices.Sort(all)
	return all
}
