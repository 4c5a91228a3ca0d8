package trail

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/govmydata/mydata/pkg/tlog"
)

// Kind is that of the log's statements, and the domain of their commitments.
const Kind = "operator"

// The steps of an act.
const (
	Begun = "begun"
	Ended = "ended"
)

// Outcomes of an act; any other is the code by which it was refused.
const (
	Done   = "done"
	Failed = "failed" // how far it came is in the service's log
)

// What a target is.
const (
	Resident   = "resident"   // hidden
	Credential = "credential" // hidden
	Grant      = "grant"      // hidden
	Agency     = "agency"     // hidden
	Client     = "client"
	Catalogue  = "catalogue"
	Erasure    = "erasure" // by the digest of the officers' order
)

// Erased stands where a target was, once the person is erased; the row's salt is
// then the digest of what the log says of the act.
const Erased = "erased"

// Target is what an act is done to.
type Target struct {
	Kind string `json:"kind"`
	ID   string `json:"id,omitempty"`
}

// Public says that the log names the target.
func (t Target) Public() bool { return t.Kind == Client || t.Kind == Catalogue || t.Kind == Erasure }

// Caller is who acts: the user of the process at the other end of the socket,
// and the user who logged in, where the system remembers it across sudo.
type Caller struct {
	UID   int64  `json:"uid"`
	Login *int64 `json:"login,omitempty"`
}

// Entry is a row: one step of an act.
type Entry struct {
	Act     string    `json:"act"`
	Step    string    `json:"step"`
	What    string    `json:"what"`
	By      Caller    `json:"by"`
	At      time.Time `json:"at"` // to the millisecond; the statement says the second
	Target  Target    `json:"target"`
	Outcome string    `json:"outcome,omitempty"` // of an ended one
	Salt    [32]byte  `json:"-"`
}

// Statement is the log's entry for a row.
func (e Entry) Statement() ([]byte, error) {
	e.At = e.At.UTC()
	row, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("operator's act: %w", err)
	}
	closed := tlog.Commitment(Kind, e.Salt, sha256.Sum256(row))[1:]
	body := map[string]any{
		"act": e.Act, "step": e.Step, "what": e.What, "at": e.At.Unix(), "row": base64.RawURLEncoding.EncodeToString(closed),
	}
	if e.Outcome != "" {
		body["outcome"] = e.Outcome
	}
	if e.Target.Public() && e.Target.ID != "" {
		body["target"] = e.Target
	}
	return tlog.Statement(Kind, body)
}
