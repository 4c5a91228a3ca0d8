package monitor

import (
	"fmt"
	"io/fs"

	"github.com/govmydata/mydata/pkg/tlog/endorsement"
)

// Endorsed reads the trust folder of a ledger and gives what verifies proofs of
// anchors by it, for Handed.
func Endorsed(folder fs.FS) (func(proof []byte) (Anchor, error), error) {
	trust, err := endorsement.LoadTrust(folder)
	if err != nil {
		return nil, fmt.Errorf("anchors: %w", err)
	}
	return func(proof []byte) (Anchor, error) {
		p, err := endorsement.ParseProof(proof)
		if err != nil {
			return Anchor{}, err
		}
		a, err := trust.Verify(p)
		if err != nil {
			return Anchor{}, err
		}
		return Anchor{Origin: a.Origin, Size: a.Size, Root: a.Root}, nil
	}, nil
}
