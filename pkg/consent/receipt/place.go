package receipt

import (
	"errors"
	"fmt"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/tlog"
)

// opened is what a policy says of a checkpoint. Most entries of a receipt lie
// under one and the same, whose signatures need to be checked once.
type opened struct {
	checkpoint tlog.Checkpoint
	err        error
}

// placed is the checkpoint under which an entry is. ErrUnwitnessed comes only
// when all else is right (tlog.Policy.VerifyInclusion).
func (v *verifier) placed(entry []byte, text string) (tlog.Checkpoint, error) {
	proof, err := tlog.ParseProof([]byte(text))
	if err != nil {
		return tlog.Checkpoint{}, err
	}
	o, known := v.opened[string(proof.Checkpoint)]
	if !known {
		o.checkpoint, o.err = v.trust.Log.Open(proof.Checkpoint)
		v.opened[string(proof.Checkpoint)] = o
	}
	if o.err != nil && !errors.Is(o.err, tlog.ErrUnwitnessed) {
		return tlog.Checkpoint{}, o.err
	}
	if err := tlog.CheckInclusion(proof.Path, o.checkpoint.Size, o.checkpoint.Root, proof.Index, tlog.LeafHash(entry)); err != nil {
		return tlog.Checkpoint{}, err
	}
	return o.checkpoint, o.err
}

func (v *verifier) placedKey(r approval.KeyRecord) (tlog.Checkpoint, error) {
	entry, err := consent.KeyEntry(r)
	if err != nil {
		return tlog.Checkpoint{}, err
	}
	return v.placed(entry, r.Proof)
}

// historyIncluded: every event of the passkey's history is in the log.
func (v *verifier) historyIncluded(history []approval.KeyRecord) error {
	for i, record := range history {
		if _, err := v.placedKey(record); err != nil {
			return fmt.Errorf("passkey event %d: %w", i+1, err)
		}
	}
	return nil
}
