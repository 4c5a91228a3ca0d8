package credential_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/pkg/credential"
)

// An office is what an issuer stands on: a database, and a clock.
type office struct {
	rows   *store.Credentials
	fault  *faulty
	offers *credential.Offers
	nonces *credential.Nonces
	now    time.Time
}

func newOffice(t *testing.T) *office {
	t.Helper()
	db, err := store.Open(t.Context(), "sqlite::memory:")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	o := &office{rows: db.Credentials(), fault: &faulty{Credentials: db.Credentials()}, now: time.Unix(1_800_000_000, 0)}
	secret, clock := bytes.Repeat([]byte{7}, 32), func() time.Time { return o.now }
	o.offers = &credential.Offers{Store: o.rows, Secret: secret, Now: clock}
	o.nonces = &credential.Nonces{Store: o.rows, Secret: secret, Now: clock}
	return o
}

func (o *office) offer(t *testing.T, withTxCode bool) (code, txCode string) {
	t.Helper()
	offer, txCode, err := o.offers.Make(t.Context(), "kim", credential.ConfigResidentCard, credential.GrantPreAuthorized, withTxCode)
	if err != nil {
		t.Fatal(err)
	}
	return o.offers.Code(offer), txCode
}

// faulty is a real store that keeps none of the commits of one kind, or no offer,
// or gives lists that were cut short.
type faulty struct {
	*store.Credentials
	op string
}

var errDisk = errors.New("the disk is gone")

func (f *faulty) Commit(ctx context.Context, c credential.Commit) error {
	if f.op != "" && strings.HasPrefix(c.ID, f.op) {
		return errDisk
	}
	return f.Credentials.Commit(ctx, c)
}

func (f *faulty) AddOffer(ctx context.Context, o credential.Offer) error {
	if f.op == "offer" {
		return errDisk
	}
	return f.Credentials.AddOffer(ctx, o)
}

func (f *faulty) List(ctx context.Context, id string) (credential.List, error) {
	list, err := f.Credentials.List(ctx, id)
	if f.op == "short" && err == nil {
		list.Data = list.Data[:0:0]
		list.Data = append(list.Data, 0)
	}
	return list, err
}

// another code of as many digits.
func another(txCode string) string {
	return string('0'+(txCode[0]-'0'+1)%10) + txCode[1:]
}

