package account

import (
	"context"
	"crypto"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/govmydata/mydata/pkg/consent/approval"
)

// EnrolmentOrder is what two officers ask for: Orders are their two signatures
// over one approval.Order, Salt opens its subject to the hub.
type EnrolmentOrder struct {
	Resident string         `json:"resident"`
	Salt     approval.Bytes `json:"salt"`
	Orders   []string       `json:"orders"`
}

// PrepareOrder makes the code for a letter and the order that officers sign for
// it. The hub learns the code only when the person uses it.
func PrepareOrder(resident string, replace bool, now time.Time) (code string, salt approval.Bytes, order approval.Order) {
	code = newCode()
	s := sha256.Sum256([]byte(random(32)))
	issued := now.UTC().Truncate(time.Second)
	return code, s[:], approval.Order{
		Subject:  approval.OrderSubject(resident, s[:]),
		Code:     approval.CodeHash(code),
		IssuedAt: issued.Unix(),
		Expires:  issued.Add(CodeLife).Unix(),
		Replace:  replace,
	}
}

// ProposeOrder prepares an order and has one officer sign it.
func ProposeOrder(resident string, replace bool, now time.Time, officer crypto.Signer) (code string, o EnrolmentOrder, err error) {
	code, salt, order := PrepareOrder(resident, replace, now)
	jws, err := approval.SignOrder(order, officer)
	if err != nil {
		return "", o, fmt.Errorf("sign order: %w", err)
	}
	return code, EnrolmentOrder{Resident: resident, Salt: salt, Orders: []string{jws}}, nil
}

// Approve adds the signature of another officer, and answers what is ordered.
func (o EnrolmentOrder) Approve(officer crypto.Signer) (EnrolmentOrder, approval.Order, error) {
	if len(o.Orders) != 1 {
		return o, approval.Order{}, fmt.Errorf("%w: it bears %d signatures, not one", ErrOrder, len(o.Orders))
	}
	order, jws, err := approval.Countersign(o.Orders[0], officer)
	if err != nil {
		return o, order, fmt.Errorf("%w: %w", ErrOrder, err)
	}
	if len(o.Salt) != 32 || approval.OrderSubject(o.Resident, o.Salt) != order.Subject {
		return o, order, fmt.Errorf("%w: it is for somebody else", ErrOrder)
	}
	o.Orders = []string{o.Orders[0], jws}
	return o, order, nil
}

// SignedOrder prepares an order and has two officers sign it.
func SignedOrder(resident string, replace bool, now time.Time, officers [2]crypto.Signer) (code string, o EnrolmentOrder, err error) {
	if code, o, err = ProposeOrder(resident, replace, now, officers[0]); err != nil {
		return "", o, err
	}
	o, _, err = o.Approve(officers[1])
	return code, o, err
}

// Enrol accepts an order; orders for the same resident that were not used yet
// end. An order to replace ends the citizen's passkeys and sessions at once.
func (a *Accounts) Enrol(ctx context.Context, o EnrolmentOrder) error {
	order, err := a.checkOrder(ctx, o)
	if err != nil {
		return err
	}
	if err := a.open(ctx, o.Resident); err != nil {
		return fmt.Errorf("enrol: %w", err)
	}
	now := a.now()
	c := Commit{ID: "account/order/" + order.Code, At: now, Order: &OrderRow{
		CodeHash: order.Code,
		Resident: o.Resident,
		Replace:  order.Replace,
		Orders:   o.Orders,
		Salt:     o.Salt,
		Expires:  time.Unix(order.Expires, 0),
	}}
	citizen, began, err := a.known(ctx, o.Resident)
	switch {
	case err != nil:
		return fmt.Errorf("enrol: %w", err)
	case began && !order.Replace:
		return ErrEnrolled
	case order.Replace:
		c.EndAll = citizen.ID
	}
	if err := a.commit(ctx, c); err != nil {
		return fmt.Errorf("enrol: %w", err)
	}
	if c.EndAll == "" {
		return nil
	}
	row, err := a.store.Order(ctx, order.Code)
	if err != nil {
		return fmt.Errorf("enrol: %w", err)
	}
	if row.Used { // it was sent before: what is there since is not the lost phone's
		return nil
	}
	if err := a.replaced(ctx, c.EndAll); err != nil {
		return fmt.Errorf("enrol: passkeys and sessions are ended, the rest is not yet: %w", err)
	}
	return nil
}

