package credential

import (
	"context"
	"crypto/x509"
	"time"

	"github.com/govmydata/mydata/pkg/credential/statuslist"
)

// Policy says what a verifier accepts. The zero Policy accepts nothing.
type Policy struct {
	// Roots are the trust anchors for each credential type (vct).
	Roots map[string]*x509.CertPool
}

// Statuses tells the status of a credential, or an error, which is a failed
// check. It may be called concurrently.
type Statuses interface {
	Status(ctx context.Context, ref statuslist.Reference, trust statuslist.Trust) (statuslist.Status, error)
}

// Presentation is one presented credential with what the verifier asked for.
type Presentation struct {
	Token    string // SD-JWT+KB, compact
	Audience string // the verifier's full client identifier (OpenID4VP 1.0, B.3.5)
	Nonce    string
	// TransactionDataHashes that the key binding has to carry, if any.
	TransactionDataHashes []string
}

// Verifier checks presentations against a policy.
type Verifier struct {
	Policy Policy
	Status Statuses // nil: a credential that names a status is refused
	Now    func() time.Time
}

// Verify runs every check in order and lists them; it stops at the first that
// fails, as no later one would mean anything.
func (v *Verifier) Verify(ctx context.Context, p Presentation) Result {
	return Result{}
}

// OK tells whether checks ran and none failed.
func (r Result) OK() bool {
	for _, c := range r.Checks {
		if !c.OK {
			return false
		}
	}
	return len(r.Checks) > 0
}
