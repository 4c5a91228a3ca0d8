package credential

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// DeferralLife is how long a deferred issuance waits for a decision, and its
// outcome for the wallet.
const DeferralLife = 30 * 24 * time.Hour

// DeferralState is where a deferred issuance is.
type DeferralState string

// The states, in their order: an operator decides once, what was approved is
// issued once, and what was handed out is over.
const (
	DeferralWaiting   DeferralState = "waiting"
	DeferralApproved  DeferralState = "approved"
	DeferralRefused   DeferralState = "refused"
	DeferralIssued    DeferralState = "issued"
	DeferralDelivered DeferralState = "delivered"
)

// ErrDeferral refuses what a deferral's state does not allow.
var ErrDeferral = errors.New("deferred issuance unknown, over or decided otherwise")

// RefusalReasons are why an operator refuses: words that the citizen's page has
// in every language, and nothing personal.
func RefusalReasons() []string {
	return []string{"identity", "register", "device", "duplicate", "law"}
}

// Deferral is an order that waits for an operator (OpenID4VCI 1.0, 9). It holds
// no claims: what the credential says is read when it is issued.
type Deferral struct {
	ID      string // transaction_id
	Batch   string // what the copies will be called
	Citizen string
	Client  string
	Config  string
	Device  string
	Holders []jose.JSONWebKey
	State   DeferralState
	Reason  string // of a refusal
	Created time.Time
	Decided time.Time // zero: not yet
	Version int64
}

// DeferralStore keeps deferred issuances. Its methods may be called
// concurrently; a nil error means that the change is durable.
type DeferralStore interface {
	// AddDeferral with Version 0. ErrConflict: there is one of that ID, or one that
	// waits for the same keys of the same client.
	AddDeferral(ctx context.Context, d Deferral) error
	// Deferral: ErrUnknown when there is none.
	Deferral(ctx context.Context, id string) (Deferral, error)
	// DeferralsOf a citizen, newest first; of everybody in that state, oldest
	// first, when citizen is "".
	DeferralsOf(ctx context.Context, citizen string, state DeferralState) ([]Deferral, error)
	// UpdateDeferral writes state, reason and time of decision and counts the
	// version up, if the stored version is still the given one; else ErrConflict.
	UpdateDeferral(ctx context.Context, d Deferral) error
	// EndDeferrals forgets those of a citizen.
	EndDeferrals(ctx context.Context, citizen string) error
	// SweepDeferrals forgets those created before then.
	SweepDeferrals(ctx context.Context, then time.Time) error
}

// Deferrals lets operators decide on orders. Its methods may be called
// concurrently.
type Deferrals struct {
	Store DeferralStore
	Now   func() time.Time
}

// Begin keeps an order, unless it waits already: see Again.
func (f *Deferrals) Begin(ctx context.Context, o Order, client string) (Deferral, error) {
	d, err := f.Again(ctx, o, client)
	if !errors.Is(err, ErrUnknown) {
		return d, err
	}
	d = Deferral{ID: randomID() + randomID(), Batch: randomID(), Citizen: o.Citizen, Client: client, Config: o.Config, Device: o.Device,
		Holders: o.Holders, State: DeferralWaiting, Created: f.Now()}
	if err := f.Store.AddDeferral(ctx, d); err != nil {
		if errors.Is(err, ErrConflict) { // asked for twice at once
			return f.Again(ctx, o, client)
		}
		return Deferral{}, fmt.Errorf("defer: %w", err)
	}
	return d, nil
}

// Again finds an order that waits already for the same keys of the same client: a
// wallet that did not hear the answer asks anew. ErrUnknown when there is none.
func (f *Deferrals) Again(ctx context.Context, o Order, client string) (Deferral, error) {
	prints, err := thumbprints(o.Holders)
	if err != nil {
		return Deferral{}, fmt.Errorf("defer: %w", err)
	}
	waiting, err := f.Store.DeferralsOf(ctx, o.Citizen, DeferralWaiting)
	if err != nil {
		return Deferral{}, fmt.Errorf("defer: %w", err)
	}
	for _, d := range waiting {
		same, err := thumbprints(d.Holders)
		if err == nil && d.Client == client && d.Config == o.Config && slices.Equal(same, prints) && f.live(d) {
			return d, nil
		}
	}
	return Deferral{}, ErrUnknown
}

