package sdk

import (
	"crypto/ed25519"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/govmydata/mydata/pkg/consent/receipt"
	"github.com/govmydata/mydata/pkg/tlog"
)

// asking makes a policy "k of n": the log's witnesses, and as many that never
// cosign.
func asking(t *testing.T, policy tlog.Policy, k, more int) tlog.Policy {
	t.Helper()
	witnesses := append([]tlog.Witness(nil), policy.Witnesses...)
	for i := range more {
		key := ed25519.NewKeyFromSeed(append(make([]byte, ed25519.SeedSize-1), byte(i+1)))
		witnesses = append(witnesses, tlog.Witness{Name: string(rune('a' + i)), Key: tlog.WitnessKey("away.example", key.Public().(ed25519.PublicKey))})
	}
	p, err := tlog.ParsePolicy(tlog.NewPolicy(policy.Logs[0], witnesses, k))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestUnwitnessedAtEachDoor: by the agency's own policy, "k of n witnesses", a
// provider releases nothing on a history, and a consumer takes no receipt, that
// too few of them cosigned. Three cosign here.
//
//clause:log tlog-policy: k of n, at each door
func TestUnwitnessedAtEachDoor(t *testing.T) {
	for _, tt := range []struct {
		name    string
		k, more int
		silent  bool
		good    bool
	}{
		{"it takes 3 of 3", 3, 0, false, true},
		{"it takes 3 of 6", 3, 3, false, true},
		{"it refuses 4 of 6", 4, 3, false, false},
		{"it refuses 1 of 3 when all are silent", 1, 0, true, false},
	} {
		t.Run(tt.name+" as provider", func(t *testing.T) {
			f := newFixture(t)
			consumers := f.world.Trust.Log
			f.world.Trust.Log = asking(t, consumers, tt.k, tt.more)
			f.open()
			f.consumer.config.Trust.Log, f.consumer.checks.Trust.Log = consumers, consumers
			state, query := f.granted("vision_ok", "hearing_ok")
			f.world.Log.Silent = tt.silent
			_, err := f.consumer.Complete(t.Context(), state, query)
			var refused *Error
			if tt.good != (err == nil) || !tt.good && (!errors.As(err, &refused) || refused.By != "provider" || !strings.Contains(refused.Cause, "UNWITNESSED")) {
				t.Errorf("%v", err)
			}
			if (f.loaded > 0) != tt.good {
				t.Errorf("loaded %d records", f.loaded)
			}
		})
		t.Run(tt.name+" as consumer", func(t *testing.T) {
			f := newFixture(t)
			f.consumer.config.Trust.Log = asking(t, f.world.Trust.Log, tt.k, tt.more)
			f.consumer.receipts = receipt.NewVerifier(f.consumer.config.Trust)
			f.route.fault = func(r *http.Request, send func() *http.Response) (*http.Response, error) {
				f.world.Log.Silent = tt.silent && r.URL.Path == "/agency/received"
				return send(), nil
			}
			r := f.complete()
			if (len(r.Receipt) > 0) != tt.good {
				t.Errorf("receipt %.40q", r.Receipt)
			}
			_, err := f.consumer.Receipt(t.Context(), r.GrantID)
			var refused *Error
			if tt.good != (err == nil) || !tt.good && (!errors.As(err, &refused) || !strings.Contains(refused.Cause, "UNWITNESSED")) {
				t.Errorf("%v", err)
			}
		})
	}
}
