package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"maps"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"google.golang.org/protobuf/proto"
)

const origin = "log.example/2026"

// person calls: a member of an organisation with a certificate.
type person struct {
	msp, key string // key as an operator's keys name it
	creator  []byte
}

func member(t testing.TB, organisation string, units ...string) person {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0),
		Subject: pkix.Name{CommonName: "somebody", OrganizationalUnit: units},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return person{organisation, base64.RawURLEncoding.EncodeToString(sum[:]),
		creator(t, organisation, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}
}

// idemix is a member without certificate, who shows a role and nothing else.
func idemix(t testing.TB, organisation string) person {
	t.Helper()
	unit, err := proto.Marshal(&msp.OrganizationUnit{MspIdentifier: organisation, OrganizationalUnitIdentifier: "admin"})
	if err != nil {
		t.Fatal(err)
	}
	role, err := proto.Marshal(&msp.MSPRole{MspIdentifier: organisation, Role: msp.MSPRole_ADMIN})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := proto.Marshal(&msp.SerializedIdemixIdentity{Ou: unit, Role: role, NymX: []byte("x"), NymY: []byte("y"), Proof: []byte("p")})
	if err != nil {
		t.Fatal(err)
	}
	return person{creator: creator(t, organisation, raw)}
}

func creator(t testing.TB, organisation string, certificate []byte) []byte {
	t.Helper()
	raw, err := proto.Marshal(&msp.SerializedIdentity{Mspid: organisation, IdBytes: certificate})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// stub is the peer's side of a transaction as Fabric keeps it: reads see what was
// committed before, not what this transaction writes.
type stub struct {
	shim.ChaincodeStubInterface
	ledger *ledger
	caller person
	args   []string
	writes map[string][]byte
}

func (s *stub) GetFunctionAndParameters() (string, []string) {
	if len(s.args) == 0 {
		return "", nil
	}
	return s.args[0], s.args[1:]
}

func (s *stub) GetCreator() ([]byte, error) { return s.caller.creator, nil }

func (s *stub) CreateCompositeKey(kind string, attributes []string) (string, error) {
	return shim.CreateCompositeKey(kind, attributes)
}

func (s *stub) GetState(key string) ([]byte, error) {
	if s.ledger.broken == "read" {
		return nil, errors.New("the ledger\nis away")
	}
	return s.ledger.state[key], nil
}

func (s *stub) PutState(key string, value []byte) error {
	if s.ledger.broken == "write" {
		return errors.New("the ledger\nis away")
	}
	s.writes[key] = value
	return nil
}

type ledger struct {
	state  map[string][]byte
	door   *door
	broken string
}

func newLedger(t testing.TB, votes int, organisations ...string) *ledger {
	t.Helper()
	door, err := newDoor(organisations, votes)
	if err != nil {
		t.Fatal(err)
	}
	return &ledger{state: map[string][]byte{}, door: door}
}

// call is a transaction: its writes are there for the next. It answers the payload, or
// the refusal.
func (l *ledger) call(who person, args ...string) (string, string) {
	s := &stub{ledger: l, caller: who, args: args, writes: map[string][]byte{}}
	r := l.door.Invoke(s)
	if r.GetStatus() >= shim.ERRORTHRESHOLD {
		return "", r.GetMessage()
	}
	maps.Copy(l.state, s.writes)
	return string(r.GetPayload()), ""
}

func (l *ledger) must(t testing.TB, who person, args ...string) string {
	t.Helper()
	out, refused := l.call(who, args...)
	if refused != "" {
		t.Fatalf("%s: %s", args[0], refused)
	}
	return out
}

func (l *ledger) refused(t testing.TB, word string, who person, args ...string) {
	t.Helper()
	before := maps.Clone(l.state)
	out, refused := l.call(who, args...)
	if !strings.HasPrefix(refused, word+": ") {
		t.Errorf("%.200q answers %q %q, want %s", args, out, refused, word)
	}
	if len(before) != len(l.state) {
		t.Errorf("%q left something on the ledger", args[0])
	}
}

func b64(b byte) string {
	return base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(rune(b)), sha256.Size)))
}

func put(size int64, root string, digests ...digest) string {
	if digests == nil {
		digests = []digest{}
	}
	return encode(request{digests, origin, root, nil, size})
}

// cast is who plays in most tests, with Org1's user registered by both votes.
type cast struct {
	*ledger
	admin1, admin2, user, other, foreign person
}

func newCast(t testing.TB) cast {
	c := cast{newLedger(t, 2, "Org1MSP", "Org2MSP"), member(t, "Org1MSP", "admin"), member(t, "Org2MSP", "admin"),
		member(t, "Org1MSP", "client"), member(t, "Org1MSP", "client"), member(t, "Org2MSP", "client")}
	c.must(t, c.admin1, "Vote", origin, "1", encode(operator{[]string{c.user.key}, nil, "Org1MSP"}))
	c.must(t, c.admin2, "Vote", origin, "1", encode(operator{[]string{c.user.key}, nil, "Org1MSP"}))
	return c
}
