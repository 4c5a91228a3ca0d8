package receipt

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/tlog"
	"github.com/govmydata/mydata/pkg/tlog/endorsement"
)

// ErrNotGranted says that a request was never granted: there are no terms to
// give a receipt for.
var ErrNotGranted = errors.New("receipt: the request was not granted")

// Ledger is the account of grants, as consent.Ledger keeps it.
type Ledger interface {
	// Account answers a grant's record and all its events.
	Account(ctx context.Context, id consent.GrantID) (consent.Record, []consent.Event, error)
	// Countersign signs the record's state and the receipt's digest.
	Countersign(r consent.Record, events []consent.Event, receipt string) (string, error)
}

// Proofs answers an entry's place in the log, in a witnessed checkpoint, and
// waits for it as long as the context allows. It may be called at once.
type Proofs interface {
	WaitProof(ctx context.Context, entry []byte) (tlog.Proof, error)
}

// Anchors answers what peers of a Fabric channel said about the checkpoint of
// a size; false when it is not anchored, or not yet. It may be called at once.
type Anchors interface {
	Anchor(ctx context.Context, size int64) (endorsement.Proof, bool, error)
}

// Assembler makes receipts.
type Assembler struct {
	Ledger  Ledger
	Proofs  Proofs
	Anchors Anchors // nil where the log is not anchored
}

// ForCitizen is the citizen's own copy, with the approval opened.
// consent.ErrForeign to anybody else.
func (a Assembler) ForCitizen(ctx context.Context, id consent.GrantID, citizen string) (Receipt, error) {
	return a.assemble(ctx, id, true, func(r consent.Record) bool { return citizen != "" && r.Citizen == citizen })
}

// ForConsumer is the receiving agency's copy, with the approval closed.
// consent.ErrForeign to any other agency.
func (a Assembler) ForConsumer(ctx context.Context, id consent.GrantID, agency string) (Receipt, error) {
	return a.assemble(ctx, id, false, func(r consent.Record) bool { return agency != "" && r.Consumer == agency })
}

func (a Assembler) assemble(ctx context.Context, id consent.GrantID, open bool, may func(consent.Record) bool) (Receipt, error) {
	record, events, err := a.Ledger.Account(ctx, id)
	if err != nil {
		return Receipt{}, err
	}
	if !may(record) {
		return Receipt{}, consent.ErrForeign
	}
	if record.Agreed == nil {
		return Receipt{}, ErrNotGranted
	}
	r := Receipt{
		SchemaVersion: Schema, ID: fmt.Sprintf("urn:mydata:receipt:%s:%d", id, record.Seq),
		Request: events[0].Evidence.Request, Terms: *record.Agreed, Commits: []string{}, Received: []string{},
	}
	for _, e := range events {
		if err := a.add(ctx, &r, e, open); err != nil {
			return Receipt{}, fmt.Errorf("receipt: event %d: %w", e.Seq, err)
		}
	}
	if r.Anchors, err = a.anchors(ctx, r); err != nil {
		return Receipt{}, err
	}
	digest, err := r.Digest()
	if err != nil {
		return Receipt{}, err
	}
	r.Record, err = a.Ledger.Countersign(record, events, digest)
	return r, err
}

// add takes one event into the receipt, with its proof and what it opens to.
func (a Assembler) add(ctx context.Context, r *Receipt, e consent.Event, open bool) error {
	entry, err := consent.Entry(e, e.Salt)
	if err != nil {
		return err
	}
	proof, err := a.Proofs.WaitProof(ctx, entry)
	if err != nil {
		return err
	}
	r.Events = append(r.Events, Event{Event: bare(e), Salt: slices.Clone(e.Salt[:]), Proof: string(proof.Marshal())})
	if e.Evidence.Commit != "" {
		r.Commits = append(r.Commits, e.Evidence.Commit)
	}
	if e.Evidence.Received != "" {
		r.Received = append(r.Received, e.Evidence.Received)
	}
	if e.Evidence.Deletion != "" {
		r.Deletion = e.Evidence.Deletion
	}
	if e.Evidence.Approval != nil && open {
		proved, err := Prove(ctx, a.Proofs, *e.Evidence.Approval)
		if err != nil {
			return err
		}
		r.Approval = &proved
	}
	return nil
}

// anchors are the proofs of all checkpoints that the receipt leads to, as far
// as there are any.
func (a Assembler) anchors(ctx context.Context, r Receipt) ([]endorsement.Proof, error) {
	if a.Anchors == nil {
		return nil, nil
	}
	var all []endorsement.Proof
	seen := map[int64]bool{}
	for _, text := range r.proofs() {
		proof, err := tlog.ParseProof([]byte(text))
		if err != nil {
			return nil, fmt.Errorf("receipt: anchors: %w", err)
		}
		c, err := tlog.Peek(proof.Checkpoint)
		if err != nil {
			return nil, fmt.Errorf("receipt: anchors: %w", err)
		}
		if seen[c.Size] {
			continue
		}
		seen[c.Size] = true
		anchor, found, err := a.Anchors.Anchor(ctx, c.Size)
		if err != nil {
			return nil, fmt.Errorf("receipt: anchor of size %d: %w", c.Size, err)
		}
		if found {
			all = append(all, anchor)
		}
	}
	return all, nil
}

// proofs are all places in the log that the receipt names.
func (r Receipt) proofs() []string {
	var all []string
	for _, e := range r.Events {
		all = append(all, e.Proof)
	}
	if r.Approval != nil {
		for _, record := range r.Approval.History {
			all = append(all, record.Proof)
		}
	}
	return all
}

// bare is the event without what never leaves the hub.
func bare(e consent.Event) consent.Event {
	e.Citizen, e.CitizenSeq, e.Salt, e.Evidence = "", 0, [32]byte{}, consent.Evidence{}
	return e
}

// Prove gives every event of an approval's passkey history its place in the log.
func Prove(ctx context.Context, proofs Proofs, a consent.Approval) (consent.Approval, error) {
	a.History = slices.Clone(a.History)
	for i, record := range a.History {
		entry, err := consent.KeyEntry(record)
		if err != nil {
			return a, err
		}
		proof, err := proofs.WaitProof(ctx, entry)
		if err != nil {
			return a, fmt.Errorf("passkey event %d: %w", i+1, err)
		}
		a.History[i].Proof = string(proof.Marshal())
	}
	return a, nil
}
