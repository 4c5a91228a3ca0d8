package sdk

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vp"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
	"github.com/govmydata/mydata/pkg/did"
)

// ResidentCard is the type (vct) of the resident card.
const ResidentCard = credential.VCTResidentCard

// VerifierConfig is what a Verifier needs: whom it believes, type by type. Trust and
// Types have no default; what is not named is not believed.
type VerifierConfig struct {
	Trust Trust
	Types []string // the credential types (vct) that you accept by a chain to Trust.IssuerRoots; agencies are below them too

	// Certificates says what an issuer's certificate has to show beside the chain:
	// names, or certificate policies, for each type. That of the resident card has to
	// name the hub (Trust.Issuer) where nothing else is said here.
	Certificates map[string]credential.Certificate
	// Issuers are those whose published keys you believe, for each type, and DIDs
	// those whose keys: they need no chain.
	Issuers, DIDs map[string][]string
	// WithoutStatus are the types that may come without a status.
	WithoutStatus []string
	// IssuerKeys are the keys, and the documents of DIDs, that a log names
	// (credential.LoadKeyHistory); nil: they need not be there.
	IssuerKeys *credential.KeyHistory

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
	chains := c.Trust.IssuerRoots != nil && len(c.Types) > 0
	if !chains && len(c.Issuers)+len(c.DIDs) == 0 {
		return nil, errors.New("verifier: Trust and Types are needed, or Issuers, or DIDs")
	}
	if len(c.Types) > 0 && !chains {
		return nil, errors.New("verifier: Types without Trust.IssuerRoots")
	}
	if strings.HasPrefix(c.Trust.Issuer, "http:") { // or each status would be refused later, as if its issuer had to mend it
		if err := newNetwork(c.AllowLoopback).allowed(c.Trust.Issuer); err != nil {
			return nil, fmt.Errorf("verifier: hub: %w", err)
		}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	policy := credential.Policy{Roots: map[string]*x509.CertPool{}, Certificates: c.Certificates, Issuers: c.Issuers, DIDs: c.DIDs,
		WithoutStatus: map[string]bool{}, Keys: c.IssuerKeys}
	for _, vct := range c.Types {
		policy.Roots[vct] = c.Trust.IssuerRoots
	}
	if _, said := c.Certificates[ResidentCard]; !said { // or any agency below the roots could issue one
		policy.Certificates = maps.Clone(c.Certificates)
		if policy.Certificates == nil {
			policy.Certificates = map[string]credential.Certificate{}
		}
		policy.Certificates[ResidentCard] = credential.Certificate{Names: []string{c.Trust.Issuer}}
	}
	for _, vct := range c.WithoutStatus {
		policy.WithoutStatus[vct] = true
	}
	documents := &did.Kept{Now: c.Now, Resolver: &did.Resolver{Development: c.AllowLoopback, Allow: func(id string, document []byte) error {
		return c.IssuerKeys.Allows(id, document, c.Now())
	}}}
	return &Verifier{&credential.Verifier{
		Policy: policy, Now: c.Now, DIDs: documents,
		Status:  &statuslist.Client{Development: c.AllowLoopback, Now: c.Now},
		Issuers: &credential.IssuerMetadata{Development: c.AllowLoopback, Now: c.Now},
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
// binding, status. An *Error names the check that failed, what was found, and who
// can mend it: "verifier" (your policy), "issuer", "holder" or "wallet"; it wraps
// ErrUnavailable where asking again may help. The Result lists what ran either way.
func (v *Verifier) Verify(ctx context.Context, presentation string, want Expect) (Result, error) {
	if want.Nonce == "" || want.Audience == "" {
		return Result{}, errors.New("verify: nonce and audience are needed: without them a presentation can be replayed")
	}
	r := v.verifier.Verify(ctx, credential.Presentation{Token: presentation, Audience: want.Audience, Nonce: want.Nonce})
	return r, refusedBy(r)
}

// presentationMenders are those who can mend what a check refuses.
var presentationMenders = map[string]string{
	credential.CheckFormat: "wallet", credential.CheckIssuerTrusted: "verifier", credential.CheckIssuerSignature: "issuer",
	credential.CheckValidity: "holder", credential.CheckKeyBinding: "wallet", credential.CheckStatus: "issuer",
}

func refusedBy(r Result) error {
	failed, refused := r.Failed()
	if !refused && !r.OK() {
		return errors.New("verify: no check ran")
	}
	if !refused {
		return nil
	}
	mender, known := presentationMenders[failed.Name]
	if !known {
		mender = "verifier"
	}
	e := refusal("refused", failed.Name, mender, "%s", failed.Detail)
	if strings.HasPrefix(failed.Detail, statuslist.ErrUnavailable.Error()) || strings.HasPrefix(failed.Detail, credential.ErrIssuerMetadata.Error()) {
		e.Reason, e.err = "unavailable", ErrUnavailable
	}
	return e
}

// PresentationRecord is what you keep of a presentation, to verify it again later.
type PresentationRecord = credential.Record

// RecordResult is what became of such a record, and what it cannot say.
type RecordResult = credential.RecordResult

// Asked is what was asked: the signed request object as the wallet read it, and of
// its DCQL query which Credential Query was answered.
type Asked struct {
	Request string
	Query   []byte
	QueryID string
}

// Record makes a record of a Result of Verify, sealed by the key that signed the
// request. It holds the claims that were asked for and no others: where a wallet
// showed more, the error is credential.ErrUnasked, and nothing can be kept.
func (v *Verifier) Record(r Result, asked Asked, key crypto.Signer) (PresentationRecord, error) {
	return credential.NewRecord(r, credential.Asked{Request: asked.Request, Query: asked.Query, QueryID: asked.QueryID, Answer: openid4vp.Answer}, key)
}

// VerifyRecord reads a record and runs every check again, without a network, as of
// a time; the zero time is that of the presentation. Errors are as of Verify.
func (v *Verifier) VerifyRecord(ctx context.Context, text []byte, at time.Time) (RecordResult, error) {
	record, err := credential.ParseRecord(text)
	if err != nil {
		return RecordResult{}, err
	}
	r := record.Verify(ctx, v.verifier.Policy, openid4vp.Answer, at)
	return r, refusedBy(r.Result)
}
