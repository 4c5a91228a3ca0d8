package account_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"
	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/pkg/consent/approval"
)

const (
	origin    = "http://localhost:8080"
	userAgent = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Mobile Safari/604.1"
)

// bench is the accounts over a real database, two officers and a clock.
type bench struct {
	*account.Accounts
	store    account.Store
	officers [2]crypto.Signer
	public   []jose.JSONWebKey
	now      time.Time
	replaced []string
	broken   error // what Replaced answers
}

func newBench(t testing.TB) *bench {
	t.Helper()
	db, err := store.Open(context.Background(), "sqlite::memory:")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	b := &bench{now: time.Unix(1_800_000_000, 0)}
	b.store = db.Accounts()
	for i := range b.officers {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		b.officers[i] = key
		b.public = append(b.public, jose.JSONWebKey{Key: &key.PublicKey})
	}
	b.Accounts, err = account.New(account.Options{
		Store: b.store, Register: demoRegister(t), Officers: b.public,
		RP: rp, PairwiseSecret: make([]byte, 32), Now: func() time.Time { return b.now },
		Replaced: func(_ context.Context, citizen string) error {
			b.replaced = append(b.replaced, citizen)
			return b.broken
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var rp = approval.RelyingParty{ID: "localhost", Origin: origin}

func demoRegister(t testing.TB) *account.FileRegister {
	t.Helper()
	file, err := os.Open("../../examples/story/residents.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	reg, err := account.ReadRegister(file)
	if err != nil {
		t.Fatal(err)
	}
	return reg
}

// order makes the officers order an enrolment and answers the code.
func (b *bench) order(t testing.TB, resident string, replace bool) string {
	t.Helper()
	code, order, err := account.SignedOrder(resident, replace, b.now, b.officers)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Enrol(t.Context(), order); err != nil {
		t.Fatal(err)
	}
	return code
}

// phone is an authenticator with at most one passkey, and the browser around it.
type phone struct {
	auth    virtualwebauthn.Authenticator
	cred    virtualwebauthn.Credential
	rp      virtualwebauthn.RelyingParty
	browser string
}

func newPhone() *phone {
	return &phone{
		auth:    virtualwebauthn.NewAuthenticator(),
		rp:      virtualwebauthn.RelyingParty{ID: "localhost", Name: "MyData", Origin: origin},
		browser: account.NewBrowser(),
	}
}

func (p *phone) create(t testing.TB, options json.RawMessage) json.RawMessage {
	t.Helper()
	o, err := virtualwebauthn.ParseAttestationOptions(string(options))
	if err != nil {
		t.Fatal(err)
	}
	// The library drops leading zeros of a coordinate (1 key in 128): take another.
	for p.cred.Key == nil || len(p.cred.Key.AttestationData()) != 77 {
		p.cred = virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
	}
	p.auth.Options.UserHandle = []byte(o.UserID)
	return json.RawMessage(virtualwebauthn.CreateAttestationResponse(p.rp, p.auth, p.cred, *o))
}

func (p *phone) get(t testing.TB, options json.RawMessage) json.RawMessage {
	t.Helper()
	o, err := virtualwebauthn.ParseAssertionOptions(string(options))
	if err != nil {
		t.Fatal(err)
	}
	p.cred.Counter++
	return json.RawMessage(virtualwebauthn.CreateAssertionResponse(p.rp, p.auth, p.cred, *o))
}

func (p *phone) id() string { return base64.RawURLEncoding.EncodeToString(p.cred.ID) }

// enrol walks a resident through enrolment.
func (b *bench) enrol(t testing.TB, resident string, replace bool) (*phone, account.Session) {
	t.Helper()
	p := newPhone()
	code := b.order(t, resident, replace)
	options, err := b.BeginEnrolment(t.Context(), p.browser, "192.0.2.1", code)
	if err != nil {
		t.Fatal(err)
	}
	_, s, err := b.FinishEnrolment(t.Context(), p.browser, code, userAgent, p.create(t, options))
	if err != nil {
		t.Fatal(err)
	}
	return p, s
}

// login of a phone.
func (b *bench) login(t testing.TB, p *phone) (string, account.Session) {
	t.Helper()
	options, err := b.BeginLogin(t.Context(), p.browser)
	if err != nil {
		t.Fatal(err)
	}
	token, s, err := b.FinishLogin(t.Context(), p.browser, p.get(t, options))
	if err != nil {
		t.Fatal(err)
	}
	return token, s
}

// add walks a session through adding a passkey; signer is its own phone.
func (b *bench) add(t testing.TB, s account.Session, signer *phone) *phone {
	t.Helper()
	p := newPhone()
	options, err := b.BeginAdd(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	change, err := b.FinishAdd(t.Context(), s, "Mozilla/5.0 (Linux; Android 16) Chrome/150.0", p.create(t, options))
	if err != nil {
		t.Fatal(err)
	}
	if options, err = b.BeginConfirm(t.Context(), s, change); err != nil {
		t.Fatal(err)
	}
	if err := b.FinishChange(t.Context(), s, signer.get(t, options)); err != nil {
		t.Fatal(err)
	}
	return p
}
