package approval

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Measure is what two officers may order about a whole person.
type Measure string

// The measures. Death closes the account of somebody who died, and is no order to
// erase: what was agreed stays for those who have to prove it.
const (
	Death   Measure = "death"
	Erasure Measure = "erasure"
)

// Why officers order that a person is erased.
const (
	ErasureDeath   = "death"
	ErasureCourt   = "court"
	ErasureRequest = "request" // the person's own, for all at once
)

// Reasons of a measure, a closed list; a death has none but itself.
func (m Measure) Reasons() []string {
	if m == Erasure {
		return []string{ErasureDeath, ErasureCourt, ErasureRequest}
	}
	return []string{""}
}

// typ is the type of what the officers sign.
func (m Measure) typ() string { return "mydata-" + string(m) + "+jwt" }

const (
	// MeasureLife is how long an order may be carried out.
	MeasureLife = 7 * 24 * time.Hour
	clockSkew   = time.Minute
)

// Measured is what both officers sign. It names the person by a salted commitment
// only (OrderSubject): it may be kept when the person is erased.
type Measured struct {
	Subject  string `json:"sub"`
	Reason   string `json:"reason,omitempty"`
	IssuedAt int64  `json:"iat"`
	Expires  int64  `json:"exp"`
}

// Case is an order on its way, from the officer who proposes it over the one who
// approves it to whoever carries it out: Orders are their signatures over one
// Measured, and Salt opens its subject.
type Case struct {
	Resident string   `json:"resident"`
	Salt     Bytes    `json:"salt"`
	Orders   []string `json:"orders"`
}

// Propose makes a case that one officer has signed.
func (m Measure) Propose(resident, reason string, now time.Time, officer crypto.Signer) (Case, error) {
	c := Case{Resident: resident, Salt: make([]byte, 32)}
	_, _ = rand.Read(c.Salt)
	return m.sign(c, Measured{OrderSubject(resident, c.Salt), reason, now.Unix(), now.Add(MeasureLife).Unix()}, officer)
}

// Approve adds the signature of another officer, who has read whom it is about.
func (m Measure) Approve(c Case, officer crypto.Signer) (Case, error) {
	if len(c.Orders) != 1 {
		return c, refuse(CheckOfficers, "it bears %d signatures, not one", len(c.Orders))
	}
	o, err := peekOrder[Measured](c.Orders[0], m.typ())
	if err != nil {
		return c, err
	}
	return m.sign(c, o, officer)
}

func (m Measure) sign(c Case, o Measured, officer crypto.Signer) (Case, error) {
	if err := m.check(c, o); err != nil {
		return c, err
	}
	order, err := signOrder(o, m.typ(), officer)
	if err != nil {
		return c, err
	}
	c.Orders = append(slices.Clone(c.Orders), order)
	return c, nil
}

// Verify checks that two different officers signed one and the same order, about
// this person, for a reason of the list, and that it may be carried out now.
func (m Measure) Verify(c Case, officers []jose.JSONWebKey, now time.Time) (Measured, error) {
	if len(c.Orders) != 2 {
		return Measured{}, refuse(CheckOfficers, "%d orders instead of two", len(c.Orders))
	}
	o, err := bothSigned[Measured](c.Orders[0], c.Orders[1], m.typ(), officers)
	if err != nil {
		return Measured{}, err
	}
	if err := m.check(c, o); err != nil {
		return Measured{}, err
	}
	issued, expires := time.Unix(o.IssuedAt, 0), time.Unix(o.Expires, 0)
	if issued.After(now.Add(clockSkew)) || !expires.After(now) {
		return Measured{}, refuse(CheckOfficers, "the order is not valid now")
	}
	if expires.Sub(issued) > MeasureLife {
		return Measured{}, refuse(CheckOfficers, "the order is valid for more than seven days")
	}
	return o, nil
}

// check holds what is signed against whom and what the case is about.
func (m Measure) check(c Case, o Measured) error {
	if len(c.Salt) != 32 || OrderSubject(c.Resident, c.Salt) != o.Subject {
		return refuse(CheckOfficers, "the order is for somebody else than it says")
	}
	if !slices.Contains(m.Reasons(), o.Reason) {
		return refuse(CheckOfficers, "the reason %q is not on the list", o.Reason)
	}
	return nil
}

// Digest names a case without saying whom it is about: by what was signed, not by
// the signatures, so that a file which is approved once more is the same case.
func (m Measure) Digest(c Case) [32]byte {
	payload := ""
	if len(c.Orders) > 0 {
		_, rest, _ := strings.Cut(c.Orders[0], ".")
		payload, _, _ = strings.Cut(rest, ".")
	}
	return sha256.Sum256([]byte("mydata/" + string(m) + "-order/v2\x00" + payload))
}

// Name is Digest in letters.
func (m Measure) Name(c Case) string {
	sum := m.Digest(c)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
