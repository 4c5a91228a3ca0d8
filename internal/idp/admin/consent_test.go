package admin_test

import (
	"testing"

	"github.com/govmydata/mydata/internal/idp/admin"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

// An operator ends a grant of the real ledger; every try is in the trail, under
// the grant it was about.
func TestInvalidate(t *testing.T) {
	d, w := open(t, true), consenttest.New()
	d.handler.Consents = w.Ledger
	passkey := w.People.Enrol("ada")
	offer, err := w.Ledger.Request(t.Context(), w.Request("ada", nil))
	if err != nil {
		t.Fatal(err)
	}
	first, withdrawn := w.Granted(t.Context(), "ada", passkey).Grant, w.Granted(t.Context(), "ada", passkey).Grant
	if _, err := w.Ledger.Withdraw(t.Context(), withdrawn, "ada"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, reason string
		grant        consent.GrantID
		code         string // "" done
		state        consent.State
	}{
		{"it refuses a reason of its own", "because", first, "reason", consent.StateActive},
		{"it refuses no reason", "", first, "reason", consent.StateActive},
		{"it knows no other grant", "agency_closed", "other", "grant", ""},
		{"it has nothing to end before a decision", "agency_closed", offer.Grant, "pending", consent.StateRequested},
		{"it leaves what has ended", "agency_closed", withdrawn, "ended", consent.StateWithdrawn},
		{"it ends a grant", "agency_closed", first, "", consent.StateInvalidated},
		{"it ends it again", "agency_closed", first, "", consent.StateInvalidated},
		{"it ends it for one reason", "wrong_person", first, "invalidated", consent.StateInvalidated},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := d.Client.Invalidate(t.Context(), admin.InvalidateRequest{Grant: c.grant, Reason: c.reason})
			outcome := c.code
			if c.code == "" {
				outcome = "done"
				if err != nil || out.State != consent.StateInvalidated || out.Reason != c.reason {
					t.Errorf("%+v, %v", out, err)
				}
			} else if got := code(t, err); got != c.code {
				t.Errorf("%s, want %s", got, c.code)
			}
			if want := "ended invalidate 7 grant " + string(c.grant) + " " + outcome + "\n"; d.trail.last() != want {
				t.Errorf("kept %q, want %q", d.trail.last(), want)
			}
			if r, _, err := w.Store.History(t.Context(), c.grant); c.state != "" && (err != nil || r.State != c.state) {
				t.Errorf("%s, %v", r.State, err)
			}
		})
	}
}