// OrderSalts open the officers' orders of a history, in order, to who may know
// the resident.
func (a *Accounts) OrderSalts(ctx context.Context, history []approval.KeyRecord) ([]approval.Bytes, error) {
	var salts []approval.Bytes
	for _, record := range history {
		if record.Event.By.Kind != approval.ByOfficers {
			continue
		}
		row, err := a.store.Order(ctx, approval.CodeHash(record.Event.By.Code))
		if err != nil {
			return nil, fmt.Errorf("order of passkey event %d: %w", record.Event.Seq, err)
		}
		salts = append(salts, row.Salt)
	}
	return salts, nil
}

// known is the citizen that a resident has become, if so, and whether a first
// passkey was ever made: who was only admitted may still enrol without replacing.
func (a *Accounts) known(ctx context.Context, resident string) (c CitizenRow, began bool, err error) {
	c, err = a.store.CitizenOf(ctx, resident)
	if errors.Is(err, ErrNotFound) {
		return CitizenRow{}, false, nil
	}
	if err != nil {
		return c, false, err
	}
	events, err := a.store.Events(ctx, c.ID)
	return c, len(events) > 0, err
}

// Enrolled says whether a resident has a passkey that lives.
func (a *Accounts) Enrolled(ctx context.Context, resident string) (bool, error) {
	c, err := a.store.CitizenOf(ctx, resident)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("enrolled: %w", err)
	}
	keys, err := a.store.Passkeys(ctx, c.ID)
	return len(keys) > 0, err
}

// Admit makes a citizen of a resident who has no passkey yet, for what the
// operator does at the counter; it answers the one that is there.
func (a *Accounts) Admit(ctx context.Context, resident string) (Citizen, error) {
	if _, err := a.register.Resident(ctx, resident); err != nil {
		return Citizen{}, fmt.Errorf("admit: %w", err)
	}
	if err := a.open(ctx, resident); err != nil {
		return Citizen{}, fmt.Errorf("admit: %w", err)
	}
	c, err := a.CitizenOf(ctx, resident)
	if !errors.Is(err, ErrNotFound) {
		return c, err
	}
	row := newCitizen(random(32), resident, a.now())
	err = a.commit(ctx, Commit{ID: "account/admit/" + row.ID, Citizen: &row, At: row.Created})
	if err != nil && !errors.Is(err, ErrConflict) {
		return Citizen{}, fmt.Errorf("admit: %w", err)
	}
	return a.CitizenOf(ctx, resident)
}

// open refuses an account that is closed.
func (a *Accounts) open(ctx context.Context, resident string) error {
	closed, err := a.store.Closed(ctx, resident)
	if err == nil && closed {
		return ErrClosed
	}
	return err
}

func newCitizen(id, resident string, now time.Time) CitizenRow {
	root := sha256.Sum256([]byte(random(32)))
	return CitizenRow{id, resident, root[:], now}
}

func (a *Accounts) checkOrder(ctx context.Context, o EnrolmentOrder) (approval.Order, error) {
	order, err := approval.VerifyOrders(o.Orders, a.ordering)
	if err != nil {
		return order, fmt.Errorf("%w: %w", ErrOrder, err)
	}
	now := a.now().Unix()
	switch {
	case len(o.Salt) != 32 || approval.OrderSubject(o.Resident, o.Salt) != order.Subject:
		return order, fmt.Errorf("%w: it is for somebody else", ErrOrder)
	case order.IssuedAt > now+60 || order.Expires <= now:
		return order, fmt.Errorf("%w: it is not valid now", ErrOrder)
	case order.Expires-order.IssuedAt > int64(CodeLife/time.Second):
		return order, fmt.Errorf("%w: it is valid for more than seven days", ErrOrder)
	}
	if _, err := a.register.Resident(ctx, o.Resident); err != nil {
		return order, fmt.Errorf("enrol: %w", err)
	}
	return order, nil
}
