package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/death"
	"github.com/govmydata/mydata/internal/store"
)

func TestDeaths(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		ctx, at := t.Context(), time.UnixMilli(1_900_000_000_000)
		people, deaths := db.Accounts(), db.Deaths()
		key := account.PasskeyRow{ID: "key", Citizen: "c-1", Credential: []byte("{}"), JWK: []byte("{}"), Added: at, LastUsed: at}
		must(t, people.Commit(ctx, account.Commit{ID: "enrol", Citizen: &account.CitizenRow{ID: "c-1", Resident: "r-1", Key: []byte("k"), Created: at}, Passkey: &key, At: at}))
		must(t, people.PutSession(ctx, account.SessionRow{Hash: "h", Citizen: "c-1", Passkey: "key", AuthTime: at, Expires: at.Add(time.Hour)}, at))

		first := death.Closed{Resident: "r-1", Citizen: "c-1", Order: "one", At: at}
		for range 2 { // the second time its answer was lost
			if got, before, err := deaths.Close(ctx, death.Closed{Resident: "r-1", Order: "one", At: at}); err != nil || before || got != first {
				t.Errorf("it closes: %+v %v %v", got, before, err)
			}
		}
		if got, before, err := deaths.Close(ctx, death.Closed{Resident: "r-1", Order: "two", At: at.Add(time.Hour)}); err != nil || !before || got != first {
			t.Errorf("the first order stands: %+v %v %v", got, before, err)
		}
		if keys, err := people.Passkeys(ctx, "c-1"); err != nil || len(keys) != 0 {
			t.Errorf("passkeys live: %v %v", keys, err)
		}
		if _, err := people.Session(ctx, "h", at); !errors.Is(err, account.ErrNotFound) {
			t.Errorf("a session lives: %v", err)
		}
		if _, _, err := deaths.Close(ctx, death.Closed{Resident: "r-2", Order: "three", At: at.Add(time.Second)}); err != nil {
			t.Error(err)
		}
		late := key
		late.ID = "late"
		for name, c := range map[string]account.Commit{
			"a passkey":           {ID: "late", Passkey: &late, At: at},
			"an account":          {ID: "new", Citizen: &account.CitizenRow{ID: "c-2", Resident: "r-2", Key: []byte("k"), Created: at}, At: at},
			"an order to enrol":   {ID: "order", Order: &account.OrderRow{CodeHash: "x", Resident: "r-2", Expires: at}, At: at},
			"an order to replace": {ID: "again", Order: &account.OrderRow{CodeHash: "y", Resident: "r-1", Replace: true, Expires: at}, EndAll: "c-1", At: at},
		} {
			if err := people.Commit(ctx, c); !errors.Is(err, account.ErrClosed) {
				t.Errorf("it takes %s of a closed account: %v", name, err)
			}
		}
		if closed, err := people.Closed(ctx, "r-2"); err != nil || !closed {
			t.Errorf("%v %v", closed, err)
		}
		if closed, err := people.Closed(ctx, "r-3"); err != nil || closed {
			t.Errorf("%v %v", closed, err)
		}
		if row, err := people.Living(ctx, "c-1"); !errors.Is(err, account.ErrClosed) || row.Resident != "" {
			t.Errorf("a dead citizen lives: %v %v", row, err)
		}
		must(t, deaths.Settle(ctx, "r-1", at))
		if all, err := deaths.Unsettled(ctx, 10); err != nil || len(all) != 1 || all[0].Resident != "r-2" {
			t.Errorf("%+v %v", all, err)
		}
	})
}