func (f *Deferrals) live(d Deferral) bool {
	age := f.Now().Sub(d.Created)
	return age < DeferralLife && age > -skew
}

// Find one that a wallet asks for; ErrDeferral also for another citizen's or
// client's, and for one that was delivered.
func (f *Deferrals) Find(ctx context.Context, citizen, client, id string) (Deferral, error) {
	d, err := f.Store.Deferral(ctx, id)
	if errors.Is(err, ErrUnknown) {
		return Deferral{}, ErrDeferral
	}
	if err != nil {
		return Deferral{}, err
	}
	if d.Citizen != citizen || d.Client != client || d.State == DeferralDelivered || !f.live(d) {
		return Deferral{}, ErrDeferral
	}
	return d, nil
}

// Waiting lists what operators have to decide on, oldest first.
func (f *Deferrals) Waiting(ctx context.Context) ([]Deferral, error) {
	all, err := f.Store.DeferralsOf(ctx, "", DeferralWaiting)
	return slices.DeleteFunc(all, func(d Deferral) bool { return !f.live(d) }), err
}

// Of a citizen: what waits, and what was refused and why, newest first.
func (f *Deferrals) Of(ctx context.Context, citizen string) ([]Deferral, error) {
	var open []Deferral
	for _, state := range []DeferralState{DeferralWaiting, DeferralApproved, DeferralRefused} {
		some, err := f.Store.DeferralsOf(ctx, citizen, state)
		if err != nil {
			return nil, err
		}
		open = append(open, some...)
	}
	open = slices.DeleteFunc(open, func(d Deferral) bool { return !f.live(d) })
	slices.SortStableFunc(open, func(a, b Deferral) int { return b.Created.Compare(a.Created) })
	return open, nil
}

// Approve one that waits. Approving twice is no error; ErrDeferral when it was
// refused, or is not known.
func (f *Deferrals) Approve(ctx context.Context, id string) error {
	return f.decide(ctx, id, DeferralApproved, "")
}

// Refuse one that waits, for a reason of RefusalReasons; ErrReason for another.
func (f *Deferrals) Refuse(ctx context.Context, id, reason string) error {
	if !slices.Contains(RefusalReasons(), reason) {
		return ErrReason
	}
	return f.decide(ctx, id, DeferralRefused, reason)
}

func (f *Deferrals) decide(ctx context.Context, id string, to DeferralState, reason string) error {
	return f.step(ctx, id, func(d *Deferral) error {
		switch {
		case d.State == to && d.Reason == reason:
			return errDone
		case d.State != DeferralWaiting || !f.live(*d):
			return ErrDeferral
		}
		d.State, d.Reason, d.Decided = to, reason, f.Now()
		return nil
	})
}

// Delivered ends one whose credentials were handed out.
func (f *Deferrals) Delivered(ctx context.Context, id string) error {
	return f.step(ctx, id, func(d *Deferral) error {
		switch d.State {
		case DeferralDelivered:
			return errDone
		case DeferralIssued:
			d.State = DeferralDelivered
			return nil
		}
		return ErrDeferral
	})
}

var errDone = errors.New("done before")

func (f *Deferrals) step(ctx context.Context, id string, change func(*Deferral) error) error {
	for range attempts {
		d, err := f.Store.Deferral(ctx, id)
		if errors.Is(err, ErrUnknown) {
			return ErrDeferral
		}
		if err != nil {
			return err
		}
		switch err := change(&d); {
		case errors.Is(err, errDone):
			return nil
		case err != nil:
			return err
		}
		if err := f.Store.UpdateDeferral(ctx, d); !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return ErrConflict
}

// End forgets what a citizen waits for, as when a phone is lost.
func (f *Deferrals) End(ctx context.Context, citizen string) error {
	return f.Store.EndDeferrals(ctx, citizen)
}

// Sweep forgets what is too old to be decided or fetched.
func (f *Deferrals) Sweep(ctx context.Context) error {
	return f.Store.SweepDeferrals(ctx, f.Now().Add(-DeferralLife-skew))
}
