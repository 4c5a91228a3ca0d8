package erasure

import (
	"crypto"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"github.com/govmydata/mydata/pkg/consent/approval"
)

// Propose makes an order that one officer has signed.
func Propose(resident, reason string, now time.Time, officer crypto.Signer) (Order, error) {
	if !slices.Contains(approval.Erasures(), reason) {
		return Order{}, ErrReason
	}
	o := Order{Resident: resident, Salt: make([]byte, 32)}
	_, _ = rand.Read(o.Salt)
	jws, err := approval.SignErasure(approval.Erasure{
		Subject: approval.OrderSubject(resident, o.Salt), Reason: reason,
		IssuedAt: now.Unix(), Expires: now.Add(OrderLife).Unix(),
	}, officer)
	if err != nil {
		return Order{}, fmt.Errorf("sign order: %w", err)
	}
	o.Orders = []string{jws}
	return o, nil
}

// Approve is the order with another officer's signature over the same.
func Approve(o Order, officer crypto.Signer) (Order, error) {
	if len(o.Orders) != 1 {
		return o, fmt.Errorf("%w: it bears %d signatures, not one", ErrOrder, len(o.Orders))
	}
	wish, err := approval.PeekErasure(o.Orders[0])
	if err != nil {
		return o, fmt.Errorf("%w: %w", ErrOrder, err)
	}
	if len(o.Salt) != 32 || approval.OrderSubject(o.Resident, o.Salt) != wish.Subject {
		return o, fmt.Errorf("%w: it is for somebody else than it says", ErrOrder)
	}
	jws, err := approval.SignErasure(wish, officer)
	if err != nil {
		return o, fmt.Errorf("sign order: %w", err)
	}
	o.Orders = []string{o.Orders[0], jws}
	return o, nil
}
