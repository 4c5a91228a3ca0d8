package storetest

import (
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
)

// Deadlines is what every consent.Deadlines must do beside its consent.Store. s
// is empty.
func Deadlines(t *testing.T, s interface {
	consent.Store
	consent.Deadlines
}) {
	offer := time.Unix(consentTime.Unix()+3600, 0).UTC() // when an offer of asked lapses
	due := func(at time.Time, limit int) (ids []string) {
		t.Helper()
		all, err := s.Due(t.Context(), at, limit)
		is(t, "due", err, nil)
		for _, d := range all {
			ids = append(ids, string(d.Grant)+" "+d.At.Format(time.TimeOnly))
		}
		return ids
	}
	follow := func(grant, citizen string, seq int64, e consent.Event) {
		t.Helper()
		e.Grant, e.Seq, e.Citizen, e.CitizenSeq, e.At = consent.GrantID(grant), seq, citizen, seq, consentTime
		is(t, "commit", kept(s.Commit(t.Context(), consent.Commit{
			ID: "test/" + grant + "/" + string(e.Kind), Digest: []byte(grant), Events: []consent.Event{e}, Leaves: [][]byte{[]byte("leaf")},
		})), nil)
	}
	for _, name := range []string{"due-a", "due-b", "due-c"} {
		is(t, "commit", kept(s.Commit(t.Context(), asked(name, "citizen of "+name, 1))), nil)
	}
	t.Run("it finds nothing before its time", func(t *testing.T) {
		same(t, "due", len(due(offer.Add(-time.Millisecond), 10)), 0)
	})
	t.Run("it finds what is over, bounded, and again while nothing ends it", func(t *testing.T) {
		same(t, "due", due(offer, 10), []string{"due-a 10:00:00", "due-b 10:00:00", "due-c 10:00:00"})
		same(t, "two", due(offer, 2), []string{"due-a 10:00:00", "due-b 10:00:00"})
	})
	t.Run("it follows a grant that lasts longer than its offer", func(t *testing.T) {
		follow("due-b", "citizen of due-b", 2, consent.Event{Kind: consent.KindGranted, Terms: "t", Approval: "a", MaxUses: 1, NotBefore: 1, Expires: offer.Unix() + 60})
		same(t, "due", due(offer, 10), []string{"due-a 10:00:00", "due-c 10:00:00"})
		same(t, "later", due(offer.Add(time.Hour), 10), []string{"due-a 10:00:00", "due-c 10:00:00", "due-b 10:01:00"})
	})
	t.Run("it keeps a grant in sight that is used or paused", func(t *testing.T) {
		follow("due-b", "citizen of due-b", 3, consent.Event{Kind: consent.KindPaused})
		same(t, "due", len(due(offer.Add(time.Hour), 10)), 3)
	})
	t.Run("it forgets what was denied, and has what ended looked at for its deletion", func(t *testing.T) {
		follow("due-a", "citizen of due-a", 2, consent.Event{Kind: consent.KindDenied})
		follow("due-b", "citizen of due-b", 4, consent.Event{Kind: consent.KindWithdrawn})
		same(t, "due", due(offer.Add(time.Hour), 10), []string{"due-b 09:00:00", "due-c 10:00:00"})
	})
	t.Run("it forgets what is deleted", func(t *testing.T) {
		follow("due-b", "citizen of due-b", 5, consent.Event{Kind: consent.KindDeleted})
		same(t, "due", due(offer.Add(time.Hour), 10), []string{"due-c 10:00:00"})
	})
	t.Run("it forgets what is erased", func(t *testing.T) {
		is(t, "erase", s.Erase(t.Context(), "due-c"), nil)
		same(t, "due", len(due(offer.Add(time.Hour), 10)), 0)
	})
}
