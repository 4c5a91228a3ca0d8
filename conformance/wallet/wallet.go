package wallet

import (
	"crypto/x509"
	"fmt"
	"sync"
	"time"

	"github.com/govmydata/mydata/pkg/fetch"
)

// Config is what a wallet knows from the start.
type Config struct {
	// ClientID and RedirectURI are as registered at the authorization server.
	// With an empty ClientID only anonymous pre-authorized offers can be taken.
	ClientID    string
	RedirectURI string
	// Issuers and Verifiers hold the trust anchors; nil trusts none.
	Issuers   *x509.CertPool
	Verifiers *x509.CertPool
	// Development allows plain http on the loop-back.
	Development bool
	// Presenting is what this wallet takes beyond HAIP 1.0 when it is asked.
	Presenting Presenting
	// Issuance is how this wallet gets credentials; its zero is the plain way.
	Issuance Issuance
	Store    *Store
	Now      func() time.Time // nil means time.Now
	// Attester is the wallet provider: this wallet then authenticates by its
	// attestations, and proves its keys with them where an issuer asks for it.
	Attester Attester
	// CombinedProof lets the DPoP proof be the attestation's proof of possession.
	CombinedProof bool
	// AttestationAlone prefers the proof type attestation where there is a choice.
	AttestationAlone bool
}

// Wallet is one phone. It may be used concurrently.
type Wallet struct {
	config Config
	http   *fetch.Client // follows no redirect

	mu      sync.Mutex
	pending map[string]pending // by state
}

// New makes a wallet over a store.
func New(c Config) *Wallet {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Store == nil {
		c.Store = Memory()
	}
	return &Wallet{config: c, http: &fetch.Client{Loopback: c.Development, Timeout: patience}, pending: map[string]pending{}}
}

// Store is where this wallet keeps its credentials.
func (w *Wallet) Store() *Store { return w.config.Store }

// Refusal is the wallet's own no: Check names the rule that was broken.
type Refusal struct {
	Check string
	Cause string
}

func (r *Refusal) Error() string { return r.Check + ": " + r.Cause }

func refuse(check, format string, args ...any) *Refusal {
	return &Refusal{Check: check, Cause: fmt.Sprintf(format, args...)}
}

// Answer is a server's no, or what it said instead of what was expected.
type Answer struct {
	Endpoint    string // "token", "credential", …
	Status      int
	Code        string
	Description string
}

func (a *Answer) Error() string {
	text := fmt.Sprintf("%s endpoint answered %d", a.Endpoint, a.Status)
	if a.Code != "" {
		text += " " + a.Code
	}
	if a.Description != "" {
		text += ": " + a.Description
	}
	return text
}
