package account

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"time"

	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/jcs"
)

// CitizenRow is a citizen as stored. Key is the root of the citizen's salts:
// deleting it is what erases the meaning of the log entries.
type CitizenRow struct {
	ID, Resident string
	Key          []byte
	Created      time.Time
}

// PasskeyRow is a passkey as stored. Credential is go-webauthn's record in JSON;
// JWK the same public key for everybody else. Ended is zero while it lives.
type PasskeyRow struct {
	ID, Citizen     string
	Credential, JWK []byte
	Device          string
	Added, LastUsed time.Time
	Ended           time.Time
}

// OrderRow is an officers' order, found by the hash of its one-time code.
type OrderRow struct {
	CodeHash, Resident string
	Replace            bool
	Orders             []string // two compact JWS
	Salt               []byte   // opens their subject
	Expires            time.Time
	Tries              int64
	Used               bool
}

// CeremonyRow is what the server remembers between the two halves of a WebAuthn
// ceremony, or between the two steps of adding a passkey. Owner is the browser
// or session that asked.
type CeremonyRow struct {
	Key, Kind, Owner string
	Data             []byte
	Expires          time.Time
}

// SessionRow is a session as stored, under the hash of its token.
type SessionRow struct {
	Hash, Citizen, Passkey string
	AuthTime, Expires      time.Time
	AMR                    []string
}

// EventRow is a passkey event with the salt of its leaf.
type EventRow struct {
	Citizen string
	Seq     int64
	Event   []byte // approval.KeyEvent in JSON
	Salt    []byte
}

// Commit changes the passkeys of one citizen: whole, or not at all.
type Commit struct {
	ID      string      // of the operation; used again with another content, it is refused
	Citizen *CitizenRow // a new citizen, with the first passkey
	Order   *OrderRow   // a new order of the officers
	UseCode string      // hash of the code that is used up; ErrConflict if it was
	Event   *EventRow   // (Citizen, Seq) unique; ErrConflict when taken
	Passkey *PasskeyRow // a new passkey; ErrConflict when the credential id is known
	End     []string    // passkeys that end, and the sessions begun with them
	EndAll  string      // a citizen whose passkeys and sessions all end, before Passkey is added
	At      time.Time
	Leaves  [][]byte // entries of the log
}

// Digest of the content, kept beside the id.
func (c Commit) Digest() []byte {
	c.At = time.Time{} // a retry may come later
	body, _ := json.Marshal(c)
	h := sha256.New()
	h.Write([]byte("mydata/account-commit/v1\x00"))
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(body))))
	h.Write(body)
	return h.Sum(nil)
}

// Store keeps the accounts. All calls may run concurrently; what a method wrote
// is durable when it returns nil; ErrNotFound says that there is no such row.
type Store interface {
	Citizen(ctx context.Context, id string) (CitizenRow, error)
	CitizenOf(ctx context.Context, resident string) (CitizenRow, error)
	// Living is Citizen, or ErrClosed where the resident's account is closed.
	Living(ctx context.Context, id string) (CitizenRow, error)

	// Closed says whether the account of a resident is closed, or never to be
	// opened. Commit answers ErrClosed to what would begin anything there.
	Closed(ctx context.Context, resident string) (bool, error)

	// Order of that code hash, in whatever state.
	Order(ctx context.Context, codeHash string) (OrderRow, error)
	// TryOrder counts a try of an order that is unused, unexpired and has tries
	// left, and answers it; ErrNotFound for every other, not to be told apart.
	TryOrder(ctx context.Context, codeHash string, now time.Time, tries int64) (OrderRow, error)

	// Passkeys that live, oldest first.
	Passkeys(ctx context.Context, citizen string) ([]PasskeyRow, error)
	// TouchPasskey keeps the record of a living passkey after its use.
	TouchPasskey(ctx context.Context, id string, credential []byte, used time.Time) error
	// Events of a citizen, by Seq.
	Events(ctx context.Context, citizen string) ([]EventRow, error)
	// Keys are Passkeys and Events as of one moment.
	Keys(ctx context.Context, citizen string) ([]PasskeyRow, []EventRow, error)

	// Commit: nil says that this or an earlier commit of this ID is durable,
	// whole. ErrConflict: nothing was written; reload and begin again. After any
	// other error the outcome is unknown: retry the same ID.
	Commit(ctx context.Context, c Commit) error

	// PutCeremony keeps a row and forgets expired ones.
	PutCeremony(ctx context.Context, c CeremonyRow, now time.Time) error
	// PeekCeremony answers a live row; TakeCeremony also deletes it, once for
	// whoever comes first. ErrNotFound unless key, kind and owner all agree.
	PeekCeremony(ctx context.Context, key, kind, owner string, now time.Time) (CeremonyRow, error)
	TakeCeremony(ctx context.Context, key, kind, owner string, now time.Time) (CeremonyRow, error)

	// PutSession keeps a session whose passkey lives (else ErrNotFound) and
	// forgets expired ones.
	PutSession(ctx context.Context, s SessionRow, now time.Time) error
	Session(ctx context.Context, hash string, now time.Time) (SessionRow, error)
	EndSession(ctx context.Context, hash string) error
	// EndSessions ends all of a citizen's but one (""; none); none to end is no
	// error.
	EndSessions(ctx context.Context, citizen, but string) error

	// Pseudonym keeps the pseudonym of a citizen in a sector, or answers the one
	// that is there; ErrNotFound for who is no citizen. PseudonymOf is the way back.
	Pseudonym(ctx context.Context, sector, citizen, sub string) (string, error)
	PseudonymOf(ctx context.Context, sector, sub string) (citizen string, err error)

	// Spend adds n to the budget of that name in the window that begins at start
	// and answers the sum; windows that ended before it are forgotten.
	Spend(ctx context.Context, name string, start time.Time, n int64) (int64, error)
}

func (r EventRow) record() (approval.KeyRecord, error) {
	rec := approval.KeyRecord{Salt: r.Salt}
	err := jcs.Unmarshal(r.Event, &rec.Event)
	return rec, err
}
