package consent

import (
	"crypto/sha256"
	"time"

	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/jcs"
)

// LeafDomain is the domain tag of a consent event's leaf in the log.
const LeafDomain = "consent"

// Kind is what happened.
type Kind string

// The kinds of events.
const (
	KindRequested   Kind = "requested"
	KindGranted     Kind = "granted"
	KindDenied      Kind = "denied"
	KindCancelled   Kind = "cancelled"
	KindUsed        Kind = "used"
	KindReceived    Kind = "received"
	KindPaused      Kind = "paused"
	KindResumed     Kind = "resumed"
	KindWithdrawn   Kind = "withdrawn"
	KindExpired     Kind = "expired"
	KindConsumed    Kind = "consumed"
	KindSuperseded  Kind = "superseded"
	KindInvalidated Kind = "invalidated"
	KindDisowned    Kind = "disowned" // the citizen does not recognise what an earlier event tells
)

// Event is one thing that happened to a grant. What is tagged "-" is not part
// of its digest and never leaves the hub with it: whose it is, its salt, and
// the evidence that its digests open to.
type Event struct {
	Grant GrantID   `json:"grant_id"`
	Seq   int64     `json:"seq"` // from 1
	Kind  Kind      `json:"kind"`
	At    time.Time `json:"at"` // UTC, whole milliseconds
	By    string    `json:"by"` // citizen, consumer, provider, hub, officer

	Request   string `json:"request,omitempty"`           // requested
	Consumer  string `json:"consumer,omitempty"`          // requested
	Provider  string `json:"provider,omitempty"`          // requested
	MaxUses   int    `json:"max_uses,omitempty"`          // granted
	Every     int64  `json:"frequency_seconds,omitempty"` // granted: at least so long between two uses
	NotBefore int64  `json:"nbf,omitempty"`               // granted
	Expires   int64  `json:"exp,omitempty"`               // requested: when the offer lapses; granted: when the grant does
	Terms     string `json:"terms,omitempty"`             // granted, used
	Approval  string `json:"approval,omitempty"`          // granted: Approval.Closed
	Use       int    `json:"use,omitempty"`               // used, received; deleted: the last that it covers
	Commit    string `json:"commit,omitempty"`            // used, received: DigestOf the commit JWS
	Receipt   string `json:"received,omitempty"`          // received: DigestOf the received JWS
	Deletion  string `json:"deletion,omitempty"`          // deleted: DigestOf the statement
	Reason    string `json:"reason,omitempty"`            // a code, never free text
	Disowns   int64  `json:"disowns,omitempty"`           // disowned: the Seq of that event

	Supersedes GrantID `json:"supersedes,omitempty"` // requested: the grant that it would replace
	Successor  GrantID `json:"successor,omitempty"`  // superseded: the grant that replaced it

	Citizen    string   `json:"-"`
	CitizenSeq int64    `json:"-"`
	Salt       [32]byte `json:"-"`
	Evidence   Evidence `json:"-"`
}

// Evidence is what an event's digests open to. It is stored beside the event
// and erased with it.
type Evidence struct {
	Client   string         `json:"client,omitempty"`
	Request  string         `json:"request,omitempty"`
	Sub      string         `json:"sub,omitempty"`
	SubSalt  approval.Bytes `json:"sub_salt,omitempty"`
	Terms    *Terms         `json:"terms,omitempty"`
	Approval *Approval      `json:"approval,omitempty"`
	Commit   string         `json:"commit,omitempty"`
	Received string         `json:"received,omitempty"`
	Deletion string         `json:"deletion,omitempty"`

	Withdrawal *WithdrawnBy `json:"withdrawal,omitempty"` // withdrawn, where a passkey signed it
}

// Digest identifies the event: SHA-256 of its canonical JSON (RFC 8785),
// without citizen, salt and evidence.
func (e Event) Digest() ([32]byte, error) {
	return jcs.Sum(e)
}

// EventsDigest identifies a record's events in their order.
func EventsDigest(events []Event) (string, error) {
	digests := make([][32]byte, len(events))
	for i, e := range events {
		var err error
		if digests[i], err = e.Digest(); err != nil {
			return "", err
		}
	}
	return DigestOfEvents(digests), nil
}

// DigestOfEvents is EventsDigest of events whose own digests are these.
func DigestOfEvents(digests [][32]byte) string {
	h := sha256.New()
	h.Write([]byte("mydata/events/v1\x00"))
	for _, d := range digests {
		h.Write(d[:])
	}
	return Encode(h.Sum(nil))
}
