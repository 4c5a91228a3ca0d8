package signal

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"time"
)

// Kind is what happened. A recipient that does not know one ignores it.
type Kind string

// The kinds there are.
const (
	GrantGranted     Kind = "grant-granted"
	GrantDenied      Kind = "grant-denied"
	GrantCancelled   Kind = "grant-cancelled"
	GrantWithdrawn   Kind = "grant-withdrawn"
	GrantPaused      Kind = "grant-paused"
	GrantResumed     Kind = "grant-resumed"
	GrantExpired     Kind = "grant-expired"
	GrantSuperseded  Kind = "grant-superseded"
	GrantInvalidated Kind = "grant-invalidated"
	GrantConsumed    Kind = "grant-consumed"
	UseCommitted     Kind = "use-committed"
	UseReceived      Kind = "use-received"
	DeliveryReady    Kind = "delivery-ready"
	DeletionDue      Kind = "deletion-due" // no statement of deletion came in time
)

// eventPrefix begins the names of events, which are URIs (RFC 8417, 2.2).
const eventPrefix = "urn:mydata:event:"

// URI is the name of the event.
func (k Kind) URI() string { return eventPrefix + string(k) }

// Ends says whether a grant is over for good with it.
func (k Kind) Ends() bool {
	switch k {
	case GrantDenied, GrantCancelled, GrantWithdrawn, GrantExpired, GrantSuperseded, GrantInvalidated, GrantConsumed:
		return true
	}
	return false
}

func (k Kind) valid() bool {
	return k != "" && len(k) <= 64 && strings.IndexFunc(string(k), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-'
	}) < 0
}

// citizenPrefix begins the audience of a message to a citizen.
const citizenPrefix = "citizen:"

// Citizen is the audience of a message to a citizen. It never leaves the hub.
func Citizen(id string) string { return citizenPrefix + id }

// CitizenOf answers whom an audience is, and whether it is a citizen.
func CitizenOf(audience string) (id string, ok bool) {
	return strings.CutPrefix(audience, citizenPrefix)
}

// Signal is one thing to tell one audience.
type Signal struct {
	ID       string // jti: New's
	Audience string // an agency's id, or Citizen
	Kind     Kind
	Grant    string
	Use      int       // of a use; or 0
	Seq      int64     // among what this audience is told, from 1; 0 until the outbox gives it
	At       time.Time // when it happened
	Txn      string    // the same for all that was told of one event
	Place    int64     // of the event in its grant: an outbox keeps this order
	Resent   time.Time // when an operator had it told again; it is in no token
}

// New makes the signal of the event at a place of a grant. The same arguments
// make the same one.
func New(audience string, kind Kind, grant string, place int64, use int, at time.Time) Signal {
	txn := name("txn", grant, fmt.Sprint(place))
	return Signal{
		ID: name("jti", audience, string(kind), grant, fmt.Sprint(place), fmt.Sprint(use)), Txn: txn,
		Audience: audience, Kind: kind, Grant: grant, Use: use, At: at.UTC().Truncate(time.Millisecond), Place: place,
	}
}

func name(tag string, parts ...string) string {
	h := sha256.New()
	h.Write([]byte("mydata/signal/" + tag + "/v1"))
	for _, part := range parts {
		sum := sha256.Sum256([]byte(part))
		h.Write(sum[:])
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:18])
}
