package crash

import (
	"context"
	"slices"
	"time"

	"github.com/govmydata/mydata/conformance/stage"
	"github.com/govmydata/mydata/pkg/consent/receipt"
	"github.com/govmydata/mydata/pkg/tlog"
)

// withoutWitnesses walks with one of three witnesses gone, when everything goes
// on, and with two gone, when everything goes on but the proofs; with two again
// the proofs come, of one log.
func (w *world) withoutWitnesses() {
	w.Helper()
	one, other := stage.Witness(1), stage.Witness(3)
	k := w.newWalk()
	w.fell(one)
	for _, s := range story[:slices.IndexFunc(story, func(s step) bool { return s.name == "find it used up" })] {
		k.take(s)
	}
	if seen := k.witnesses(); len(seen) != 2 {
		w.Errorf("with one witness gone the proofs are cosigned by %v", seen)
	}
	k.check()

	w.fell(other)
	k.take(step{"be asked with one witness", (*walk).ask})
	k.take(step{"approve with one witness", (*walk).approve})
	k.take(step{"let that be used with one witness", (*walk).use})
	ctx, cancel := context.WithTimeout(w.Context(), 2*time.Second)
	defer cancel()
	if raw, err := k.c.Receipt(ctx, k.grant); err == nil {
		if _, err = k.verified(raw); err == nil {
			w.Error("a receipt holds though one witness of three was there")
		}
	}
	k.take(step{"withdraw with one witness", (*walk).withdraw})

	w.rises(one)
	k.take(step{"take the receipts that waited", (*walk).takeReceipts})
	k.check()
	w.rises(other)
	if len(k.witnesses()) < 2 {
		w.Error("no quorum after everybody came back")
	}
	k.check()
}

// witnesses that cosigned the last proof of the citizen's receipt.
func (k *walk) witnesses() (seen []string) {
	k.Helper()
	k.until("see who cosigned", func(ctx context.Context) error {
		raw, err := k.c.Receipt(ctx, k.grant)
		if err != nil {
			return err
		}
		var r receipt.Receipt
		if r, err = k.verified(raw); err != nil {
			return err
		}
		proof, err := tlog.ParseProof([]byte(r.Events[len(r.Events)-1].Proof))
		if err != nil {
			return err
		}
		checkpoint, err := k.trust.Log.Open(proof.Checkpoint)
		seen = checkpoint.Witnesses
		return err
	})
	return seen
}

// fell kills a process that stays away.
func (w *world) fell(name string) {
	w.Helper()
	if err := w.stage.Kill(name); err != nil {
		w.Fatal(err)
	}
	w.kills++
}

func (w *world) rises(name string) {
	w.Helper()
	err := w.stage.Start(name)
	if err == nil {
		err = w.stage.Wait(w.Context(), name)
	}
	if err != nil {
		w.Fatal(err)
	}
}
