package credential_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
)

func TestListsOfThePastRefuse(t *testing.T) {
	o := newOffice(t)
	issuer, _, order := o.issuer(t, o.fault)
	begun := o.now
	_, issued, err := issuer.Issue(t.Context(), order)
	if err != nil {
		t.Fatal(err)
	}
	o.now = o.now.Add(time.Minute)
	ask := func(at time.Time) error {
		_, err := issuer.StatusTokenAt(t.Context(), issued.List, statuslist.MediaType, at)
		return err
	}
	if err := ask(begun); !errors.Is(err, credential.ErrNoHistory) {
		t.Errorf("it gives out no past unless it is configured: %v", err)
	}
	issuer.History = time.Hour
	if err := ask(begun); err != nil {
		t.Errorf("it gives out the past: %v", err)
	}
	for name, at := range map[string]time.Time{"before the list": begun.Add(-time.Second), "now": o.now, "later": o.now.Add(time.Hour), "too long ago": begun.Add(-2 * time.Hour)} {
		if err := ask(at); !errors.Is(err, credential.ErrHistory) {
			t.Errorf("it knows nothing of %s: %v", name, err)
		}
	}
	o.now = o.now.Add(500 * time.Millisecond)
	if err := ask(o.now.Truncate(time.Second)); !errors.Is(err, credential.ErrHistory) {
		t.Errorf("it gives out a list of a second that has not passed, which is good for now: %v", err)
	}
	if err := issuer.Revoke(t.Context(), issued.ID); err != nil {
		t.Fatal(err)
	}
	o.now = o.now.Add(time.Minute)
	o.fault.op = "short"
	if err := ask(begun); err == nil {
		t.Error("it shows the past of a list that was cut short")
	}
	o.fault.op = ""

	// A list whose changes were not kept, from before they were.
	row, err := o.rows.List(t.Context(), issued.List)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.rows.Commit(t.Context(), credential.Commit{ID: "unkept", Lists: []credential.List{row}}); err != nil {
		t.Fatal(err)
	}
	if err := ask(begun); !errors.Is(err, credential.ErrHistory) {
		t.Errorf("it guesses what was not kept: %v", err)
	}
	other := order
	other.Citizen = "lee"
	_, later, err := issuer.Issue(t.Context(), other)
	if err != nil {
		t.Fatal(err)
	}
	if err := issuer.Revoke(t.Context(), later.ID); err != nil {
		t.Fatal(err)
	}
	o.now = o.now.Add(time.Minute)
	if err := ask(begun); !errors.Is(err, credential.ErrHistory) {
		t.Errorf("it guesses beyond what was kept: %v", err)
	}
	if err := ask(o.now.Add(-30 * time.Second)); err != nil {
		t.Errorf("it knows what was kept: %v", err)
	}
}

func TestSupersede(t *testing.T) {
	for name, op := range map[string]string{"it revokes what the register contradicts": "", "it says so when it could not": "revoke/"} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			issuer, _, order := o.issuer(t, o.fault)
			issue := func(citizen, basis string) string {
				order.Citizen, order.Basis = citizen, basis
				_, issued, err := issuer.Issue(t.Context(), order)
				if err != nil {
					t.Fatal(err)
				}
				return issued.ID
			}
			old, same, unknown, gone, before, untouched := issue("kim", "1"), issue("lee", "2"), issue("choi", "3"), issue("park", "4"), issue("jung", ""), issue("yoon", "")
			now := map[string]string{"kim": "changed", "lee": "2", "choi": "", "park": "changed"}
			if err := issuer.Revoke(t.Context(), gone); err != nil {
				t.Fatal(err)
			}
			o.fault.op = op
			n, err := issuer.Supersede(t.Context(), func(_ context.Context, citizen string) (string, error) { return now[citizen], nil },
				func(_ context.Context, citizen string) (bool, error) { return citizen == "jung", nil })
			if op != "" {
				if !errors.Is(err, errDisk) || n != 0 {
					t.Fatalf("%d, %v", n, err)
				}
				o.fault.op = ""
				n, err = issuer.Supersede(t.Context(), func(_ context.Context, citizen string) (string, error) { return now[citizen], nil },
					func(_ context.Context, citizen string) (bool, error) { return citizen == "jung", nil })
			}
			if err != nil || n != 2 {
				t.Fatalf("%d revoked, %v", n, err)
			}
			for id, want := range map[string]string{old: credential.ReasonData, before: credential.ReasonData, same: "", unknown: "", untouched: "", gone: credential.ReasonHolder} {
				if got, err := issuer.Get(t.Context(), id); err != nil || got.Reason != want || (got.Status == credential.Revoked) != (want != "") {
					t.Errorf("%+v, %v, want %q", got, err, want)
				}
			}
			if n, err := issuer.Supersede(t.Context(), func(_ context.Context, citizen string) (string, error) { return now[citizen], nil }, nil); err != nil || n != 0 {
				t.Errorf("again: %d, %v", n, err)
			}
			if _, err := issuer.Supersede(t.Context(), func(context.Context, string) (string, error) { return "", errDisk }, nil); !errors.Is(err, errDisk) {
				t.Errorf("it takes a register that cannot be asked for one that agrees: %v", err)
			}
		})
	}
}

func TestStatusChangesRefuse(t *testing.T) {
	o := newOffice(t)
	issuer, _, order := o.issuer(t, o.fault)
	_, narrow, err := issuer.Issue(t.Context(), order)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		do   func() error
		want error
	}{
		"it suspends for no other reason than those listed": {func() error { return issuer.Suspend(t.Context(), narrow.ID, "because") }, credential.ErrReason},
		"it revokes for no other reason than those listed":  {func() error { return issuer.RevokeFor(t.Context(), narrow.ID, "because") }, credential.ErrReason},
		"it suspends nothing on a list of one bit":          {func() error { return issuer.Suspend(t.Context(), narrow.ID, credential.ReasonInquiry) }, credential.ErrBits},
		"it knows no others":                                {func() error { return issuer.Reinstate(t.Context(), "nosuch") }, credential.ErrUnknown},
	} {
		if err := c.do(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	o.fault.op = "short"
	if err := issuer.Revoke(t.Context(), narrow.ID); !errors.Is(err, statuslist.ErrOutOfRange) {
		t.Errorf("it says what is wrong with a list that was cut short: %v", err)
	}
	o.fault.op = ""
	if got, err := issuer.Get(t.Context(), narrow.ID); err != nil || got.Status != credential.Valid {
		t.Errorf("it changed: %+v, %v", got, err)
	}
	if err := issuer.Revoke(t.Context(), narrow.ID); err != nil {
		t.Fatal(err)
	}
	for name, do := range map[string]func() error{
		"suspends":   func() error { return issuer.Suspend(t.Context(), narrow.ID, credential.ReasonInquiry) },
		"reinstates": func() error { return issuer.Reinstate(t.Context(), narrow.ID) },
	} {
		if err := do(); !errors.Is(err, credential.ErrRevoked) {
			t.Errorf("it %s what is revoked: %v", name, err)
		}
	}
}
