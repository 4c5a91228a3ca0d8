package sdk

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
)

// ResidentCard is the type (vct) of the resident card.
const ResidentCard = credential.VCTResidentCard

// VerifierConfig is what a Verifier needs. Trust and Types have no default.
type VerifierConfig struct {
	Trust Trust
	Types []string // the credential types (vct) that you accept

	// AllowLoopback is for development alone: plain http to this machine.
	AllowLoopback bool
	// Now is the clock; time.Now when nil.
	Now func() time.Time
}

// Verifier checks credentials that somebody presents: SD-JWT VC with key
// binding. It is safe for use at once, and keeps status lists as long as they
// say they are good.
type Verifier struct{ verifier *credential.Verifier }

// NewVerifier checks the configuration.
func NewVerifier(c VerifierConfig) (*Verifier, error) {
	if c.Trust.IssuerRoots == nil || len(c.Types) == 0 {
		return nil, errors.New("verifier: Trust and Types are needed")
	}
	roots := map[string]*x509.CertPool{}
	for _, vct := range c.Types {
		roots[vct] = c.Trust.IssuerRoots
	}
	return &Verifier{&credential.Verifier{
		Policy: credential.Policy{Roots: roots}, Now: c.Now,
		Status: &statuslist.Client{Development: c.AllowLoopback, Now: c.Now},
	}}, nil
}

// Expect is what you asked the holder for.
type Expect struct {
	Nonce    string // fresh for each presentation
	Audience string // your full client identifier
}

// Result lists every check that ran, by name, and, when all passed, the claims.
type Result = credential.Result

// Verify runs every check: format, issuer trusted, signature, validity, key
// binding, status. The error names the first that failed; the Result lists
// what ran either way.
func (v *Verifier) Verify(ctx context.Context, presentation string, want Expect) (Result, error) {
	if want.Nonce == "" || want.Audience == "" {
		return Result{}, errors.New("verify: nonce and audience are needed: without them a presentation can be replayed")
	}
	r := v.verifier.Verify(ctx, credential.Presentation{Token: presentation, Audience: want.Audience, Nonce: want.Nonce})
	for _, check := range r.Checks {
		if !check.OK {
			return r, refusal("refused", check.Name, "holder", "%s", check.Detail)
		}
	}
	if !r.OK() {
		return r, fmt.Errorf("verify: no check ran")
	}
	return r, nil
}
