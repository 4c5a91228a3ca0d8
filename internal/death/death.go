package death

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
)

// ErrOrder: what callers branch on.
var ErrOrder = errors.New("the officers' order that reports a death is not accepted")

const (
	// settling is how long a request that began before may last.
	settling = time.Minute
	reason   = "person_died" // the ledger's word
)

// Closed is an account that was closed. Citizen is empty when the resident never
// had one: then none can be opened.
type Closed struct {
	Resident, Citizen string
	Order             string // its name
	At                time.Time
}

// Store keeps which accounts are closed. Its calls may run at once, in several
// processes.
type Store interface {
	// Close an account in one transaction: passkeys, sessions and orders to
	// enrol end with it. It answers the row that stands: this one, or the first,
	// and then before. After an error the outcome is unknown; call again.
	Close(ctx context.Context, c Closed) (stands Closed, before bool, err error)
	// Unsettled accounts, oldest first.
	Unsettled(ctx context.Context, limit int) ([]Closed, error)
	// Settle says that nothing of an account is left to end.
	Settle(ctx context.Context, resident string, at time.Time) error
}

// Ledger is the part that a death needs of consent.Ledger.
type Ledger interface {
	Of(ctx context.Context, citizen string) ([]consent.Record, error)
	TakeBack(ctx context.Context, id consent.GrantID, citizen string) (consent.Record, error)
	Invalidate(ctx context.Context, id consent.GrantID, reason string) (consent.Record, error)
}

// Office carries orders out. It is safe for concurrent use.
type Office struct {
	Store    Store
	Ledger   Ledger
	Officers []jose.JSONWebKey
	// End ends offers, tokens and credentials of a citizen, and says how many
	// credentials. It may be called again.
	End func(ctx context.Context, citizen string) (credentials int, err error)
	Now func() time.Time
}

// Ended is what a pass ended.
type Ended struct {
	Grants      int  `json:"grants"`
	Credentials int  `json:"credentials"`
	Before      bool `json:"before"` // the account had been closed already
}

// Report carries an order out. Given again after it broke off, it goes on.
func (o *Office) Report(ctx context.Context, order approval.Case) (Ended, error) {
	if _, err := approval.Death.Verify(order, o.Officers, o.Now()); err != nil {
		return Ended{}, fmt.Errorf("%w: %w", ErrOrder, err)
	}
	stands, before, err := o.Store.Close(ctx, Closed{Resident: order.Resident, Order: approval.Death.Name(order), At: o.Now()})
	if err != nil {
		return Ended{}, fmt.Errorf("death: %w", err)
	}
	ended, err := o.end(ctx, stands.Citizen)
	ended.Before = before
	if err != nil {
		return ended, fmt.Errorf("death: the account is closed, the rest goes on by itself: %w", err)
	}
	return ended, nil
}

// end ends all that stands; what ended by itself meanwhile is none of it.
func (o *Office) end(ctx context.Context, citizen string) (ended Ended, err error) {
	if citizen == "" {
		return Ended{}, nil
	}
	if ended.Credentials, err = o.End(ctx, citizen); err != nil {
		return ended, err
	}
	all, err := o.Ledger.Of(ctx, citizen)
	if err != nil {
		return ended, err
	}
	for _, r := range all {
		switch r.State {
		case consent.StateRequested:
			_, err = o.Ledger.TakeBack(ctx, r.Grant, citizen)
		case consent.StateActive, consent.StatePaused:
			_, err = o.Ledger.Invalidate(ctx, r.Grant, reason)
		default:
			continue
		}
		switch {
		case err == nil:
			ended.Grants++
		case !consent.Over(err) && !errors.Is(err, consent.ErrDecided) && !errors.Is(err, consent.ErrUnknown):
			return ended, err
		}
	}
	return ended, nil
}

// perPass bounds the accounts of one pass.
const perPass = 256

// Go goes on with every account that is not settled. It is called now and then,
// and when the service begins.
func (o *Office) Go(ctx context.Context) error {
	all, err := o.Store.Unsettled(ctx, perPass)
	if err != nil {
		return fmt.Errorf("deaths: %w", err)
	}
	var failed []error
	for _, c := range all {
		began := o.Now()
		ended, err := o.end(ctx, c.Citizen)
		if err == nil && ended == (Ended{}) && began.Sub(c.At) >= settling {
			err = o.Store.Settle(ctx, c.Resident, began)
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("death, order %s: %w", c.Order, err))
		}
	}
	return errors.Join(failed...)
}
