package erasure

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
)

// What callers branch on.
var (
	ErrOrder   = errors.New("the officers' order to erase is not accepted")
	ErrNobody  = errors.New("the hub knows nobody by this number")
	ErrHeld    = errors.New("a legal hold keeps everything of this person")
	ErrLaw     = errors.New("the law keeps something of this person for longer")
	ErrReason  = errors.New("the reason is not on the list")
	ErrChanged = errors.New("something happened meanwhile") // of Store.ErasePerson: nothing was written
)

// Erased is what is gone.
type Erased struct {
	Grants      int  `json:"grants"`
	Leaves      int  `json:"leaves"` // of the log, that nothing opens any more
	Credentials int  `json:"credentials"`
	Before      bool `json:"before"` // this order had been carried out already
}

// Gone is a person's erasure as a value.
type Gone struct {
	ID                string // of the commit: carried out once
	Digest            [32]byte
	Citizen, Resident string
	Head              int64 // the highest place in the history; ErrChanged when it is another by now
}

// Store deletes. Its calls may run at once, in several processes.
type Store interface {
	consent.Holds
	// Citizen is who a resident became; "" when nobody did.
	Citizen(ctx context.Context, resident string) (string, error)
	// ErasePerson deletes in one transaction all rows of a person, leaving a
	// tombstone for each leaf. nil: this or an earlier call with this ID is
	// durable, whole; Before tells which. ErrChanged: nothing was written, look
	// again: something was added, or a credential is not revoked. Any other
	// error: the outcome is unknown; call again.
	ErasePerson(ctx context.Context, g Gone) (Erased, error)
	// Ordered are the names of the orders that the log says were carried out.
	Ordered(ctx context.Context) ([]string, error)
	// Settle makes a commit of this ID durable that does nothing; again is nil.
	Settle(ctx context.Context, id string, digest [32]byte) error
	// CarriedOut says whether a commit of this ID is durable.
	CarriedOut(ctx context.Context, id string) (bool, error)
	// Hold keeps everything of a citizen, for a reason; Lift ends it.
	Hold(ctx context.Context, citizen, reason string, at time.Time) error
	Lift(ctx context.Context, citizen string) error
}

// Ledger is the part that an erasure needs of consent.Ledger.
type Ledger interface {
	Of(ctx context.Context, citizen string) ([]consent.Record, error)
	ErasableAt(r consent.Record) time.Time
	TakeBack(ctx context.Context, id consent.GrantID, citizen string) (consent.Record, error)
	Invalidate(ctx context.Context, id consent.GrantID, reason string) (consent.Record, error)
	Head(ctx context.Context, citizen string) (int64, error)
}

// Office carries orders out. It is safe for concurrent use.
type Office struct {
	Store    Store
	Ledger   Ledger
	Officers []jose.JSONWebKey
	// End ends tokens, offers and credentials of a citizen, all of them revoked
	// when it answers nil. It may be called again.
	End func(ctx context.Context, citizen string) error
	Now func() time.Time
}

// reasonGone is the ledger's word for grants that end by an erasure.
const reasonGone = "person_erased"

// rounds is how often an erasure looks again when something happened meanwhile.
const rounds = 5

// Erase carries out an order. Given again after it broke off, it goes on.
func (o *Office) Erase(ctx context.Context, order approval.Case) (Erased, error) {
	wish, err := approval.Erasure.Verify(order, o.Officers, o.Now())
	if err != nil {
		return Erased{}, fmt.Errorf("%w: %w", ErrOrder, err)
	}
	id := idOf(approval.Erasure.Name(order))
	if done, err := o.Store.CarriedOut(ctx, id); err != nil || done {
		return Erased{Before: done}, err
	}
	citizen, err := o.Store.Citizen(ctx, order.Resident)
	switch {
	case err != nil:
		return Erased{}, fmt.Errorf("erase: %w", err)
	case citizen == "":
		return Erased{}, ErrNobody
	}
	for range rounds {
		if err := o.allowed(ctx, citizen, wish.Reason); err != nil {
			return Erased{}, err
		}
		head, err := o.end(ctx, citizen)
		if err != nil {
			return Erased{}, fmt.Errorf("erase: some of it is ended, the rest is not yet: %w", err)
		}
		erased, err := o.Store.ErasePerson(ctx, Gone{ID: id, Digest: approval.Erasure.Digest(order), Citizen: citizen, Resident: order.Resident, Head: head})
		if !errors.Is(err, ErrChanged) {
			return erased, err
		}
	}
	return Erased{}, fmt.Errorf("erase: %w", ErrChanged)
}

// allowed holds an erasure against the law.
func (o *Office) allowed(ctx context.Context, citizen, reason string) error {
	held, err := o.Store.Held(ctx, citizen)
	switch {
	case err != nil:
		return fmt.Errorf("legal hold: %w", err)
	case held:
		return ErrHeld
	case reason != approval.ErasureRequest:
		return nil
	}
	all, err := o.Ledger.Of(ctx, citizen)
	if err != nil {
		return fmt.Errorf("erase: %w", err)
	}
	for _, r := range all {
		if at := o.Ledger.ErasableAt(r); at.IsZero() {
			return fmt.Errorf("%w: a consent is not over", ErrLaw)
		} else if o.Now().Before(at) {
			return fmt.Errorf("%w: until %s", ErrLaw, at.UTC().Format(time.DateOnly))
		}
	}
	return nil
}

// end ends what stands, and answers how far the history is then.
func (o *Office) end(ctx context.Context, citizen string) (int64, error) {
	if err := o.End(ctx, citizen); err != nil {
		return 0, err
	}
	all, err := o.Ledger.Of(ctx, citizen)
	if err != nil {
		return 0, err
	}
	for _, r := range all {
		switch r.State {
		case consent.StateRequested:
			_, err = o.Ledger.TakeBack(ctx, r.Grant, citizen)
		case consent.StateActive, consent.StatePaused:
			_, err = o.Ledger.Invalidate(ctx, r.Grant, reasonGone)
		}
		if err != nil && !over(err) {
			return 0, err
		}
	}
	return o.Ledger.Head(ctx, citizen)
}

// over says that a grant ended by itself meanwhile.
func over(err error) bool {
	return consent.Over(err) || errors.Is(err, consent.ErrDecided) || errors.Is(err, consent.ErrUnknown)
}

// holdReasons is the closed list of why something may not be erased.
var holdReasons = []string{"lawsuit", "investigation", "audit"}

// HoldReasons answers the codes that Hold takes.
func HoldReasons() []string { return slices.Clone(holdReasons) }

// Hold keeps everything of a resident from being erased, until Lift.
func (o *Office) Hold(ctx context.Context, resident, reason string) error {
	if !slices.Contains(holdReasons, reason) {
		return ErrReason
	}
	return o.known(ctx, resident, func(citizen string) error { return o.Store.Hold(ctx, citizen, reason, o.Now()) })
}

// Lift ends a hold.
func (o *Office) Lift(ctx context.Context, resident string) error {
	return o.known(ctx, resident, func(citizen string) error { return o.Store.Lift(ctx, citizen) })
}

func (o *Office) known(ctx context.Context, resident string, do func(string) error) error {
	citizen, err := o.Store.Citizen(ctx, resident)
	if err != nil {
		return fmt.Errorf("hold: %w", err)
	}
	if citizen == "" {
		return ErrNobody
	}
	return do(citizen)
}
