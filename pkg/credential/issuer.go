package credential

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/credential/sdjwt"
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

// Order is one credential to be issued, or one for each of several keys.
type Order struct {
	Citizen string
	Config  string // credential configuration id
	VCT     string
	// Integrity of the type's metadata, `vct#integrity`; "": not told.
	Integrity string
	Claims    map[string]any // each selectively disclosable
	Holder    jose.JSONWebKey
	// Holders, when there are any, stand in place of Holder: see IssueBatch.
	Holders []jose.JSONWebKey
	Device  string
	Life    time.Duration
	Basis   string // names the state of the register that the claims are of
	// Deferral that this order ends; nil: none.
	Deferral *Deferral
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

func (i *Issuer) sign(issued Issued, o Order, holder jose.JSONWebKey) (string, error) {
	payload := make(map[string]any, len(o.Claims)+8)
	for name, value := range o.Claims {
		payload[name] = sdjwt.Hidden{Value: value}
	}
	payload["iss"] = i.URL
	payload["vct"] = issued.VCT
	if o.Integrity != "" {
		payload["vct#integrity"] = o.Integrity
	}
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

// randomID has 130 bits, and begins with no sign: commands name it.
func randomID() string { return rand.Text() }

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
