package admin_test

import (
	"context"
	"strings"
	"testing"

	"github.com/govmydata/mydata/internal/erasure"
	"github.com/govmydata/mydata/internal/idp/admin"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

// Officers erase a person; the trail keeps every try by the order's digest.
func TestErase(t *testing.T) {
	d, w := open(t, true), consenttest.New()
	_, mine := d.Person(t, "resident-01", false)
	w.Ledger.Store = d.DB.Consents()
	w.Granted(t.Context(), mine.Citizen, w.People.Enrol(mine.Citizen))
	d.handler.Erasure = &erasure.Office{
		Store: d.DB.Erasures(), Ledger: w.Ledger, Officers: d.Officers, Now: d.Now, End: func(context.Context, string) error { return nil },
	}
	order := func(resident, reason string) approval.Case {
		o, err := approval.Erasure.Propose(resident, reason, d.Now(), d.Signers[0])
		if err == nil {
			o, err = approval.Erasure.Approve(o, d.Signers[1])
		}
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	half := order("resident-01", "death")
	half.Orders = half.Orders[:1]
	hold := func(in admin.HoldRequest) string {
		if err := d.Hold(t.Context(), in); err != nil {
			return code(t, err)
		}
		return ""
	}
	for _, c := range []struct{ what, got, want string }{
		{"hold of nobody", hold(admin.HoldRequest{Resident: "resident-09", Reason: "audit"}), "resident"},
		{"hold for nothing", hold(admin.HoldRequest{Resident: "resident-01"}), "reason"},
		{"hold", hold(admin.HoldRequest{Resident: "resident-01", Reason: "audit"}), ""},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q", c.what, c.got)
		}
	}
	try := func(o approval.Case, want string) {
		t.Helper()
		_, err := d.Client.Erase(t.Context(), o)
		outcome := want
		if err == nil {
			outcome = "done"
		} else if got := code(t, err); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if last := d.trail.last(); last != "ended erase 7 erasure "+approval.Erasure.Name(o)+" "+outcome+"\n" || strings.Contains(last, "resident-0") {
			t.Errorf("the trail says %q", last)
		}
	}
	try(order("resident-01", "death"), "held")
	if got := hold(admin.HoldRequest{Resident: "resident-01", Lift: true}); got != "" || d.trail.last() != "ended lift 7 resident resident-01 done\n" {
		t.Errorf("%q, %q", got, d.trail.last())
	}
	try(half, "order")
	try(order("resident-09", "death"), "resident")
	try(order("resident-01", "request"), "law")
	good := order("resident-01", "death")
	try(good, "")
	if out, err := d.Client.Erase(t.Context(), good); err != nil || !out.Before {
		t.Errorf("again: %+v, %v", out, err)
	}
}
