package receipt

import (
	"errors"
	"fmt"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/tlog"
)

// digest is of something with a place in the log, made once for a receipt.
type digest struct {
	sum [32]byte
	err error
}

func digestOf(v interface{ Digest() ([32]byte, error) }) digest {
	sum, err := v.Digest()
	return digest{sum, err}
}

// digest makes the digests of terms, events and the passkey's history.
func (v *verification) digest() {
	v.terms = digestOf(v.receipt.Terms)
	v.eventDigests = make([]digest, 0, len(v.receipt.Events))
	for _, e := range v.receipt.Events {
		v.eventDigests = append(v.eventDigests, digestOf(e.Event))
	}
	if v.receipt.Approval == nil {
		return
	}
	for _, record := range v.receipt.Approval.History {
		v.keyDigests = append(v.keyDigests, digestOf(record.Event))
	}
}

// sums are the digests, unless one of them is missing.
func sums(all []digest) ([][32]byte, error) {
	list := make([][32]byte, len(all))
	for i, d := range all {
		if d.err != nil {
			return nil, d.err
		}
		list[i] = d.sum
	}
	return list, nil
}

// place is where something is in the log, by its name in the report.
type place struct {
	name string
	at   tlog.Checkpoint
	err  error
}

// locate finds the places of all events and of the passkey's history.
func (v *verification) locate() {
	v.eventPlaces = make([]place, 0, len(v.receipt.Events))
	for i, e := range v.receipt.Events {
		at, err := v.placed(consent.LeafDomain, e.Salt, v.eventDigests[i], e.Proof)
		v.eventPlaces = append(v.eventPlaces, place{fmt.Sprintf("event %d", i+1), at, err})
	}
	if v.receipt.Approval == nil {
		return
	}
	for i, record := range v.receipt.Approval.History {
		at, err := v.placed(approval.LeafDomain, record.Salt, v.keyDigests[i], record.Proof)
		v.keyPlaces = append(v.keyPlaces, place{fmt.Sprintf("passkey event %d", i+1), at, err})
	}
}

// opened is what a policy says of a checkpoint. Most entries of a receipt lie
// under one and the same, whose signatures need to be checked once, also when
// they are wrong.
type opened struct {
	checkpoint tlog.Checkpoint
	err        error
}

// placed is the checkpoint under which an entry is. ErrUnwitnessed comes only
// when all else is right (tlog.Policy.VerifyInclusion).
func (v *verification) placed(domain string, salt []byte, d digest, text string) (tlog.Checkpoint, error) {
	if len(salt) != 32 {
		return tlog.Checkpoint{}, fmt.Errorf("a salt of %d bytes", len(salt))
	}
	if d.err != nil {
		return tlog.Checkpoint{}, d.err
	}
	proof, err := tlog.ParseProof([]byte(text))
	if err != nil {
		return tlog.Checkpoint{}, err
	}
	o, known := v.opened[string(proof.Checkpoint)]
	if !known {
		o.checkpoint, o.err = v.open(proof.Checkpoint)
		v.opened[string(proof.Checkpoint)] = o
	}
	if o.err != nil && !errors.Is(o.err, tlog.ErrUnwitnessed) {
		return tlog.Checkpoint{}, o.err
	}
	leaf := tlog.LeafHash(tlog.Commitment(domain, [32]byte(salt), d.sum))
	if err := tlog.CheckInclusion(proof.Path, o.checkpoint.Size, o.checkpoint.Root, proof.Index, leaf); err != nil {
		return tlog.Checkpoint{}, err
	}
	return o.checkpoint, o.err
}

// historyIncluded: every event of the passkey's history, from that one on, is in
// the log. That one is unwitnessed is said only when no later one is worse.
func (v *verification) historyIncluded(from int) error {
	for i, p := range v.keyPlaces[from:] {
		if p.err != nil {
			return graver(fmt.Errorf("%s: %w", p.name, p.err), func() error { return v.historyIncluded(from + i + 1) })
		}
	}
	return nil
}

// graver is an error, or what comes after it where the error says UNWITNESSED alone
// and that says more.
func graver(err error, later func() error) error {
	if unwitnessed(err) {
		if worse := later(); worse != nil && !unwitnessed(worse) {
			return worse
		}
	}
	return err
}
