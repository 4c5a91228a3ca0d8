package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/notify"
	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/internal/store/storetest"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/signal"
)

//clause:signals an outbox in the event's transaction; numbers without a gap, never twice
//clause:signals what was put aside an operator sees, and has told again with the same jti and number
func TestSignals(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) { storetest.Signals(t, db.Signals(), db.Consents()) })
}

func TestChoices(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) { storetest.Choices(t, db.Signals()) })
}

// TestNobodyListens: a citizen who chose no way to be told leaves no row of what
// would be told; who chose one does, in the same transaction as others.
func TestNobodyListens(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		must(t, db.Signals().PutChoice(t.Context(), notify.Choice{Citizen: "hears", Channel: notify.ChannelFile, Lang: "en", Address: []byte("hears"), Told: time.Now(), CodeUntil: time.Now()}))
		for i, citizen := range []string{"hears", "does not"} {
			event := consent.Event{Grant: consent.GrantID("grant of " + citizen), Seq: 1, Citizen: citizen, CitizenSeq: 1, Kind: consent.KindRequested, At: time.Now()}
			tell := func(audience string) signal.Signal {
				return signal.New(audience, signal.GrantGranted, string(event.Grant), 1, 0, event.At)
			}
			_, err := db.Consents().Commit(t.Context(), consent.Commit{
				ID: fmt.Sprint("listens ", i), Digest: []byte{1}, Events: []consent.Event{event}, Leaves: [][]byte{{1}},
				Signals: []signal.Signal{tell("urn:listens"), tell(signal.Citizen(citizen))},
			})
			must(t, err)
		}
		for audience, want := range map[string]int{"urn:listens": 2, signal.Citizen("hears"): 1, signal.Citizen("does not"): 0} {
			if waiting, err := db.Signals().Waiting(t.Context(), audience, 10); err != nil || len(waiting) != want {
				t.Errorf("%s: %d wait, %v", audience, len(waiting), err)
			}
		}
	})
}
