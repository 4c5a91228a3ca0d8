package admin_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/internal/death"
	"github.com/govmydata/mydata/internal/idp/admin"
	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/internal/trail"
	"github.com/govmydata/mydata/pkg/credential"
)

// An operator sees what waits, decides once, and every decision is on the trail.
//
//clause:issuer 9: 202 with transaction_id and interval, the same id again, invalid_transaction_id, over after pick-up; whatever dies, one credential for one order
func TestIssuances(t *testing.T) {
	d := open(t, true)
	db, err := store.Open(t.Context(), "sqlite::memory:")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	office := &credential.Deferrals{Store: db.Credentials(), Now: d.Now}
	d.handler.Deferrals = office
	_, session := d.Person(t, "resident-01", false)
	begin := func() string {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		row, err := office.Begin(t.Context(), credential.Order{Citizen: session.Citizen, Config: "resident_card_sd_jwt", Device: "Phone",
			Holders: []jose.JSONWebKey{{Key: key.Public()}}}, "phone")
		if err != nil {
			t.Fatal(err)
		}
		return row.ID
	}
	good, bad := begin(), begin()
	list := func() []admin.Waiting {
		t.Helper()
		waiting, err := d.WaitingIssuances(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return waiting
	}
	if all := list(); len(all) != 2 || all[0].Resident != "resident-01" || all[0].Copies != 1 || all[0].Client != "phone" || all[0].Config == "" || all[0].Since.IsZero() {
		t.Errorf("%+v", all)
	}
	for name, c := range map[string]struct {
		id string
		admin.Decision
		code string
	}{
		"it refuses no unknown one":           {"x", admin.Decision{Reason: "law"}, "issuance"},
		"it approves no unknown one":          {"x", admin.Decision{Approve: true}, "issuance"},
		"it refuses for a reason of the list": {bad, admin.Decision{Reason: "mood"}, "reason"},
		"it refuses for some reason":          {bad, admin.Decision{}, "reason"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := code(t, d.DecideIssuance(t.Context(), c.id, c.Decision)); got != c.code || len(list()) != 2 {
				t.Errorf("%s, %d wait", got, len(list()))
			}
		})
	}
	for range 2 { // the answer may be lost
		if err := d.DecideIssuance(t.Context(), good, admin.Decision{Approve: true}); err != nil {
			t.Error(err)
		}
		if err := d.DecideIssuance(t.Context(), bad, admin.Decision{Reason: "register"}); err != nil {
			t.Error(err)
		}
	}
	if last := d.trail.last(); !strings.Contains(last, "refuse issuance") || !strings.Contains(last, bad) || !strings.Contains(last, trail.Done) {
		t.Errorf("the trail says %s", last)
	}
	if got := code(t, d.DecideIssuance(t.Context(), bad, admin.Decision{Approve: true})); got != "issuance" {
		t.Errorf("a refusal was taken back: %s", got)
	}
	if got := code(t, d.DecideIssuance(t.Context(), good, admin.Decision{Reason: "law"})); got != "issuance" {
		t.Errorf("an approval was taken back: %s", got)
	}
	if _, _, err := d.DB.Deaths().Close(t.Context(), death.Closed{Resident: "resident-01", Order: "x", At: d.Now()}); err != nil {
		t.Fatal(err)
	}
	begin()
	if all := list(); len(all) != 1 || all[0].Resident != "resident-01" {
		t.Errorf("one whom nothing more is made for keeps the list from the operator: %+v", all)
	}
	if err := d.DecideIssuance(t.Context(), list()[0].ID, admin.Decision{Reason: "register"}); err != nil {
		t.Error(err)
	}
	d.stranger = true
	d.Client = admin.NewClient(d.socket) // another connection
	third := begin()
	if got := code(t, d.DecideIssuance(t.Context(), third, admin.Decision{Approve: true})); got != "caller" {
		t.Errorf("for nobody: %s", got)
	}
	if all := list(); len(all) != 1 || all[0].ID != third {
		t.Errorf("%+v", all)
	}
}
