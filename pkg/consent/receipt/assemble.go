package receipt

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/tlog"
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

// Assembler makes receipts.
type Assembler struct {
	Ledger Ledger
	Proofs Proofs
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
	if e.Evidence.Approval != nil && open {
		proved, err := Prove(ctx, a.Proofs, *e.Evidence.Approval)
		if err != nil {
			return err
		}
		r.Approval = &proved
	}
	return nil
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
