package admin_test

import (
	"testing"

	"github.com/govmydata/mydata/internal/idp/admin"
	"github.com/govmydata/mydata/pkg/signal"
)

// What was put aside is listed, and told again; every try is in the trail.
//
//clause:signals what was put aside an operator sees, and has told again with the same jti and number
func TestDeadSignals(t *testing.T) {
	d := open(t, true)
	ctx, rows := t.Context(), d.DB.Signals()
	d.handler.Signals = rows
	one := signal.New("urn:a", signal.GrantPaused, "grant", 1, 0, d.Now())
	if err := rows.Signal(ctx, one); err != nil {
		t.Fatal(err)
	}
	if _, err := rows.Waiting(ctx, "urn:a", 1); err != nil {
		t.Fatal(err)
	}
	if err := rows.Bury(ctx, "urn:a", one.ID, "too old", d.Now()); err != nil {
		t.Fatal(err)
	}
	list := func(agency string, want int) {
		t.Helper()
		all, err := d.Client.DeadSignals(ctx, agency)
		if err != nil || len(all) != want {
			t.Errorf("%+v, %v", all, err)
		}
	}
	list("", 1)
	list("urn:a", 1)
	list("urn:b", 0)
	for _, c := range []struct {
		name string
		in   admin.ResendRequest
		code string // "" done
	}{
		{"it needs an agency", admin.ResendRequest{}, "bad_request"},
		{"it has nothing of another", admin.ResendRequest{Agency: "urn:b"}, "signal"},
		{"it has nothing by another name", admin.ResendRequest{Agency: "urn:a", ID: "x"}, "signal"},
		{"it tells again", admin.ResendRequest{Agency: "urn:a", ID: one.ID}, ""},
		{"it tells nothing twice", admin.ResendRequest{Agency: "urn:a"}, "signal"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, err := d.Client.Resend(ctx, c.in)
			outcome := c.code
			if c.code == "" {
				if outcome = "done"; err != nil || n != 1 {
					t.Errorf("%d, %v", n, err)
				}
			} else if got := code(t, err); got != c.code {
				t.Errorf("%s, want %s", got, c.code)
			}
			if want := "ended resend 7 agency " + c.in.Agency + " " + outcome + "\n"; c.in.Agency != "" && d.trail.last() != want {
				t.Errorf("kept %q, want %q", d.trail.last(), want)
			}
		})
	}
	list("", 0)
}
