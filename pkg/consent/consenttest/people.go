package consenttest

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/tlog"
)

var errNobody = consent.ErrNobody

// People are the citizens of the world: a consent.People. A citizen's id is
// also the resident id.
type People struct {
	world   *World
	mu      sync.Mutex
	citizen map[string]*person
}

type person struct {
	passkeys []*Passkey
	history  []approval.KeyRecord
}

// Enrol gives a citizen a first passkey, or after loss a new one, by two
// officers' orders.
func (p *People) Enrol(citizen string) *Passkey { return p.enrolBy(citizen, p.world.Officers) }

func (p *People) enrolBy(citizen string, officers []crypto.Signer) *Passkey {
	p.mu.Lock()
	defer p.mu.Unlock()
	one := p.citizen[citizen]
	if one == nil {
		one = &person{}
		p.citizen[citizen] = one
	}
	code := rand.Text()
	now := p.world.Now().Truncate(time.Second).UTC()
	salt := p.salt("order", code)
	order := approval.Order{
		Subject: approval.OrderSubject(citizen, salt[:]), Code: approval.CodeHash(code), IssuedAt: now.Unix(),
		Expires: now.AddDate(0, 0, 7).Unix(), Replace: len(one.history) > 0,
	}
	var orders []string
	for _, officer := range officers {
		jws, err := approval.SignOrder(order, officer)
		must(err)
		orders = append(orders, jws)
	}
	passkey := NewPasskey(p.world.RP)
	one.passkeys = []*Passkey{passkey}
	p.add(citizen, one, approval.OpAdd, passkey, approval.By{Kind: approval.ByOfficers, Orders: orders, Code: code})
	return passkey
}

// Change adds or removes a passkey, signed by another.
func (p *People) Change(citizen, op string, changed, by *Passkey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	one := p.citizen[citizen]
	key, nonce := changed.JWK(), make([]byte, 32)
	_, _ = rand.Read(nonce)
	event := approval.KeyEvent{
		Seq: int64(len(one.history)) + 1, Op: op, Key: &key, At: p.world.Now().Truncate(time.Second).UTC(),
		By: approval.By{Kind: approval.ByPasskey, Key: by.JWK().KeyID, Nonce: nonce},
	}
	signed := by.Sign(event.Challenge())
	event.By.Assertion = &signed
	if op == approval.OpAdd {
		one.passkeys = append(one.passkeys, changed)
	} else {
		one.passkeys = slices.DeleteFunc(one.passkeys, func(k *Passkey) bool { return k == changed })
	}
	p.add(citizen, one, op, changed, event.By)
}

func (p *People) add(citizen string, one *person, op string, passkey *Passkey, by approval.By) {
	key := passkey.JWK()
	event := approval.KeyEvent{
		Seq: int64(len(one.history)) + 1, Op: op, Key: &key, At: p.world.Now().Truncate(time.Second).UTC(), By: by,
	}
	digest, err := event.Digest()
	must(err)
	salt := p.salt(citizen, "passkey", string(digest[:]))
	one.history = append(one.history, approval.KeyRecord{Event: event, Salt: salt[:]})
	p.world.Log.Append(tlog.Commitment(approval.LeafDomain, salt, digest))
}

func (p *People) salt(parts ...string) [32]byte {
	h := sha256.New()
	for _, part := range append([]string{"the world's secret"}, parts...) {
		h.Write([]byte(part + "\x00"))
	}
	return [32]byte(h.Sum(nil))
}

// OrderSalts open the officers' orders of a history.
func (p *People) OrderSalts(_ context.Context, history []approval.KeyRecord) ([]approval.Bytes, error) {
	var salts []approval.Bytes
	for _, record := range history {
		if record.Event.By.Kind == approval.ByOfficers {
			salt := p.salt("order", record.Event.By.Code)
			salts = append(salts, salt[:])
		}
	}
	return salts, nil
}

func (p *People) of(citizen string) (*person, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	one, ok := p.citizen[citizen]
	if !ok {
		return nil, errNobody
	}
	return one, nil
}

// CitizenBySub is the way back from a pseudonym.
func (p *People) CitizenBySub(ctx context.Context, sector, sub string) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for citizen := range p.citizen {
		salt := p.salt("sub", sector, citizen)
		if consent.Encode(salt[:]) == sub {
			return citizen, nil
		}
	}
	return "", errNobody
}

// Pairwise is a citizen's sub in a sector.
func (p *People) Pairwise(_ context.Context, citizen, sector string) (string, error) {
	if _, err := p.of(citizen); err != nil {
		return "", err
	}
	salt := p.salt("sub", sector, citizen)
	return consent.Encode(salt[:]), nil
}

// Salt derives a secret of a citizen.
func (p *People) Salt(_ context.Context, citizen, label string) ([32]byte, error) {
	if _, err := p.of(citizen); err != nil {
		return [32]byte{}, err
	}
	return p.salt("salt", citizen, label), nil
}

// History answers a citizen's passkey events.
func (p *People) History(_ context.Context, citizen string) ([]approval.KeyRecord, error) {
	one, err := p.of(citizen)
	if err != nil {
		return nil, err
	}
	return slices.Clone(one.history), nil
}

// PasskeyKey answers the key of a living passkey, and the history.
func (p *People) PasskeyKey(_ context.Context, citizen string, credentialID []byte) (jose.JSONWebKey, []approval.KeyRecord, error) {
	one, err := p.of(citizen)
	if err != nil {
		return jose.JSONWebKey{}, nil, err
	}
	for _, passkey := range one.passkeys {
		if bytes.Equal(passkey.ID, credentialID) {
			return passkey.JWK(), slices.Clone(one.history), nil
		}
	}
	return jose.JSONWebKey{}, nil, errNobody
}

// Forge makes a first passkey up for somebody, beside the history that there is:
// officers who conspire sign its order, and the log takes it.
func (p *People) Forge(citizen string) (*Passkey, []approval.KeyRecord) {
	return p.ForgeBy(citizen, p.world.Officers)
}

// ForgeBy is Forge by officers of one's choice.
func (p *People) ForgeBy(citizen string, officers []crypto.Signer) (*Passkey, []approval.KeyRecord) {
	p.mu.Lock()
	was := p.citizen[citizen]
	delete(p.citizen, citizen)
	p.mu.Unlock()
	passkey := p.enrolBy(citizen, officers)
	p.mu.Lock()
	defer p.mu.Unlock()
	history := p.citizen[citizen].history
	p.citizen[citizen] = was
	return passkey, history
}
