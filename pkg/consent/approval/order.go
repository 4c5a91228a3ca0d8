package approval

import (
	"crypto"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"

	"github.com/govmydata/mydata/pkg/jws"
)

// OrderType is the typ of an officers' order.
const OrderType = "mydata-order+jwt"

// Order is what two officers sign so that a person may enrol a passkey, first
// or after loss. It names the person by a salted commitment only (OrderSubject),
// because it travels with the history, and the one-time code by its hash.
type Order struct {
	Subject  string `json:"sub"`
	Code     string `json:"code_hash"`
	IssuedAt int64  `json:"iat"`
	Expires  int64  `json:"exp"`
	Replace  bool   `json:"replace"`
}

// OrderSubject is how an order names a resident. The salt is opened to who may
// know the resident identifier, and to nobody else: there are few to guess.
func OrderSubject(resident string, salt []byte) string {
	h := hmac.New(sha256.New, salt)
	h.Write([]byte("mydata/order-subject/v1\x00"))
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(resident))))
	h.Write([]byte(resident))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// CodeHash is how an order, and the database, hold a one-time code. The code is
// given in its canonical form: upper case, no hyphens.
func CodeHash(code string) string {
	sum := sha256.Sum256([]byte("mydata/enrolment-code/v1\x00" + code))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// SignOrder is one officer's signature (ES256) over an order; two officers sign
// the same Order. kid is the officer's key thumbprint.
func SignOrder(o Order, officer crypto.Signer) (string, error) {
	return signOrder(o, OrderType, officer)
}

// Countersign is another officer's signature over the order that one has signed, for
// who has read what it says. Whose the first signature is, VerifyOrders checks.
func Countersign(signed string, officer crypto.Signer) (Order, string, error) {
	o, err := peekOrder[Order](signed, OrderType)
	if err != nil {
		return o, "", err
	}
	order, err := SignOrder(o, officer)
	return o, order, err
}

// peekOrder reads an order without checking who signed it.
func peekOrder[T any](compact, typ string) (o T, err error) {
	if len(compact) > maxOrder {
		return o, refuse(CheckOfficers, "an order of %d bytes", len(compact))
	}
	object, err := jose.ParseSignedCompact(compact, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return o, refuse(CheckOfficers, "order: %v", err)
	}
	if said := object.Signatures[0].Protected.ExtraHeaders[jose.HeaderType]; said != typ {
		return o, refuse(CheckOfficers, "an order's typ is %v, not %s", said, typ)
	}
	if err := decode(object.UnsafePayloadWithoutVerification(), &o); err != nil {
		return o, refuse(CheckOfficers, "order: %v", err)
	}
	return o, nil
}

func signOrder(o any, typ string, officer crypto.Signer) (string, error) {
	public := jose.JSONWebKey{Key: officer.Public()}
	kid, err := Thumbprint(public)
	if err != nil {
		return "", fmt.Errorf("officer's key: %w", err)
	}
	payload, err := canonical(o)
	if err != nil {
		return "", err
	}
	options := (&jose.SignerOptions{}).WithType(jose.ContentType(typ)).WithHeader("kid", kid)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: cryptosigner.Opaque(officer)}, options)
	if err != nil {
		return "", fmt.Errorf("officer's key: %w", err)
	}
	object, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("sign order: %w", err)
	}
	return object.CompactSerialize()
}

const maxOrder = 4096

// VerifyOrders checks that two different officers signed one and the same order.
func VerifyOrders(orders []string, officers []jose.JSONWebKey) (Order, error) {
	if len(orders) != 2 {
		return Order{}, refuse(CheckOfficers, "%d orders instead of two", len(orders))
	}
	return bothSigned[Order](orders[0], orders[1], OrderType, officers)
}

// bothSigned is what two different officers signed alike.
func bothSigned[T comparable](one, other, typ string, officers []jose.JSONWebKey) (T, error) {
	var none T
	first, firstKey, err := openOrder[T](one, typ, officers)
	if err != nil {
		return none, err
	}
	second, secondKey, err := openOrder[T](other, typ, officers)
	if err != nil {
		return none, err
	}
	if firstKey == secondKey {
		return none, refuse(CheckOfficers, "one officer signed twice")
	}
	if first != second {
		return none, refuse(CheckOfficers, "the officers signed different orders")
	}
	return first, nil
}

// VerifySubject checks that every passkey of a history that officers ordered was
// ordered for this resident: salts open their orders, one for each officers'
// event, in order. Otherwise whoever keeps the histories could put a key that
// was ordered for one person into the history of another.
func VerifySubject(records []KeyRecord, officers []jose.JSONWebKey, resident string, salts []Bytes) error {
	var orders []Ordered
	for _, record := range records {
		e := record.Event
		if e.By.Kind != ByOfficers {
			continue
		}
		order, err := VerifyOrders(e.By.Orders, officers)
		if err != nil {
			return err
		}
		orders = append(orders, Ordered{e.Seq, order})
	}
	return SubjectOf(orders, resident, salts)
}

// SubjectOf is VerifySubject of orders that Replay answered: their signatures are
// checked already.
func SubjectOf(orders []Ordered, resident string, salts []Bytes) error {
	for i, o := range orders {
		if len(salts) <= i || len(salts[i]) != 32 {
			return refuse(CheckOfficers, "the order of event %d is not opened", o.Seq)
		}
		if subtle.ConstantTimeCompare([]byte(OrderSubject(resident, salts[i])), []byte(o.Order.Subject)) != 1 {
			return refuse(CheckOfficers, "the order of event %d is for another resident", o.Seq)
		}
	}
	return nil
}

func openOrder[T any](compact, typ string, officers []jose.JSONWebKey) (T, string, error) {
	var o T
	if len(compact) > maxOrder {
		return o, "", refuse(CheckOfficers, "an order of %d bytes", len(compact))
	}
	kid, payload, err := signedOrder(compact, typ, officers)
	if err != nil {
		return o, "", err
	}
	if err := decode(payload, &o); err != nil {
		return o, "", refuse(CheckOfficers, "order: %v", err)
	}
	return o, kid, nil
}

// signedOrder answers the signer's thumbprint and what was signed.
func signedOrder(compact, typ string, officers []jose.JSONWebKey) (signer string, payload []byte, err error) {
	for _, officer := range officers { // nearly always their keys are named by thumbprint
		if payload, ok := jws.Open(compact, typ, []jose.JSONWebKey{officer}); ok {
			if kid, err := Thumbprint(officer); err == nil && kid == officer.KeyID {
				return kid, payload, nil
			}
		}
	}
	object, err := jose.ParseSignedCompact(compact, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return "", nil, refuse(CheckOfficers, "order: %v", err)
	}
	header := object.Signatures[0].Protected
	if header.ExtraHeaders[jose.HeaderType] != typ {
		return "", nil, refuse(CheckOfficers, "an order's typ is %v", header.ExtraHeaders[jose.HeaderType])
	}
	for _, officer := range officers {
		kid, err := Thumbprint(officer)
		if err != nil || kid != header.KeyID {
			continue
		}
		payload, err := object.Verify(officer.Key)
		if err != nil {
			return "", nil, refuse(CheckOfficers, "an order's signature is wrong")
		}
		return kid, payload, nil
	}
	return "", nil, refuse(CheckOfficers, "the signer %q is no officer", header.KeyID)
}
