package openid4vp

import (
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
)

// Candidate is a credential as a query sees it: one that a wallet holds, or one
// that a verifier has verified.
type Candidate struct {
	Format string
	VCT    string
	Claims map[string]any
	Chain  []*x509.Certificate // of the issuer, as far as it is known
	// Bound: its holder can prove, or has proved, that it is theirs.
	Bound bool
}

// ErrUnsatisfied is what Needed and Satisfied answer when a query is not met.
var ErrUnsatisfied = errors.New("query not satisfied")

// Matches tells why a credential does not answer c, or answers with the paths
// of the claims to disclose, for each way that c allows, best first (section
// 6.4.1). With no claims asked for there is one way, of no paths.
func (c CredentialQuery) Matches(credential Candidate) ([][]Path, error) {
	if credential.Format != c.Format {
		return nil, fmt.Errorf("%w: format is %s, not %s", ErrUnsatisfied, credential.Format, c.Format)
	}
	if c.Format != FormatSDJWT {
		return nil, fmt.Errorf("%w: format %s is not known here", ErrUnsatisfied, c.Format)
	}
	if c.Meta == nil || !slices.Contains(c.Meta.VCTValues, credential.VCT) {
		return nil, fmt.Errorf("%w: type is not among vct_values", ErrUnsatisfied)
	}
	if c.Binding() && !credential.Bound {
		return nil, fmt.Errorf("%w: no holder is bound to it", ErrUnsatisfied)
	}
	if !c.trusts(credential.Chain) {
		return nil, fmt.Errorf("%w: issuer is under no trusted authority named", ErrUnsatisfied)
	}
	sets := c.ClaimSets
	if sets == nil {
		sets = [][]string{nil}
	}
	var ways [][]Path
	var first error
	for _, set := range sets {
		way, err := c.claimsOf(set, credential.Claims)
		if err == nil {
			ways = append(ways, way)
		} else if first == nil {
			first = err
		}
	}
	if len(ways) == 0 {
		return nil, fmt.Errorf("%w: %w", ErrUnsatisfied, first)
	}
	return ways, nil
}

// claimsOf wants every claim of the set, or, with a nil set, of the query.
func (c CredentialQuery) claimsOf(set []string, claims map[string]any) ([]Path, error) {
	var way []Path
	for _, want := range c.Claims {
		if set != nil && !slices.Contains(set, want.ID) {
			continue
		}
		found, err := want.Path.Select(claims)
		if err != nil {
			return nil, fmt.Errorf("claim %s is missing", want.Path.Name())
		}
		if want.Values != nil && !slices.ContainsFunc(found, want.Values.holds) {
			return nil, fmt.Errorf("claim %s has another value", want.Path.Name())
		}
		way = append(way, want.Path)
	}
	return way, nil
}

// authorityKey is the one type of trusted authority that can be recomputed here
// (section 6.1.1.1); etsi_tl and openid_federation need documents of others.
const authorityKey = "aki"

// ErrAuthority is a verifier's refusal to ask by authorities that it could not
// check itself: what a wallet filtered is not trusted.
var ErrAuthority = errors.New("trusted authorities of this type cannot be checked here")

// checkable tells whether a verifier can recompute all of c.
func (c CredentialQuery) checkable() error {
	for _, a := range c.TrustedAuthorities {
		if a.Type != authorityKey {
			return fmt.Errorf("credential %s: %.40q: %w", c.ID, a.Type, ErrAuthority)
		}
	}
	return nil
}

// trusts applies trusted_authorities of type aki; a query that names only types
// not known here is met by nothing.
func (c CredentialQuery) trusts(chain []*x509.Certificate) bool {
	if len(c.TrustedAuthorities) == 0 {
		return true
	}
	for _, authority := range c.TrustedAuthorities {
		if authority.Type != authorityKey {
			continue
		}
		for _, cert := range chain {
			if len(cert.AuthorityKeyId) > 0 && slices.Contains(authority.Values, base64.RawURLEncoding.EncodeToString(cert.AuthorityKeyId)) {
				return true
			}
		}
	}
	return false
}

// Needed chooses which credential queries to answer, given which can be: all,
// or the first option that can be met of each required set (section 6.4.2).
func (q Query) Needed(available func(id string) bool) ([]string, error) {
	if len(q.CredentialSets) == 0 {
		var all []string
		for _, c := range q.Credentials {
			if !available(c.ID) {
				return nil, fmt.Errorf("%w: nothing answers %s", ErrUnsatisfied, c.ID)
			}
			all = append(all, c.ID)
		}
		return all, nil
	}
	var needed []string
	for i, set := range q.CredentialSets {
		if !set.required() {
			continue
		}
		option := set.met(available)
		if option == nil {
			return nil, fmt.Errorf("%w: no option of set %d can be answered", ErrUnsatisfied, i+1)
		}
		for _, id := range option {
			if !slices.Contains(needed, id) {
				needed = append(needed, id)
			}
		}
	}
	return needed, nil
}

// Optional lists what may be added to Needed: the first option that can be met
// of each set that is not required, less what is needed anyway.
func (q Query) Optional(available func(id string) bool) [][]string {
	needed, err := q.Needed(available)
	if err != nil {
		return nil
	}
	var more [][]string
	for _, set := range q.CredentialSets {
		if set.required() {
			continue
		}
		option := slices.DeleteFunc(slices.Clone(set.met(available)), func(id string) bool { return slices.Contains(needed, id) })
		if len(option) > 0 {
			more = append(more, option)
		}
	}
	return more
}

// Satisfied tells whether the answers to these queries meet the whole.
func (q Query) Satisfied(answered func(id string) bool) error {
	_, err := q.Needed(answered)
	return err
}

func (s CredentialSetQuery) met(available func(id string) bool) []string {
	for _, option := range s.Options {
		if !slices.ContainsFunc(option, func(id string) bool { return !available(id) }) {
			return option
		}
	}
	return nil
}

// asks tells whether a presentation for this id can be of any use: without
// credential_sets all are, with them those that an option names.
func (q Query) asks(id string) bool {
	for _, set := range q.CredentialSets {
		for _, option := range set.Options {
			if slices.Contains(option, id) {
				return true
			}
		}
	}
	return len(q.CredentialSets) == 0
}

// Credential finds a Credential Query by its id.
func (q Query) Credential(id string) (CredentialQuery, bool) {
	for _, c := range q.Credentials {
		if c.ID == id {
			return c, true
		}
	}
	return CredentialQuery{}, false
}