func TestOffersRefuse(t *testing.T) {
	offered := func(grant string, withTxCode bool) func(*testing.T, *office) error {
		return func(t *testing.T, o *office) error {
			_, _, err := o.offers.Make(t.Context(), "kim", credential.ConfigResidentCard, grant, withTxCode)
			return err
		}
	}
	type shown func(o *office, code, txCode string) (string, string)
	redeem := func(withTxCode bool, present shown) func(*testing.T, *office) error {
		return func(t *testing.T, o *office) error {
			code, txCode := o.offer(t, withTxCode)
			code, txCode = present(o, code, txCode)
			_, err := o.offers.Redeem(t.Context(), code, txCode)
			return err
		}
	}
	after := func(d time.Duration) func(*testing.T, *office) error {
		return redeem(false, func(o *office, code, _ string) (string, string) {
			o.now = time.Unix(1_800_000_000, 0).Add(d)
			return code, ""
		})
	}
	cases := []struct {
		name string
		try  func(*testing.T, *office) error
		want error // nil: it is taken; errAny: refused, and nobody asks how
	}{
		{"it makes an offer to redeem by its code", offered(credential.GrantPreAuthorized, true), nil},
		{"it refuses a grant that it does not know", offered("password", false), errAny},
		{"it refuses a transaction code beside a grant that asks for none", offered(credential.GrantAuthorizationCode, true), errAny},
		{"it takes the code and the transaction code", redeem(true, func(_ *office, c, tx string) (string, string) { return c, tx }), nil},
		{"it takes a code that asks for nothing else", after(0), nil},
		{"it takes a code until its last moment", after(credential.OfferLife - time.Second), nil},
		{"it refuses a code that expired", after(credential.OfferLife), credential.ErrOffer},
		{"it refuses one of a clock that was ahead", after(-2 * time.Minute), credential.ErrOffer},
		{"it refuses a code of no offer", redeem(false, func(*office, string, string) (string, string) { return "none.tag", "" }), credential.ErrOffer},
		{"it refuses the offer's name without its tag", redeem(false, func(_ *office, c, _ string) (string, string) {
			id, _, _ := strings.Cut(c, ".")
			return id, ""
		}), credential.ErrOffer},
		{"it refuses a transaction code that nobody asked for", redeem(false, func(_ *office, c, _ string) (string, string) { return c, "123456" }),
			credential.ErrTxCodeUnexpected},
		{"it refuses a transaction code that is not there", redeem(true, func(_ *office, c, _ string) (string, string) { return c, "" }),
			credential.ErrTxCodeMissing},
		{"it refuses another transaction code", redeem(true, func(_ *office, c, tx string) (string, string) { return c, another(tx) }),
			credential.ErrTxCode},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := c.try(t, newOffice(t))
			if err != nil && errors.Is(c.want, errAny) {
				err = errAny
			}
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

var errAny = errors.New("any")

// What is redeemed is spent, and an offer by login has no code to redeem.
func TestOffersAreRedeemedOnce(t *testing.T) {
	o := newOffice(t)
	code, _ := o.offer(t, false)
	if _, err := o.offers.Redeem(t.Context(), code, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := o.offers.Redeem(t.Context(), code, ""); !errors.Is(err, credential.ErrOffer) {
		t.Errorf("it takes a code twice: %v", err)
	}
	byLogin, _, err := o.offers.Make(t.Context(), "kim", credential.ConfigResidentCard, credential.GrantAuthorizationCode, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.offers.Redeem(t.Context(), o.offers.Code(byLogin), ""); !errors.Is(err, credential.ErrOffer) {
		t.Errorf("it redeems an offer by login without a login: %v", err)
	}
}

// Neither a guesser nor the right code gets past the last try.
func TestTransactionCodesRunOut(t *testing.T) {
	o := newOffice(t)
	code, txCode := o.offer(t, true)
	for range credential.TxCodeTries {
		if _, err := o.offers.Redeem(t.Context(), code, another(txCode)); !errors.Is(err, credential.ErrTxCode) {
			t.Fatal(err)
		}
	}
	for _, tried := range []string{another(txCode), txCode} {
		if _, err := o.offers.Redeem(t.Context(), code, tried); !errors.Is(err, credential.ErrTxCodeExhausted) {
			t.Errorf("after %d tries: %v", credential.TxCodeTries, err)
		}
	}
}

func TestNoncesRefuse(t *testing.T) {
	cases := []struct {
		name string
		show func(*office) string
		ok   bool
	}{
		{"it takes one of its own", func(o *office) string { return o.nonces.Make() }, true},
		{"it takes one until its last moment", func(o *office) string {
			nonce := o.nonces.Make()
			o.now = o.now.Add(credential.NonceLife - time.Millisecond)
			return nonce
		}, true},
		{"it refuses one that expired", func(o *office) string {
			nonce := o.nonces.Make()
			o.now = o.now.Add(credential.NonceLife)
			return nonce
		}, false},
		{"it refuses one of a clock that was ahead", func(o *office) string {
			nonce := o.nonces.Make()
			o.now = o.now.Add(-2 * time.Minute)
			return nonce
		}, false},
		{"it refuses one of another's making", func(o *office) string {
			other := *o.nonces
			other.Secret = bytes.Repeat([]byte{8}, 32)
			return other.Make()
		}, false},
		{"it refuses one that it spent", func(o *office) string {
			nonce := o.nonces.Make()
			if err := o.nonces.Spend(context.Background(), nonce); err != nil {
				return err.Error()
			}
			return nonce
		}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			o := newOffice(t)
			if err := o.nonces.Spend(t.Context(), c.show(o)); (err == nil) != c.ok || err != nil && !errors.Is(err, credential.ErrNonce) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// salts that anybody knows.
type salts struct{}

func (salts) Salt(context.Context, string, string) ([32]byte, error) { return [32]byte{1}, nil }

// An issuer of this office, and what it is asked for.
func (o *office) issuer(t *testing.T, over credential.Store) (*credential.Issuer, *ecdsa.PrivateKey, credential.Order) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	issuer := &credential.Issuer{URL: "https://issuer.example", Store: over, Salts: salts{},
		Key: func() credential.Key { return credential.Key{Signer: key} }, Now: func() time.Time { return o.now }}
	return issuer, key, credential.Order{Citizen: "kim", Config: credential.ConfigResidentCard, VCT: credential.VCTResidentCard,
		Claims: map[string]any{"name": "Kim"}, Holder: jose.JSONWebKey{Key: key.Public()}, Life: time.Hour}
}

func TestIssuerRefuses(t *testing.T) {
	o := newOffice(t)
	issuer, key, order := o.issuer(t, o.rows)
	issue := func(holder any) (credential.Issued, error) {
		order.Holder = jose.JSONWebKey{Key: holder}
		_, issued, err := issuer.Issue(t.Context(), order)
		return issued, err
	}
	issued, err := issue(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	for name, holder := range map[string]any{"a private key": key, "no key": nil, "a secret": []byte("secret")} {
		if _, err := issue(holder); err == nil {
			t.Errorf("it binds a credential to %s", name)
		}
	}
	if err := issuer.Notified(t.Context(), "kim", issued.ID, "credential_accepted"); err != nil {
		t.Error(err)
	}
	if err := issuer.Notified(t.Context(), "lee", issued.ID, "credential_deleted"); !errors.Is(err, credential.ErrUnknown) {
		t.Errorf("it takes another's word on a credential: %v", err)
	}
	if got, err := issuer.Get(t.Context(), issued.ID); err != nil || got.Acceptance != "credential_accepted" {
		t.Errorf("%+v, %v", got, err)
	}
}

// What was not kept was not given, nor revoked.
func TestNothingComesOfWhatWasNotKept(t *testing.T) {
	t.Run("it makes no offer", func(t *testing.T) {
		o := newOffice(t)
		o.offers.Store, o.fault.op = o.fault, "offer"
		if offer, _, err := o.offers.Make(t.Context(), "kim", "card", credential.GrantPreAuthorized, false); !errors.Is(err, errDisk) || offer.ID != "" {
			t.Errorf("%+v, %v", offer, err)
		}
	})
	t.Run("it issues nothing under a list that is not there", func(t *testing.T) {
		o := newOffice(t)
		issuer, _, order := o.issuer(t, o.fault)
		o.fault.op = "list/"
		if token, _, err := issuer.Issue(t.Context(), order); !errors.Is(err, errDisk) || token != "" {
			t.Errorf("%q, %v", token, err)
		}
	})
	for name, op := range map[string]string{
		"it says that it revoked nothing": "revoke/", "it revokes nothing in a list that was cut short": "short",
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			issuer, _, order := o.issuer(t, o.fault)
			_, issued, err := issuer.Issue(t.Context(), order)
			if err != nil {
				t.Fatal(err)
			}
			o.fault.op = op
			if err := issuer.RevokeAll(t.Context(), "kim"); err == nil {
				t.Error("it says that it revoked")
			}
			if got, err := issuer.Get(t.Context(), issued.ID); err != nil || got.Status != credential.Valid {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}
