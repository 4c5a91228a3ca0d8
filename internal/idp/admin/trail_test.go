package admin_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/idp/admin"
)

// TestTrail makes each call that changes something, well and badly, and looks at
// what was kept.
func TestTrail(t *testing.T) {
	d := open(t, true)
	ctx := t.Context()
	_, order, err := account.SignedOrder("resident-09", false, d.Now(), d.Signers)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		call func() error
		want string // the act's end
	}{
		{"it keeps an enrolment", func() error { _, err := d.Client.Enrol(ctx, admin.EnrolRequest{Resident: "resident-03"}); return err },
			"ended enrol 7 resident resident-03 done\n"},
		{"it keeps a replacement", func() error {
			_, err := d.Client.Enrol(ctx, admin.EnrolRequest{Resident: "resident-03", Replace: true})
			return err
		}, "ended replace 7 resident resident-03 done\n"},
		{"it keeps an order signed elsewhere", func() error { _, err := d.Client.Enrol(ctx, admin.EnrolRequest{Order: &order}); return err },
			"ended order 7 resident resident-09 done\n"},
		{"it keeps a refused enrolment", func() error { _, err := d.Client.Enrol(ctx, admin.EnrolRequest{Resident: "resident-99"}); return err },
			"ended enrol 7 resident resident-99 resident\n"},
		{"it keeps an offer", func() error {
			_, err := d.Client.Offer(ctx, admin.OfferRequest{Resident: "resident-01", Config: "resident_card_sd_jwt"})
			return err
		}, "ended offer 7 resident resident-01 done\n"},
		{"it keeps a revocation", func() error { return d.Client.Revoke(ctx, admin.StatusRequest{Credential: "c1"}) }, "ended revoke 7 credential c1 done\n"},
		{"it keeps a refused revocation", func() error { return d.Client.Revoke(ctx, admin.StatusRequest{Credential: "c2"}) }, "ended revoke 7 credential c2 credential\n"},
		{"it keeps a client under its id", func() error { _, err := d.AddClient(ctx, json.RawMessage(`{"client_name":"x"}`)); return err },
			"ended client 7 client x done\n"},
		{"it keeps a refused client", func() error { _, err := d.AddClient(ctx, json.RawMessage(`{}`)); return err },
			"ended client 7 client  client_metadata\n"},
		{"it keeps a catalogue under its version", func() error { _, err := d.PublishCatalogue(ctx, json.RawMessage(`{}`)); return err },
			"ended catalogue 7 catalogue 7 done\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := len(d.trail.rows)
			err := c.call()
			if len(d.trail.rows) != before+2 || d.trail.last() != c.want {
				t.Errorf("%v, kept %d: %s", err, len(d.trail.rows)-before, d.trail.last())
			}
		})
	}
	t.Run("it keeps nothing of what only reads", func(t *testing.T) {
		before := len(d.trail.rows)
		_, err1 := d.Trust(ctx)
		_, err2 := d.Residents(ctx)
		acts, err3 := d.Trail(ctx, d.Now(), 5)
		if err := errors.Join(err1, err2, err3); err != nil || len(d.trail.rows) != before {
			t.Errorf("%v, %d rows more", err, len(d.trail.rows)-before)
		}
		if len(acts) != 1 || !acts[0].At.Equal(d.Now().Truncate(time.Second)) || acts[0].Outcome != "5" {
			t.Errorf("%+v", acts)
		}
	})
	t.Run("it refuses a list without an end", func(t *testing.T) {
		for _, limit := range []int{0, -1, 10_001} {
			_, err := d.Trail(ctx, time.Time{}, limit)
			if got := code(t, err); got != "bad_request" {
				t.Errorf("%d: %s", limit, got)
			}
		}
	})
}

// What cannot be kept is not done, and nothing is done for whom nobody knows.
func TestNoActWithoutTrail(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(*door)
		code string
	}{
		"it does nothing that cannot be kept":   {func(d *door) { d.trail.err = errors.New("the database is gone") }, "trail"},
		"it does nothing for whom nobody knows": {func(d *door) { d.stranger = true }, "caller"},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t, true)
			c.set(d)
			_, err1 := d.Client.Enrol(t.Context(), admin.EnrolRequest{Resident: "resident-03"})
			_, err2 := d.Client.Offer(t.Context(), admin.OfferRequest{Resident: "resident-01", Config: "resident_card_sd_jwt"})
			_, err3 := d.AddClient(t.Context(), json.RawMessage(`{"client_name":"x"}`))
			_, err4 := d.PublishCatalogue(t.Context(), json.RawMessage(`{}`))
			for _, err := range []error{err1, err2, err3, err4, d.Client.Revoke(t.Context(), admin.StatusRequest{Credential: "c1"})} {
				if r, ok := errors.AsType[*admin.Refusal](err); !ok || r.Code != c.code {
					t.Errorf("%v", err)
				}
			}
			if _, err := d.CitizenOf(t.Context(), "resident-01"); !errors.Is(err, account.ErrNotFound) || *d.counter != (counter{}) {
				t.Errorf("it was done: %v, %+v", err, d.counter)
			}
		})
	}
}
