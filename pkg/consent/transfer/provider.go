package transfer

import (
	"net/http"
	"time"

	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/dpop"
)

// Provider makes the provider's checks. All fields but Now and Development are
// needed; with one missing every request is refused.
type Provider struct {
	Agency   string // own agency id
	Endpoint string // own release URL, as the catalogue lists it
	Trust    consent.Trust
	Key      any // opens the sealed part: see Open
	Replay   dpop.Replay
	Now      func() time.Time // time.Now when nil
	// Development leaves out the 72 hours that a passkey enrolled by officers
	// waits before it may approve. Nothing else depends on it.
	Development bool
}

// Granted is a release that passed every check.
type Granted struct {
	Token   TokenClaims
	Detail  Detail
	Sealed  Sealed
	Request consent.RequestClaims
	Terms   consent.Terms
	DataSet catalogue.DataSet

	digest [32]byte           // of Terms, as the assertion is over it
	orders []approval.Ordered // of the passkey history that was replayed
}

// The provider's checks, by name and in their order.
const (
	CheckBody            = "release request"
	CheckToken           = "token"
	CheckProof           = "proof"
	CheckAudience        = "audience"
	CheckConsumer        = "consumer's signature"
	CheckTerms           = "terms"
	CheckSealed          = "sealed part"
	CheckAssertion       = "citizen's assertion"
	CheckBundle          = "bundle"
	CheckHistory         = "passkey history"
	CheckInclusion       = "passkey inclusion"
	CheckAge             = "passkey age"
	CheckSubject         = "subject"
	CheckTermsDigest     = "terms digest"
	CheckRecipientKey    = "recipient key"
	CheckPurpose         = "purpose"
	CheckFields          = "fields"
	CheckSchema          = "schema hash"
	CheckTemplate        = "template bounds"
	CheckValidity        = "validity"
	CheckNarrow          = "terms follow the request"
	maxSkew              = 10 * time.Second
	maxTokenLife         = 60 * time.Second
	passkeyWaitingPeriod = 72 * time.Hour
)

// Check makes every check of a release, in this order, with no option to skip
// one: token, proof of possession, audience, consumer's signature, citizen's
// assertion and passkey history, subject, terms digest, recipient key,
// purpose, fields, schema hash, template bounds, validity. Nothing may be
// loaded before it returns nil; its errors are *Refusal.
func (p Provider) Check(r *http.Request, body ReleaseRequest, cat *catalogue.Catalogue) (*Granted, error) {
	if p.Agency == "" || p.Endpoint == "" || p.Key == nil || p.Replay == nil || cat == nil {
		return nil, refuse(CheckToken, MenderProvider, "the provider is not configured")
	}
	g := &Granted{}
	steps := []func() error{
		func() error { return p.checkToken(r, g) },
		func() error { return p.checkProof(r, g) },
		func() error { return p.checkAudience(g) },
		func() error { return p.checkConsumer(body, g) },
		func() error { return p.checkTerms(body, g) },
		func() error { return p.checkAssertion(g) },
		func() error { return p.checkSubject(g, cat) },
		func() error { return checkTermsDigest(g) },
		func() error { return checkRecipientKey(g) },
		func() error { return checkPurpose(g, cat) },
		func() error { return checkFields(g) },
		func() error { return checkSchema(g, cat) },
		func() error { return checkTemplate(g, cat) },
		func() error { return p.checkValidity(g) },
		func() error { return checkNarrow(g, cat) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// CheckRetry makes the checks that a repeated request needs, one whose every
// byte but the proof passed Check before: it is the hub's token, and who shows
// it still holds the key. The token may have run out meanwhile: what is sent
// again is the same ciphertext, to the same key.
func (p Provider) CheckRetry(r *http.Request) error {
	g := &Granted{}
	if err := p.openToken(r, g); err != nil {
		return err
	}
	return p.checkProof(r, g)
}

func (p Provider) now() time.Time {
	if p.Now != nil {
		return p.Now()
	}
	return time.Now()
}
