package consent

import (
	"time"
)

// State is where a grant stands.
type State string

// The states of a grant.
const (
	StateRequested   State = "requested"
	StateActive      State = "active"
	StatePaused      State = "paused"
	StateDenied      State = "denied"
	StateCancelled   State = "cancelled"
	StateWithdrawn   State = "withdrawn"
	StateExpired     State = "expired"
	StateConsumed    State = "consumed"
	StateSuperseded  State = "superseded"
	StateInvalidated State = "invalidated"
)

// Record is the fold of a grant's events.
type Record struct {
	Grant    GrantID   `json:"grant_id"`
	State    State     `json:"state"`
	Seq      int64     `json:"seq"`
	At       time.Time `json:"at"` // of the last event
	Since    time.Time `json:"since"`
	Consumer string    `json:"consumer"`
	Provider string    `json:"provider"`
	Request  string    `json:"request"`
	Terms    string    `json:"terms,omitempty"`
	MaxUses  int       `json:"max_uses,omitempty"`
	Every    int64     `json:"frequency_seconds,omitempty"`
	Uses     []Use     `json:"uses,omitempty"`

	NotBefore time.Time `json:"not_before,omitzero"`
	Expires   time.Time `json:"expires,omitzero"`
	Reason    string    `json:"reason,omitempty"`

	Deleted  time.Time `json:"deleted,omitzero"` // when the consumer said that it deleted
	Deletion string    `json:"deletion,omitempty"`

	Disowned []int64 `json:"disowned,omitempty"` // events that the citizen does not recognise, by Seq

	Supersedes GrantID `json:"supersedes,omitempty"` // asked for as its next version
	Successor  GrantID `json:"successor,omitempty"`  // its next version, once approved

	// Not part of the fold's judgement: whose, for which client, and what the
	// digests open to while it is kept.
	Citizen string `json:"-"`
	Client  string `json:"-"`
	Agreed  *Terms `json:"-"`
}

// Use is one use taken: when, by which commit, and whether it was received.
type Use struct {
	At       time.Time `json:"at"`
	Commit   string    `json:"commit"`
	Received time.Time `json:"received,omitzero"`
}
