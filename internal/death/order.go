package death

import (
	"crypto"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/govmydata/mydata/pkg/consent/approval"
)

// Propose makes an order that one officer has signed.
func Propose(resident string, now time.Time, officer crypto.Signer) (Order, error) {
	o := Order{Resident: resident, Salt: make([]byte, 32)}
	_, _ = rand.Read(o.Salt)
	jws, err := approval.SignDeath(approval.Death{
		Subject: approval.OrderSubject(resident, o.Salt), IssuedAt: now.Unix(), Expires: now.Add(OrderLife).Unix(),
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
	said, err := approval.PeekDeath(o.Orders[0])
	if err != nil {
		return o, fmt.Errorf("%w: %w", ErrOrder, err)
	}
	if len(o.Salt) != 32 || approval.OrderSubject(o.Resident, o.Salt) != said.Subject {
		return o, fmt.Errorf("%w: it is for somebody else than it says", ErrOrder)
	}
	jws, err := approval.SignDeath(said, officer)
	if err != nil {
		return o, fmt.Errorf("sign order: %w", err)
	}
	o.Orders = []string{o.Orders[0], jws}
	return o, nil
}
