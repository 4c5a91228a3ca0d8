package approval

import (
	"crypto/subtle"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// The checks of a passkey history by name.
const (
	CheckHistory  = "passkey history"
	CheckOfficers = "officers' orders"
)

const maxHistory = 1000

// ActiveKey finds the key with a thumbprint among the active ones.
func ActiveKey(active []jose.JSONWebKey, thumbprint string) (jose.JSONWebKey, bool) {
	for _, key := range active {
		if key.KeyID == thumbprint {
			return key, true
		}
	}
	return jose.JSONWebKey{}, false
}

// VerifyHistory replays one person's passkey history and answers the keys
// active at its end, in the order of their addition. The first event, and every
// one after a loss, is by two officers; all others are signed by a passkey that
// is active at that moment; the last passkey is never removed. Officers' events
// after the first must be ordered as a replacement and end all keys before.
//
// It checks order and signatures. That each event is in the log is the caller's
// check: this package knows no log.
func VerifyHistory(records []KeyRecord, rp RelyingParty, officers []jose.JSONWebKey) ([]jose.JSONWebKey, error) {
	active, _, err := Replay(records, rp, officers)
	return active, err
}

// Ordered is an order that two officers signed, and the event that was by it.
type Ordered struct {
	Seq   int64
	Order Order
}

// Replay is VerifyHistory that also answers the officers' orders, for SubjectOf.
func Replay(records []KeyRecord, rp RelyingParty, officers []jose.JSONWebKey) (keys []jose.JSONWebKey, orders []Ordered, err error) {
	if len(records) == 0 {
		return nil, nil, refuse(CheckHistory, "it is empty")
	}
	if len(records) > maxHistory {
		return nil, nil, refuse(CheckHistory, "it has more than %d events", maxHistory)
	}
	var (
		active []jose.JSONWebKey
		last   time.Time
		seen   = map[string]bool{} // keys ever added and orders ever used
	)
	for i, record := range records {
		e := record.Event
		if err := checkShape(e, int64(i)+1, last); err != nil {
			return nil, nil, err
		}
		last = e.At
		switch e.By.Kind {
		case ByOfficers:
			var order Order
			active, order, err = byOfficers(e, officers, seen)
			orders = append(orders, Ordered{e.Seq, order})
		case ByPasskey:
			active, err = byPasskey(e, rp, active, seen)
		default:
			err = refuse(CheckHistory, "event %d is by %q", e.Seq, e.By.Kind)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return active, orders, nil
}

func checkShape(e KeyEvent, seq int64, last time.Time) error {
	switch {
	case e.Seq != seq:
		return refuse(CheckHistory, "event %d stands where %d should", e.Seq, seq)
	case e.At.IsZero() || !e.At.Equal(e.At.Truncate(time.Second)):
		return refuse(CheckHistory, "event %d is not timed in whole seconds", seq)
	case e.At.Before(last):
		return refuse(CheckHistory, "event %d is earlier than the one before", seq)
	case e.Op != OpAdd && e.Op != OpRemove:
		return refuse(CheckHistory, "event %d does %q", seq, e.Op)
	case e.Key == nil || !e.Key.IsPublic() || !e.Key.Valid():
		return refuse(CheckHistory, "event %d has no public key", seq)
	}
	kid, err := Thumbprint(*e.Key)
	if err != nil || e.Key.KeyID != kid {
		return refuse(CheckHistory, "event %d names its key %q, not by thumbprint", seq, e.Key.KeyID)
	}
	return nil
}

func byOfficers(e KeyEvent, officers []jose.JSONWebKey, seen map[string]bool) ([]jose.JSONWebKey, Order, error) {
	if e.Op != OpAdd {
		return nil, Order{}, refuse(CheckHistory, "event %d: officers only add", e.Seq)
	}
	order, err := VerifyOrders(e.By.Orders, officers)
	if err != nil {
		return nil, Order{}, err
	}
	switch {
	case subtle.ConstantTimeCompare([]byte(CodeHash(e.By.Code)), []byte(order.Code)) != 1:
		return nil, Order{}, refuse(CheckOfficers, "event %d does not open the order's code", e.Seq)
	case e.At.Unix() < order.IssuedAt || e.At.Unix() > order.Expires:
		return nil, Order{}, refuse(CheckOfficers, "event %d is outside the order's time", e.Seq)
	case e.Seq > 1 && !order.Replace:
		return nil, Order{}, refuse(CheckOfficers, "event %d is not ordered as a replacement", e.Seq)
	case seen["order "+order.Code]:
		return nil, Order{}, refuse(CheckOfficers, "event %d uses an order again", e.Seq)
	case seen["key "+e.Key.KeyID]:
		return nil, Order{}, refuse(CheckHistory, "event %d brings an old key back", e.Seq)
	}
	seen["order "+order.Code], seen["key "+e.Key.KeyID] = true, true
	return []jose.JSONWebKey{*e.Key}, order, nil
}

func byPasskey(e KeyEvent, rp RelyingParty, active []jose.JSONWebKey, seen map[string]bool) ([]jose.JSONWebKey, error) {
	signer, ok := ActiveKey(active, e.By.Key)
	if !ok {
		return nil, refuse(CheckHistory, "event %d is signed by a passkey that is not active", e.Seq)
	}
	if e.By.Assertion == nil || len(e.By.Nonce) != 32 {
		return nil, refuse(CheckHistory, "event %d has no assertion or nonce", e.Seq)
	}
	if err := rp.Verify(*e.By.Assertion, signer, e.Challenge()); err != nil {
		return nil, err
	}
	if e.Op == OpAdd {
		if seen["key "+e.Key.KeyID] {
			return nil, refuse(CheckHistory, "event %d brings an old key back", e.Seq)
		}
		seen["key "+e.Key.KeyID] = true
		return append(active[:len(active):len(active)], *e.Key), nil
	}
	if _, ok := ActiveKey(active, e.Key.KeyID); !ok {
		return nil, refuse(CheckHistory, "event %d removes a passkey that is not active", e.Seq)
	}
	if len(active) == 1 {
		return nil, refuse(CheckHistory, "event %d removes the last passkey", e.Seq)
	}
	var left []jose.JSONWebKey
	for _, key := range active {
		if key.KeyID != e.Key.KeyID {
			left = append(left, key)
		}
	}
	return left, nil
}
