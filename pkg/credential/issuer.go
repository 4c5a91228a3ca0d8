package credential

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/credential/sdjwt"
	"github.com/govmydata/mydata/pkg/tlog"
)

// attempts bounds the tries of one commit.
const attempts = 12

// Key signs credentials and status lists: a P-256 signer and its chain, DER,
// leaf first, without the trust anchor.
type Key struct {
	Signer crypto.Signer
	KeyID  string
	Chain  [][]byte
}

// Salter gives the salt that closes a citizen's leaf of the log.
type Salter interface {
	Salt(ctx context.Context, citizen, label string) ([32]byte, error)
}

// Order is one credential to be issued.
type Order struct {
	Citizen string
	Config  string // credential configuration id
	VCT     string
	Claims  map[string]any // each selectively disclosable
	Holder  jose.JSONWebKey
	Device  string
	Life    time.Duration
	Basis   string // names the state of the register that the claims are of
}

// Issuer issues and revokes. Its methods may be called concurrently.
type Issuer struct {
	URL   string // credential issuer identifier, `iss`
	Store Store
	Salts Salter
	Key   func() Key // the issuer's present key
	// StatusKey signs the status lists; nil: Key.
	StatusKey func() Key
	Now       func() time.Time
	// Bits of a status in new lists: 1 when zero; 2 also say "suspended".
	Bits int
	// History is how far back lists of the past are given out; zero: not at all.
	History time.Duration

	mu     sync.Mutex
	list   List // where new credentials get their index
	signed map[signedAs]signedList
}

// Issue makes the record, the status index and the leaf durable, and then
// signs. The credential tells the times to the hour, so that they do not
// connect it to anything else.
func (i *Issuer) Issue(ctx context.Context, o Order) (string, Issued, error) {
	holder := jose.JSONWebKey{Key: o.Holder.Key}
	if !holder.Valid() || !holder.IsPublic() {
		return "", Issued{}, errors.New("issue: the holder's key is not a public key")
	}
	thumbprint, err := holder.Thumbprint(crypto.SHA256)
	if err != nil {
		return "", Issued{}, fmt.Errorf("issue: %w", err)
	}
	now := i.Now()
	issued := Issued{ID: randomID(), Citizen: o.Citizen, VCT: o.VCT, Config: o.Config, Status: Valid, Device: o.Device, Basis: o.Basis,
		IssuedAt: now, Expires: now.Truncate(time.Hour).Add(o.Life), Holder: base64.RawURLEncoding.EncodeToString(thumbprint)}
	if issued, err = i.record(ctx, issued); err != nil {
		return "", Issued{}, fmt.Errorf("issue: %w", err)
	}
	token, err := i.sign(issued, o.Claims, holder)
	return token, issued, err
}

// record finds a free index by trying: at random, so that it tells nothing,
// and unique, which the store sees to. A list on which many tries in a row
// fail is full enough, and a new one is begun.
func (i *Issuer) record(ctx context.Context, issued Issued) (Issued, error) {
	salt, err := i.Salts.Salt(ctx, issued.Citizen, SaltLabel(issued.ID))
	if err != nil {
		return Issued{}, err
	}
	full := ""
	for try := range attempts {
		if issued.List, err = i.openList(ctx, full); err != nil {
			return Issued{}, err
		}
		issued.Index = i.freeIndex(issued.List)
		commit := Commit{ID: "issue/" + issued.ID, Digest: sha256.Sum256([]byte(issued.ID)), Issue: []Issued{issued}}
		commit.Leaves = [][]byte{tlog.Commitment(LeafDomain, salt, issued.Digest())}
		if err = i.Store.Commit(ctx, commit); err == nil {
			// An earlier try of this ID may be the durable one.
			return i.Store.Credential(ctx, issued.ID)
		}
		if errors.Is(err, ErrConflict) && try >= attempts/2 {
			full = issued.List
		}
		if ctx.Err() != nil {
			break
		}
	}
	return Issued{}, err
}

func (i *Issuer) sign(issued Issued, claims map[string]any, holder jose.JSONWebKey) (string, error) {
	payload := make(map[string]any, len(claims)+7)
	for name, value := range claims {
		payload[name] = sdjwt.Hidden{Value: value}
	}
	payload["iss"] = i.URL
	payload["vct"] = issued.VCT
	payload["iat"] = issued.IssuedAt.Truncate(time.Hour).Unix()
	payload["exp"] = issued.Expires.Unix()
	payload["cnf"] = map[string]any{"jwk": holder}
	payload["status"] = map[string]any{"status_list": map[string]any{"uri": i.ListURI(issued.List), "idx": issued.Index}}
	key := i.Key()
	token, err := sdjwt.Issue(sdjwt.Key{Signer: key.Signer, KeyID: key.KeyID, X5C: key.Chain}, payload)
	if err != nil {
		return "", fmt.Errorf("issue: %w", err)
	}
	return token, nil
}

// Of lists what was issued to a citizen, newest first.
func (i *Issuer) Of(ctx context.Context, citizen string) ([]Issued, error) {
	return i.Store.CredentialsOf(ctx, citizen)
}

// Get one; ErrUnknown when there is none.
func (i *Issuer) Get(ctx context.Context, id string) (Issued, error) {
	return i.Store.Credential(ctx, id)
}

// Notified keeps what a wallet said about a credential of a citizen
// (OpenID4VCI 1.0, 11); ErrUnknown also for a credential of somebody else.
func (i *Issuer) Notified(ctx context.Context, citizen, id, event string) error {
	issued, err := i.Store.Credential(ctx, id)
	if err != nil {
		return err
	}
	if issued.Citizen != citizen {
		return ErrUnknown
	}
	return i.Store.SetAcceptance(ctx, id, event)
}

// Events are what the leaves of a citizen's credentials stand for, for the
// history that the citizen sees: digest and the label of its salt.
func (i *Issuer) Events(ctx context.Context, citizen string) ([]Event, error) {
	all, err := i.Store.CredentialsOf(ctx, citizen)
	if err != nil {
		return nil, err
	}
	var events []Event
	for _, c := range all {
		events = append(events, Event{Credential: c, Op: "issued", At: c.IssuedAt, Digest: c.Digest()})
		changes, err := i.changes(ctx, c)
		if err != nil {
			return nil, err
		}
		for _, change := range changes {
			events = append(events, Event{Credential: c, Op: change.Op(), At: change.At, Digest: change.Digest()})
		}
	}
	return events, nil
}

// Event of a credential, as a leaf of the log commits to it.
type Event struct {
	Credential Issued
	Op         string // issued, suspended, reinstated, revoked
	At         time.Time
	Digest     [32]byte
}

func randomID() string {
	var b [16]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func randomIndex() int {
	var b [8]byte
	rand.Read(b[:])
	return int(binary.BigEndian.Uint64(b[:]) % listSize) // listSize is a power of two
}

func requestDigest(v any) [32]byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic("credential: " + err.Error())
	}
	return sha256.Sum256(data)
}
