package receipt

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/tlog"
)

// TestVerifierForgets: under a policy without witnesses a checkpoint is checked
// each time, since a key's end may come by the clock.
func TestVerifierForgets(t *testing.T) {
	for quorum, want := range map[string]int{"none": 0, "one": 1} {
		checkpoint, policy := cosigned(t, quorum)
		v := NewVerifier(consent.Trust{Log: policy})
		for range 2 {
			if _, err := v.open(checkpoint); err != nil {
				t.Fatal(err)
			}
		}
		if got := len(v.checkpoints.known); got != want {
			t.Errorf("quorum %s: %d are remembered", quorum, got)
		}
	}
}

// cosigned is an empty log's checkpoint, and the policy by which one of its
// witness is enough, or none needed.
func cosigned(t *testing.T, quorum string) ([]byte, tlog.Policy) {
	t.Helper()
	key := func() (ed25519.PublicKey, ed25519.PrivateKey) {
		public, private, err := ed25519.GenerateKey(rand.Reader)
		must(t, err)
		return public, private
	}
	logKey, logPrivate := key()
	witnessKey, witnessPrivate := key()
	signer, err := tlog.NewSigner("log.example/x", logPrivate)
	must(t, err)
	cosigner, err := tlog.NewCosigner("witness.one", witnessPrivate, time.Now)
	must(t, err)
	checkpoint, err := tlog.NewCheckpoint(signer, 0, tlog.EmptyRoot)
	must(t, err)
	line, err := tlog.Cosign(cosigner, checkpoint)
	must(t, err)
	checkpoint, err = tlog.Merge(checkpoint, line)
	must(t, err)
	policy, err := tlog.ParsePolicy(fmt.Appendf(nil, "log %s\nwitness one %s\nquorum %s\n",
		tlog.LogKey("log.example/x", logKey), tlog.WitnessKey("witness.one", witnessKey), quorum))
	must(t, err)
	return checkpoint, policy
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
