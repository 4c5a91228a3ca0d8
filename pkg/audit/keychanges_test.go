package audit_test

import (
	"crypto/ed25519"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/audit"
	"github.com/govmydata/mydata/pkg/tlog"
)

// TestKeyChanges: whoever has a policy hears of a change that it does not know.
func TestKeyChanges(t *testing.T) {
	end := time.Unix(2000000000, 0).UTC()
	var keys []tlog.Key
	var changes []tlog.KeyChange
	var signers []tlog.Signer
	for i := range 4 {
		private := ed25519.NewKeyFromSeed(append(make([]byte, ed25519.SeedSize-1), byte(i)))
		s, err := tlog.NewSigner("log.example", private)
		if err != nil {
			t.Fatal(err)
		}
		keys, signers = append(keys, tlog.LogKey("log.example", private.Public().(ed25519.PublicKey))), append(signers, s)
		if i == 0 {
			continue
		}
		c, err := tlog.NewKeyChange(tlog.KeyChange{Old: keys[i-1], New: keys[i], Active: end, Retired: end.Add(time.Duration(i) * time.Hour)}, signers[i-1], s)
		if err != nil {
			t.Fatal(err)
		}
		changes = append(changes, c)
	}
	ended := func(i int) tlog.Log { return tlog.Log{Key: keys[i], Until: changes[i].Retired} }
	for _, test := range []struct {
		it   string
		logs []tlog.Log
		said []tlog.KeyChange
		want int
	}{
		{"it takes all changes that the policy has", []tlog.Log{ended(0), ended(1), ended(2), {Key: keys[3]}}, changes, 0},
		{"it takes older changes than the policy", []tlog.Log{{Key: keys[3]}}, changes, 0},
		{"it finds a change that is new to the policy", []tlog.Log{ended(0), {Key: keys[1]}}, changes[:2], 1},
		{"it finds a policy that lets the old key go on", []tlog.Log{{Key: keys[0]}, {Key: keys[1]}}, changes[:1], 1},
		{"it finds a change between keys of nobody", []tlog.Log{{Key: keys[0]}}, changes[1:2], 1},
		{"it finds a change that leads nowhere before one that is known", []tlog.Log{ended(2), {Key: keys[3]}}, []tlog.KeyChange{changes[0], changes[2]}, 1},
	} {
		if found := audit.KeyChanges(tlog.Policy{Logs: test.logs}, test.said); len(found) != test.want {
			t.Errorf("%s: %v", test.it, found)
		}
	}
	found := audit.KeyChanges(tlog.Policy{Logs: []tlog.Log{{Key: keys[0]}}}, changes[:1])
	if len(found) != 1 || found[0].Check != audit.Key || !strings.Contains(found[0].Detail, "does not know") || found[0].ExitCode() != 32 || len(found[0].Evidence) != 1 {
		t.Errorf("%v", found)
	}
}
