package accounttest

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/pkg/consent/approval"
)

// RP is where the phones believe to be.
var RP = approval.RelyingParty{ID: "localhost", Origin: "http://localhost:8080"}

// UserAgent of a phone's browser.
const UserAgent = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Mobile Safari/604.1"

// Bench is the accounts and what is around them.
type Bench struct {
	*account.Accounts
	DB       *store.DB
	Store    account.Store
	Signers  [2]crypto.Signer  // the officers
	Officers []jose.JSONWebKey // their public keys
	Ended    []string          // citizens whose credentials and grants were to end
	Broken   error             // what that answers

	mu   sync.Mutex
	time time.Time
}

// New accounts in the development mode, with nobody enrolled.
func New(t testing.TB) *Bench {
	t.Helper()
	return newBench(t, true)
}

// NewStrict accounts, as outside development.
func NewStrict(t testing.TB) *Bench {
	t.Helper()
	return newBench(t, false)
}

func newBench(t testing.TB, development bool) *Bench {
	t.Helper()
	db, err := store.Open(context.Background(), "sqlite::memory:")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	b := &Bench{DB: db, Store: db.Accounts(), time: time.Unix(1_800_000_000, 0)}
	for i := range b.Signers {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		b.Signers[i] = key
		b.Officers = append(b.Officers, jose.JSONWebKey{Key: &key.PublicKey})
	}
	b.Accounts, err = account.New(account.Options{
		Store: b.Store, Register: Register(t), Officers: b.Officers, RP: RP, PairwiseSecret: make([]byte, 32), Now: b.Now,
		Development: development,
		Replaced: func(_ context.Context, citizen string) error {
			b.Ended = append(b.Ended, citizen)
			return b.Broken
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Now by the bench's clock.
func (b *Bench) Now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.time
}

// Wait moves the clock.
func (b *Bench) Wait(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.time = b.time.Add(d)
}

// Register is the demonstration's.
func Register(t testing.TB) *account.FileRegister {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
	file, err := os.Open(filepath.Join(dir, "examples", "story", "residents.csv"))
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

// Letter makes the officers order an enrolment and answers the code.
func (b *Bench) Letter(t testing.TB, resident string, replace bool) string {
	t.Helper()
	code, order, err := account.SignedOrder(resident, replace, b.Now(), b.Signers)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Enrol(t.Context(), order); err != nil {
		t.Fatal(err)
	}
	return code
}

// Person walks a resident through enrolment.
func (b *Bench) Person(t testing.TB, resident string, replace bool) (*Phone, account.Session) {
	t.Helper()
	p := NewPhone()
	code := b.Letter(t, resident, replace)
	options, err := b.BeginEnrolment(t.Context(), p.Browser, "192.0.2.1", code)
	if err != nil {
		t.Fatal(err)
	}
	_, s, err := b.FinishEnrolment(t.Context(), p.Browser, code, UserAgent, p.Create(t, options))
	if err != nil {
		t.Fatal(err)
	}
	return p, s
}

// SignIn with a phone; token is what the browser's cookie holds.
func (b *Bench) SignIn(t testing.TB, p *Phone) (token string, s account.Session) {
	t.Helper()
	options, err := b.BeginLogin(t.Context(), p.Browser)
	if err != nil {
		t.Fatal(err)
	}
	token, s, err = b.FinishLogin(t.Context(), p.Browser, p.Get(t, options))
	if err != nil {
		t.Fatal(err)
	}
	return token, s
}

// AddPhone walks a session through adding a passkey; signer is its own phone.
func (b *Bench) AddPhone(t testing.TB, s account.Session, signer *Phone) *Phone {
	t.Helper()
	p := NewPhone()
	options, err := b.BeginAdd(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	change, err := b.FinishAdd(t.Context(), s, "Mozilla/5.0 (Linux; Android 16) Chrome/150.0", p.Create(t, options))
	if err != nil {
		t.Fatal(err)
	}
	if options, err = b.BeginConfirm(t.Context(), s, change); err != nil {
		t.Fatal(err)
	}
	if err := b.FinishChange(t.Context(), s, signer.Get(t, options)); err != nil {
		t.Fatal(err)
	}
	return p
}
