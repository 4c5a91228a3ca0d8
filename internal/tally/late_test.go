package tally_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

// TestLate: what is published of statements of deletion that did not come.
//
//clause:consent overdue statements: the agency is reminded through the outbox, and named in public where ten people are behind it
func TestLate(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct {
		name               string
		people             int
		unreceived, states bool
		days               int // from the release to the look
		want               string
	}{
		{"it names an agency that is late with ten people's", 10, false, false, 65, `[{"consumer":"urn:mydata:agency:driving-licence","grants":10}]`},
		{"it withholds nine", 9, false, false, 65, "null"},
		{"it names nobody while retention lasts", 10, false, false, 29, "null"},
		{"it names nobody who said so", 10, false, true, 65, "null"},
		{"it names nobody who countersigned nothing", 10, true, false, 65, "null"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBooks(t)
			w := consenttest.New()
			w.Ledger.Store = b.db.Consents()
			for i := range c.people {
				who := fmt.Sprintf("citizen-%03d", i)
				r := w.Granted(t.Context(), who, w.People.Enrol(who))
				commit := w.Commit(r, 1, nil)
				if _, err := w.Ledger.Use(t.Context(), commit); err != nil {
					t.Fatal(err)
				}
				if c.unreceived {
					continue
				}
				if _, err := w.Ledger.Received(t.Context(), w.Received(r, 1, commit, nil)); err != nil {
					t.Fatal(err)
				}
				if !c.states {
					continue
				}
				if _, err := w.Ledger.Withdraw(t.Context(), r.Grant, who); err != nil {
					t.Fatal(err)
				}
				now := w.Now().Unix()
				jws, err := consent.SignDeleted(consent.DeletedClaims{
					Issuer: w.Consumer.ID, Audience: consenttest.Issuer, IssuedAt: now, GrantID: r.Grant, Uses: 1, At: now,
				}, w.Consumer.Key, w.Consumer.Chain)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := w.Ledger.Deleted(t.Context(), jws); err != nil {
					t.Fatal(err)
				}
			}
			at := w.Now().Add(time.Duration(c.days) * day)
			b.clock = time.Date(at.Year(), at.Month()+1, 3, 0, 0, 0, 0, time.UTC)
			if c.days < 30 { // a look at the month of the release itself
				b.clock = time.Date(w.Now().Year(), w.Now().Month()+1, 3, 0, 0, 0, 0, time.UTC)
			}
			counter := b.counter()
			if err := counter.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			months, err := counter.Months(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(months[0].Late)
			if err != nil || string(text) != c.want {
				t.Errorf("%s not %s, %v", text, c.want, err)
			}
		})
	}
}
