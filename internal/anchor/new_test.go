package anchor_test

import (
	"crypto/ed25519"
	"strings"
	"testing"

	"github.com/govmydata/mydata/internal/anchor"
	"github.com/govmydata/mydata/internal/anchor/anchortest"
	"github.com/govmydata/mydata/pkg/tlog"
)

// TestNewRefuses: an anchorer without one log, without witnesses, or of a log
// that the ledger cannot name does not begin.
func TestNewRefuses(t *testing.T) {
	public := anchortest.Key(1).Public().(ed25519.PublicKey)
	log := func(origin string) string { return "log " + tlog.LogKey(origin, public).String() + "\n" }
	other := "log " + tlog.LogKey("other.example", anchortest.Key(3).Public().(ed25519.PublicKey)).String() + "\n"
	second := "log " + tlog.LogKey(anchortest.Origin, anchortest.Key(3).Public().(ed25519.PublicKey)).String() + "\n"
	witness := "witness w " + tlog.WitnessKey("witness.example/1", anchortest.Key(2).Public().(ed25519.PublicKey)).String() + "\nquorum w\n"
	for name, tt := range map[string]struct{ policy, says string }{
		"one log":                   {log(anchortest.Origin) + witness, ""},
		"one log, which had a key":  {log(anchortest.Origin) + second + witness, ""},
		"no log":                    {witness, "one log"},
		"two logs":                  {log(anchortest.Origin) + other + witness, "one log"},
		"no witness":                {log(anchortest.Origin) + "quorum none\n", "no witness"},
		"an origin beyond ASCII":    {log("lög.example") + witness, "takes no origin"},
		"an origin without end":     {log(strings.Repeat("o", 257)) + witness, "takes no origin"},
		"an origin of 256 is taken": {log(strings.Repeat("o", 256)) + witness, ""},
	} {
		policy, err := tlog.ParsePolicy([]byte(tt.policy))
		if err != nil {
			t.Fatal(err)
		}
		_, err = anchor.New(anchor.Options{Policy: policy})
		if tt.says == "" && err != nil || tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
