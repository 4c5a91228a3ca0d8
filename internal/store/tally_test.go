package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/internal/tally"
	"github.com/govmydata/mydata/pkg/consent"
)

func TestTally(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		for i, citizen := range []string{"b", "a", "c"} {
			c := consent.Commit{ID: fmt.Sprint("tally", i), Digest: []byte{1}}
			for seq := range 2 {
				c.Events = append(c.Events, consent.Event{
					Grant: consent.GrantID("g" + citizen), Seq: int64(seq + 1), Kind: consent.KindRequested, At: time.Unix(0, 0).UTC(),
					Citizen: citizen, CitizenSeq: int64(seq + 1),
				})
				c.Leaves = append(c.Leaves, fmt.Append(nil, "leaf", i, seq))
			}
			if _, err := db.Consents().Commit(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		var got string
		cursor := tally.Cursor{}
		for {
			events, err := db.Tally().EventsAfter(t.Context(), cursor, 4)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range events {
				got += fmt.Sprint(e.Citizen, e.CitizenSeq, " ")
				cursor = tally.Cursor{Citizen: e.Citizen, Seq: e.CitizenSeq}
			}
			if len(events) < 4 {
				break
			}
		}
		if got != "a1 a2 b1 b2 c1 c2 " {
			t.Errorf("it reads %q", got)
		}
		for _, m := range []tally.Month{{Month: "2026-09", Rows: []tally.Row{{Consumer: "x", Grants: 10}}}, {Month: "2026-10", Rows: []tally.Row{}}, {Month: "2026-09"}} {
			if err := db.Tally().KeepMonth(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
		months, err := db.Tally().Months(t.Context(), 5)
		if err != nil || len(months) != 2 || months[0].Month != "2026-10" || len(months[1].Rows) != 1 || months[1].Rows[0].Grants != 10 {
			t.Errorf("%+v %v", months, err)
		}
	})
}
