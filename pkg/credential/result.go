package credential

import (
	"crypto/x509"
	"time"
)

// Check is one thing a verifier looked at. Its JSON is stable: members are added,
// never renamed (docs/schemas/presentation-result.schema.json).
type Check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"`
	// Path is the trust path that was taken, and Anchor what it ends at: the
	// SHA-256 of the anchor's DER in hex, or the issuer or DID that the policy names.
	Path   TrustPath `json:"trust_path,omitempty"`
	Anchor string    `json:"anchor,omitempty"`
	// Key is the thumbprint (RFC 7638, SHA-256) of the key that was believed, or
	// that a signature was checked with.
	Key string `json:"key,omitempty"`
	// StatusURI and StatusIndex are where the status stands (Token Status List, 6.2).
	StatusURI   string `json:"status_uri,omitempty"`
	StatusIndex *int   `json:"status_index,omitempty"`
	// At is the time as of which was checked, of the checks that ask a clock.
	At time.Time `json:"at,omitzero"`
}

// The names of the checks, in the order in which they run.
const (
	CheckFormat          = "format"
	CheckIssuerTrusted   = "issuer trusted"
	CheckIssuerSignature = "issuer signature"
	CheckValidity        = "validity"
	CheckKeyBinding      = "key binding"
	CheckStatus          = "status"
)

// Result is what became of one presentation. The zero Result is a refusal. Its
// JSON holds the claims: whoever keeps it keeps personal data.
type Result struct {
	Checks []Check `json:"checks"`
	// What follows is set only when OK.
	Format string `json:"format,omitempty"`
	VCT    string `json:"vct,omitempty"`
	// Types are the further types that the issuer says it is (aka_vcts).
	Types  []string `json:"aka_vcts,omitempty"`
	Issuer string   `json:"issuer,omitempty"`
	// Path is the trust path by which the issuer was believed.
	Path TrustPath `json:"trust_path,omitempty"`
	// Claims are the processed payload: what was disclosed, and the registered
	// claims. That a claim is absent proves nothing: the holder may have kept it back.
	Claims   map[string]any `json:"claims,omitempty"`
	IssuedAt time.Time      `json:"issued_at,omitzero"`
	Expires  time.Time      `json:"expires_at,omitzero"`
	// Chain is the verified chain, leaf first, trust anchor last; empty on the
	// paths without certificates.
	Chain []*x509.Certificate `json:"-"`
	// Bound: the holder's key signed for this verifier and this request.
	Bound bool `json:"-"`
	// Evidence is what a Record is made of.
	Evidence *Evidence `json:"-"`
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

// Failed is the check that failed.
func (r Result) Failed() (Check, bool) {
	for _, c := range r.Checks {
		if !c.OK {
			return c, true
		}
	}
	return Check{}, false
}
