package crash

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"

	"github.com/govmydata/mydata/conformance/citizen"
	"github.com/govmydata/mydata/conformance/stage"
	"github.com/govmydata/mydata/pkg/consent/receipt"
	"github.com/govmydata/mydata/pkg/credential/sdjwt"
)

// shown is all that a citizen's dashboard, wallet and receipts tell.
type shown struct {
	passkeys    []citizen.Passkey
	credentials []citizen.Credential
	consents    []citizen.Consent
	history     []citizen.Event
	receipts    map[string]receipt.Receipt // the citizen's, by grant
}

// look reads everything, with the session that there is: a session too is
// something acknowledged.
func (k *walk) look() shown {
	k.Helper()
	s := shown{receipts: map[string]receipt.Receipt{}}
	for _, one := range []struct {
		what string
		read func(ctx context.Context) error
	}{
		{"passkeys", func(ctx context.Context) (err error) { s.passkeys, err = k.c.Passkeys(ctx); return err }},
		{"credentials", func(ctx context.Context) (err error) { s.credentials, err = k.c.Credentials(ctx); return err }},
		{"consents", func(ctx context.Context) (err error) { s.consents, err = k.c.Consents(ctx); return err }},
		{"history", func(ctx context.Context) (err error) { s.history, err = k.c.History(ctx); return err }},
	} {
		k.until(k.resident+" reads "+one.what, one.read)
	}
	for grant := range k.grants {
		k.until("the receipt of "+grant, func(ctx context.Context) error {
			raw, err := k.c.Receipt(ctx, grant)
			if err == nil {
				s.receipts[grant], err = k.verified(raw)
			}
			return err
		})
	}
	return s
}

// verified is a receipt of which every check holds, offline.
func (w *world) verified(raw []byte) (receipt.Receipt, error) {
	r, err := receipt.Parse(raw)
	if err != nil {
		return r, err
	}
	report := receipt.Verify(r, w.trust)
	for _, failed := range report.Failed() {
		err = errors.Join(err, fmt.Errorf("receipt: %s: %s", failed.Name, failed.Detail))
	}
	if !report.OK() && err == nil {
		err = errors.New("receipt: nothing was checked")
	}
	return r, err
}

// check holds what is shown against the notes, and walks the log.
func (k *walk) check() {
	k.Helper()
	if k.passkeys == nil {
		return // not enrolled yet: nothing was acknowledged
	}
	s := k.look()
	for _, id := range k.passkeys {
		if !slices.ContainsFunc(s.passkeys, func(p citizen.Passkey) bool { return p.ID == id }) {
			k.Errorf("%s: the passkey %s is lost", k.resident, id)
		}
	}
	k.checkCards(s)
	for grant, note := range k.grants {
		k.checkGrant(s, grant, note)
	}
	k.until("audit", func(ctx context.Context) error { return k.audit(ctx) })
	if k.Failed() {
		k.FailNow()
	}
}

// checkCards wants every card in the wallet, and at least as many credentials at
// the hub: one whose answer was lost is in no wallet.
func (k *walk) checkCards(s shown) {
	for _, id := range k.cards {
		k.until("card "+id, func(ctx context.Context) error {
			_, err := k.c.Open(ctx, k.stage.URL(stage.Wallet)+"/cards/"+id)
			if citizen.Refused(err, http.StatusNotFound) {
				k.Fatalf("%s: the wallet lost a card", k.resident)
			}
			return err
		})
	}
	if len(s.credentials) < len(k.cards) {
		k.Errorf("%s: %d cards in the wallet, %d at the hub", k.resident, len(k.cards), len(s.credentials))
	}
	for _, c := range s.credentials {
		if c.Status != "valid" {
			k.Errorf("%s: credential %s is %s", k.resident, c.ID, c.Status)
		}
	}
}

func (k *walk) checkGrant(s shown, grant string, note *noted) {
	i := slices.IndexFunc(s.consents, func(c citizen.Consent) bool { return c.Grant == grant })
	if i < 0 {
		k.Errorf("%s: grant %s is lost", k.resident, grant)
		return
	}
	one := s.consents[i]
	state := "active"
	switch {
	case note.withdrawn:
		state = "withdrawn"
	case one.Uses == one.MaxUses:
		state = "consumed"
	}
	if one.State != state || one.Uses < note.uses || one.Uses > one.MaxUses || one.MaxUses != 2 {
		k.Errorf("%s: noted %+v of grant %s, shown %+v", k.resident, *note, grant, one)
	}
	uses, granted, over := 0, 0, false
	for _, e := range inOrder(s.receipts[grant]) {
		switch e.Kind {
		case "granted":
			granted++
		case "used":
			if uses++; e.Use != uses || over {
				k.Errorf("%s: use %d of grant %s came as number %d, withdrawn before: %v", k.resident, e.Use, grant, uses, over)
			}
		case "withdrawn":
			over = true
		}
	}
	if granted != 1 || uses != one.Uses || over != note.withdrawn {
		k.Errorf("%s: grant %s: granted %d times, %d uses of %d, withdrawn %v", k.resident, grant, granted, uses, one.Uses, over)
	}
	for _, raw := range note.receipts {
		k.checkKept(raw, s.receipts[grant])
	}
}

type event struct {
	Kind string
	Use  int
}

func inOrder(r receipt.Receipt) (all []event) {
	for _, e := range r.Events {
		all = append(all, event{string(e.Event.Kind), e.Event.Use})
	}
	return all
}

// checkKept wants an earlier receipt to be the beginning of the one of now.
func (k *walk) checkKept(raw []byte, now receipt.Receipt) {
	old, err := k.verified(raw)
	if err != nil {
		k.Errorf("%s: a receipt that held does not any more: %v", k.resident, err)
		return
	}
	if len(old.Commits) > len(now.Commits) || !slices.Equal(old.Commits, now.Commits[:len(old.Commits)]) ||
		len(old.Events) > len(now.Events) || !reflect.DeepEqual(inOrder(old), inOrder(now)[:len(old.Events)]) {
		k.Errorf("%s: a receipt tells of what is not there any more", k.resident)
	}
}

// checkIndexes wants every credential of the wallet to have a status of its own.
func (w *world) checkIndexes(cards map[string]string) {
	seen := map[string]string{}
	for id, compact := range cards {
		token, err := sdjwt.Parse(compact)
		if err != nil {
			w.Error(err)
			continue
		}
		claims, err := token.Unverified()
		if err != nil {
			w.Error(err)
			continue
		}
		place, err := json.Marshal(claims["status"])
		if err != nil || bytes.Equal(place, []byte("null")) {
			w.Errorf("card %s has no status: %v", id, err)
		}
		if other := seen[string(place)]; other != "" {
			w.Errorf("cards %s and %s have one status", id, other)
		}
		seen[string(place)] = id
	}
}
