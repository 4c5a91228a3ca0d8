package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/trail"
)

// Trail is what every trail.Store must do. s is empty.
func Trail(t *testing.T, s trail.Store) {
	noon := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	login := int64(1001)
	row := func(act int, step, outcome string) trail.Entry {
		return trail.Entry{
			Act: fmt.Sprint("act-", act), Step: step, What: "enrol", By: trail.Caller{UID: 7, Login: &login},
			At: noon.Add(time.Duration(act) * time.Minute), Target: trail.Target{Kind: trail.Resident, ID: "resident-01"},
			Outcome: outcome, Salt: [32]byte{byte(act)},
		}
	}
	add := func(e trail.Entry) error { return s.Add(t.Context(), e, []byte(e.Act+e.Step)) }
	list := func(since time.Time, limit int) []trail.Act {
		acts, err := s.Acts(t.Context(), since, limit)
		is(t, "acts", err, nil)
		return acts
	}
	t.Run("it is empty at first", func(t *testing.T) { same(t, "acts", len(list(time.Time{}, 10)), 0) })
	t.Run("it keeps a row once", func(t *testing.T) {
		is(t, "add", add(row(1, trail.Begun, "")), nil)
		is(t, "add again", add(row(1, trail.Begun, "")), nil)
		if err := s.Add(t.Context(), row(1, trail.Begun, ""), []byte("another leaf")); err == nil {
			t.Error("another row under its name")
		}
		same(t, "acts", len(list(time.Time{}, 10)), 1)
	})
	t.Run("it tells an act that has not ended", func(t *testing.T) {
		a := list(time.Time{}, 10)[0]
		same(t, "outcome", a.Outcome, "")
		same(t, "end", a.Ended.IsZero(), true)
		same(t, "login", *a.By.Login, login)
		same(t, "at", a.At, noon.Add(time.Minute))
	})
	t.Run("it joins an act's end to its beginning", func(t *testing.T) {
		end := row(1, trail.Ended, trail.Done)
		end.Target, end.At = trail.Target{Kind: trail.Client, ID: "c"}, noon.Add(time.Hour)
		is(t, "add", add(end), nil)
		a := list(time.Time{}, 10)[0]
		same(t, "outcome", a.Outcome, trail.Done)
		same(t, "target", a.Target, end.Target)
		same(t, "times", []time.Time{a.At, a.Ended}, []time.Time{noon.Add(time.Minute), noon.Add(time.Hour)})
	})
	t.Run("it answers the newest, oldest first", func(t *testing.T) {
		for n := 2; n <= 5; n++ {
			e := row(n, trail.Begun, "")
			e.By.Login = nil
			is(t, "add", add(e), nil)
		}
		newest := list(time.Time{}, 2)
		same(t, "acts", []string{newest[0].ID, newest[1].ID}, []string{"act-4", "act-5"})
		same(t, "no login", newest[0].By.Login == nil, true)
		same(t, "since", len(list(noon.Add(3*time.Minute), 10)), 3)
	})
}
