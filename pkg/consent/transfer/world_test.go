package transfer

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/consent/receipt"
	"github.com/govmydata/mydata/pkg/dpop"
)

const (
	citizen  = "resident-07"
	endpoint = "https://insurer.example/release"
)

// asked is a release request in its parts, to be bent before it is signed.
type asked struct {
	*consenttest.World
	t        testing.TB
	passkey  *consenttest.Passkey
	record   consent.Record
	Token    TokenClaims
	Sealed   Sealed
	Request  string // the consumer's JWS
	Terms    consent.Terms
	cat      *catalogue.Catalogue
	provider Provider
	key      *ecdsa.PrivateKey // of proofs
	hubKey   crypto.Signer     // signs the token
	kid, typ string
	seal     func(Sealed) (string, error)
	rawTerms []byte // in place of Terms
	target   string // of the proof
	request  func(*http.Request)
}

// ask walks a citizen to a grant and takes the parts of its first use.
func ask(t testing.TB) *asked {
	t.Helper()
	w := consenttest.New()
	passkey := w.People.Enrol(citizen)
	w.Pass(73 * time.Hour)
	ctx := context.Background()
	record := w.Granted(ctx, citizen, passkey)
	return with(t, w, passkey, record)
}

func with(t testing.TB, w *consenttest.World, passkey *consenttest.Passkey, record consent.Record) *asked {
	t.Helper()
	ctx := context.Background()
	next, err := w.Ledger.NextUse(ctx, record.Grant, consenttest.Client)
	if err != nil {
		t.Fatal(err)
	}
	approved, err := receipt.Prove(ctx, w.Log, next.Approval)
	if err != nil {
		t.Fatal(err)
	}
	sub, err := w.People.Pairwise(ctx, citizen, w.Provider.ID)
	if err != nil {
		t.Fatal(err)
	}
	salts, err := w.People.OrderSalts(ctx, approved.History)
	if err != nil {
		t.Fatal(err)
	}
	key, now := consenttest.NewKey(), w.Now()
	jkt, err := dpop.Thumbprint(jose.JSONWebKey{Key: key.Public()})
	if err != nil {
		t.Fatal(err)
	}
	a := &asked{
		World: w, t: t, passkey: passkey, record: record, Request: next.Request, Terms: next.Terms, cat: w.Catalogue, key: key,
		hubKey: w.Hub, kid: w.Trust.HubKeys.Keys[0].KeyID, typ: "at+jwt", target: endpoint,
		Sealed: Sealed{Subject: sub, ResidentID: citizen, OrderSalts: salts, SubjectSalt: consent.Encode(next.SubjectSalt[:]), Approval: approved},
		Token: TokenClaims{Issuer: consenttest.Issuer, Subject: "pairwise", Audience: jwt.Audience{w.Provider.ID}, ClientID: consenttest.Client,
			IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(time.Minute)), ID: rand.Text(), Confirmation: Confirmation{JKT: jkt},
			Details: []Detail{{Type: consent.TransferType, GrantID: string(record.Grant), Terms: next.Record.Terms, Use: next.Use, Consumer: w.Consumer.ID}}},
		provider: Provider{Agency: w.Provider.ID, Endpoint: endpoint, Trust: w.Trust, Key: w.Provider.Encryption, Replay: &dpop.Memory{Now: w.Now}, Now: w.Now},
		request:  func(*http.Request) {},
	}
	a.seal = func(s Sealed) (string, error) { return Seal(s, w.Provider.EncryptionJWK()) }
	return a
}

func sign(t testing.TB, key crypto.Signer, kid, typ string, claims any) string {
	t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{}).WithType(jose.ContentType(typ)).WithHeader("kid", kid))
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	object, err := s.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := object.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// sent signs, seals and proves what the parts are now.
func (a *asked) sent() (*http.Request, ReleaseRequest) {
	a.t.Helper()
	var err error
	if a.Token.Sealed == "" {
		if a.Token.Sealed, err = a.seal(a.Sealed); err != nil {
			a.t.Fatal(err)
		}
	}
	token := sign(a.t, a.hubKey, a.kid, a.typ, a.Token)
	terms := a.rawTerms
	if terms == nil {
		if terms, err = a.Terms.Canonical(); err != nil {
			a.t.Fatal(err)
		}
	}
	maker, err := dpop.NewMaker(a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	maker.Now = a.Now
	proof, err := maker.Proof(http.MethodPost, a.target, token, "")
	if err != nil {
		a.t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, endpoint, bytes.NewReader(nil))
	r.Header.Set("Authorization", "DPoP "+token)
	r.Header.Set("DPoP", proof)
	a.request(r)
	return r, ReleaseRequest{Request: a.Request, Terms: terms, IdempotencyKey: rand.Text()}
}

func (a *asked) check() error {
	r, body := a.sent()
	_, err := a.provider.Check(r, body, a.cat)
	return err
}

// retoken names the terms as they are now in the token, as a hub that lies in
// both places would.
func (a *asked) retoken() {
	d, err := a.Terms.Digest()
	if err != nil {
		a.t.Fatal(err)
	}
	a.Token.Details[0].Terms = consent.Encode(d[:])
}

// reapprove lets the citizen sign the terms as they are now, so that what
// follows the assertion is reached.
func (a *asked) reapprove() {
	a.t.Helper()
	a.retoken()
	d, _ := a.Terms.Digest()
	p := &a.Sealed.Approval
	p.Digests = []string{consent.Encode(d[:])}
	p.Assertion = a.passkey.Sign(challenge(d, [32]byte(p.Nonce)))
}

// rerequest makes the consumer sign another request, from which the terms come.
func (a *asked) rerequest(bend func(*consent.RequestClaims)) {
	a.t.Helper()
	claims, err := consent.OpenRequest(a.Request, a.Trust.AgencyRoots)
	if err != nil {
		a.t.Fatal(err)
	}
	bend(&claims)
	if a.Request, err = consent.SignRequest(claims, a.Consumer.Key, a.Consumer.Chain); err != nil {
		a.t.Fatal(err)
	}
	a.Terms.Request = consent.DigestOf(a.Request)
}

// lend does what a hub can that wants to approve in the citizen's name: it uses
// the officers' orders for another, who lost a phone, to put a key of its own
// into the citizen's history, logs the event, and waits 72 hours.
func (a *asked) lend(other string) {
	a.t.Helper()
	ctx := context.Background()
	a.People.Enrol(other)
	a.People.Enrol(other)
	theirs, err := a.People.History(ctx, other)
	if err != nil {
		a.t.Fatal(err)
	}
	a.passkey = consenttest.NewPasskey(a.RP)
	key := a.passkey.JWK()
	event := approval.KeyEvent{Seq: 2, Op: approval.OpAdd, Key: &key, At: theirs[1].Event.At, By: theirs[1].Event.By}
	record := approval.KeyRecord{Event: event, Salt: make([]byte, 32)}
	entry, err := consent.KeyEntry(record)
	if err != nil {
		a.t.Fatal(err)
	}
	a.Log.Append(entry)
	forged := &a.Sealed.Approval
	forged.Key, forged.History = key.KeyID, append(forged.History[:1:1], record)
	if *forged, err = receipt.Prove(ctx, a.Log, *forged); err != nil {
		a.t.Fatal(err)
	}
	if a.Sealed.OrderSalts, err = a.People.OrderSalts(ctx, forged.History); err != nil {
		a.t.Fatal(err)
	}
	a.Terms.Validity.NotBefore += 73 * 3600
	a.reapprove()
}
