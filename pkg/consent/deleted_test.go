package consent_test

import (
	"errors"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

// used is a grant with one use that the consumer countersigned.
func used(t testing.TB, w *consenttest.World) consent.Record {
	t.Helper()
	r := w.Granted(t.Context(), ada, w.People.Enrol(ada))
	commit := w.Commit(r, 1, nil)
	_, err := w.Ledger.Use(t.Context(), commit)
	must(err)
	r, err = w.Ledger.Received(t.Context(), w.Received(r, 1, commit, nil))
	must(err)
	return r
}

//clause:consent retention: reminders, a signed statement of deletion, and what is overdue
func TestDeleted(t *testing.T) {
	withdrawn := func(w *consenttest.World, r consent.Record) {
		_, err := w.Ledger.Withdraw(t.Context(), r.Grant, ada)
		must(err)
	}
	for _, c := range []struct {
		name string
		end  func(*consenttest.World, consent.Record)
		uses int
		bend func(*consent.DeletedClaims)
		jws  string
		want any // a sentinel, or the check by name
	}{
		{name: "it is taken after the end", end: withdrawn, uses: 1},
		{name: "it ends by itself what the clock has ended", end: func(w *consenttest.World, _ consent.Record) { w.Pass(31 * 24 * time.Hour) }, uses: 1},
		{name: "it is not taken while the grant lasts", uses: 1, want: consent.ErrStanding},
		{name: "it must cover what was received", end: func(w *consenttest.World, r consent.Record) {
			commit := w.Commit(r, 2, nil)
			_, err := w.Ledger.Use(t.Context(), commit)
			must(err)
			_, err = w.Ledger.Received(t.Context(), w.Received(r, 2, commit, nil))
			must(err)
		}, uses: 1, want: "uses"},
		{name: "it may leave out what never came", end: func(w *consenttest.World, r consent.Record) {
			_, err := w.Ledger.Use(t.Context(), w.Commit(r, 2, nil))
			must(err)
		}, uses: 1},
		{name: "it covers no use that was not taken", end: withdrawn, uses: 2, want: "uses"},
		{name: "it covers a use", end: withdrawn, uses: 0, want: "statement of deletion"},
		{name: "it names a grant", end: withdrawn, uses: 1, bend: func(c *consent.DeletedClaims) { c.GrantID = "" }, want: "statement of deletion"},
		{name: "it names a grant of ours", end: withdrawn, uses: 1, bend: func(c *consent.DeletedClaims) { c.GrantID = "other" }, want: consent.ErrUnknown},
		{name: "it says when", end: withdrawn, uses: 1, bend: func(c *consent.DeletedClaims) { c.At = 0 }, want: "statement of deletion"},
		{name: "it says what has happened", end: withdrawn, uses: 1, bend: func(c *consent.DeletedClaims) { c.At = c.IssuedAt + 1 }, want: "statement of deletion"},
		{name: "it is for this hub", end: withdrawn, uses: 1, bend: func(c *consent.DeletedClaims) { c.Audience = "https://other.example" }, want: "aud"},
		{name: "it is not from the future", end: withdrawn, uses: 1, bend: func(c *consent.DeletedClaims) { c.IssuedAt += 600 }, want: "iat"},
		{name: "it is signed", end: withdrawn, uses: 1, jws: "a.b.c", want: "deletion signature"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := consenttest.New()
			r := used(t, w)
			if c.end != nil {
				c.end(w, r)
			}
			jws := c.jws
			if jws == "" {
				jws = w.Deleted(r, c.uses, c.bend)
			}
			now, err := w.Ledger.Deleted(t.Context(), jws)
			refused(t, err, c.want)
			if c.want == nil && (now.Deleted.IsZero() || now.Deletion != consent.DigestOf(jws)) {
				t.Errorf("%+v", now)
			}
		})
	}
}

// refused compares an error with a sentinel or the name of a check; nil is none.
func refused(t testing.TB, err error, want any) {
	t.Helper()
	check, named := errors.AsType[*consent.CheckError](err)
	switch want := want.(type) {
	case nil:
		if err != nil {
			t.Error(err)
		}
	case error:
		if !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	case string:
		if !named || check.Check != want {
			t.Errorf("%v, want the check %q", err, want)
		}
	}
}

// The same statement again changes nothing, another is too late, and another
// agency's is nobody's business.
func TestDeletedOnce(t *testing.T) {
	w := consenttest.New()
	r := used(t, w)
	_, err := w.Ledger.Withdraw(t.Context(), r.Grant, ada)
	must(err)
	foreign, err := consent.SignDeleted(consent.DeletedClaims{
		Issuer: w.Provider.ID, Audience: w.Issuer, IssuedAt: w.Now().Unix(), GrantID: r.Grant, Uses: 1, At: w.Now().Unix(),
	}, w.Provider.Key, w.Provider.Chain)
	must(err)
	_, err = w.Ledger.Deleted(t.Context(), foreign)
	refused(t, err, consent.ErrForeign)
	jws := w.Deleted(r, 1, nil)
	first, err := w.Ledger.Deleted(t.Context(), jws)
	refused(t, err, nil)
	again, err := w.Ledger.Deleted(t.Context(), jws)
	refused(t, err, nil)
	if again.Seq != first.Seq {
		t.Errorf("written twice: %d, %d", first.Seq, again.Seq)
	}
	w.Pass(time.Second)
	_, err = w.Ledger.Deleted(t.Context(), w.Deleted(r, 1, nil))
	refused(t, err, consent.ErrDecided)
}

// Retention counts from the last release, never ends before the grant, and is
// overdue a day after nobody said that it was kept.
//
//clause:consent retention: reminders, a signed statement of deletion, and what is overdue
func TestKeptUntil(t *testing.T) {
	w := consenttest.New()
	r := used(t, w)
	released := r.Uses[0].At
	for name, c := range map[string]struct {
		r    consent.Record
		want time.Time
	}{
		"it counts from the release":       {r, released.Add(30 * 24 * time.Hour)},
		"it does not end before the grant": {bent(r, func(r *consent.Record) { r.Uses[0].At = released.Add(-24 * time.Hour) }), r.Expires},
		"it may end with the withdrawal": {bent(r, func(r *consent.Record) {
			r.State, r.Since = consent.StateWithdrawn, released
			r.Agreed.Retention = "P0D"
		}), released},
		"it is nothing without a release":   {bent(r, func(r *consent.Record) { r.Uses = nil }), time.Time{}},
		"it is not known without the terms": {bent(r, func(r *consent.Record) { r.Agreed = nil }), time.Time{}},
	} {
		if got := c.r.KeptUntil(); !got.Equal(c.want) {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	until := r.KeptUntil()
	told := bent(r, func(r *consent.Record) { r.Deleted = until })
	if r.Unconfirmed(until.Add(24*time.Hour)) || !r.Unconfirmed(until.Add(24*time.Hour+1)) || told.Unconfirmed(until.Add(48*time.Hour)) {
		t.Error("overdue at the wrong time")
	}
}

func bent(r consent.Record, bend func(*consent.Record)) consent.Record {
	r.Uses = append([]consent.Use(nil), r.Uses...)
	terms := *r.Agreed
	r.Agreed = &terms
	bend(&r)
	return r
}

func FuzzOpenDeleted(f *testing.F) {
	w := consenttest.New()
	f.Add(w.Deleted(consent.Record{Grant: "g"}, 1, nil))
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, jws string) {
		if c, err := consent.OpenDeleted(jws, w.Trust.AgencyRoots); err == nil && (c.GrantID == "" || c.Uses < 1) {
			t.Errorf("%+v is taken", c)
		}
	})
}
