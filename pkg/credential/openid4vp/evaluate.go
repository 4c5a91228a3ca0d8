package openid4vp

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/govmydata/mydata/pkg/credential"
)

// The checks that this package adds to those of the credential verifier.
const (
	CheckEncryption = "response encryption"
	CheckState      = "state"
	CheckShape      = "vp_token shape"
	CheckMatch      = "answers the query"
	CheckQuery      = "query satisfied"
)

// Verifier verifies one presentation; *credential.Verifier is one. It may be
// called concurrently.
type Verifier interface {
	Verify(ctx context.Context, p credential.Presentation) credential.Result
}

// Presented is one presentation that was looked at.
type Presented struct {
	Query  string // id of the Credential Query it stands under
	Checks []credential.Check
	OK     bool
	// What follows is set only when OK.
	Result credential.Result
	Claims map[string]any // of Result.Claims, what the query asked for
}

// Evaluation is what became of a response. The zero Evaluation is a refusal.
type Evaluation struct {
	OK            bool
	Response      []credential.Check // on the response as a whole
	Presentations []Presented
}

// Evaluate walks over an opened response as section 8.6 says: shape, each
// presentation, then the query as a whole, recomputed over what was verified. A
// presentation with a failed check is discarded; a wallet's error satisfies
// nothing.
func (r Request) Evaluate(ctx context.Context, response Response, v Verifier) Evaluation {
	e := Evaluation{Response: Opened(nil)}
	if err := r.Query.shape(response.VPToken); err != nil {
		e.Response = append(e.Response, check(CheckShape, err))
		return e
	}
	e.Response = append(e.Response, check(CheckShape, nil))
	answered, replayed := map[string]bool{}, false
	for _, id := range slices.Sorted(maps.Keys(response.VPToken)) {
		query, _ := r.Query.Credential(id)
		for _, token := range response.VPToken[id] {
			p := r.look(ctx, query, token, v)
			answered[id] = answered[id] || p.OK
			replayed = replayed || p.replayed()
			e.Presentations = append(e.Presentations, p)
		}
	}
	err := r.Query.Satisfied(func(id string) bool { return answered[id] })
	if err == nil && replayed {
		err = errReplay
	}
	e.Response = append(e.Response, check(CheckQuery, err))
	e.OK = err == nil
	return e
}

// errReplay: one presentation that was bound to another request, party or
// holder rejects the response with all that is in it (section 14.1.2).
var errReplay = errors.New("a presentation is not bound to this request")

func (p Presented) replayed() bool {
	return slices.ContainsFunc(p.Checks, func(c credential.Check) bool { return c.Name == credential.CheckKeyBinding && !c.OK })
}

// look verifies one presentation and only then asks whether it answers the
// query: nothing that the wallet filtered is trusted.
func (r Request) look(ctx context.Context, query CredentialQuery, token string, v Verifier) Presented {
	result := v.Verify(ctx, credential.Presentation{
		Token: token, Audience: r.ClientID, Nonce: r.Nonce, Unbound: !query.Binding(),
	})
	p := Presented{Query: query.ID, Checks: slices.Clone(result.Checks)}
	if !result.OK() {
		return p
	}
	ways, err := query.Matches(Candidate{Format: result.Format, VCT: result.VCT, Claims: result.Claims, Chain: result.Chain, Bound: result.Bound})
	p.Checks = append(p.Checks, check(CheckMatch, err))
	if err != nil {
		return p
	}
	p.OK, p.Result = true, result
	// Each way that is met was asked for: a wallet may send a larger set than
	// the first.
	p.Claims = Project(result.Claims, slices.Concat(ways...))
	return p
}

// Opened lists the checks that Open made, given its answer.
func Opened(err error) []credential.Check {
	if errors.Is(err, ErrEncryption) {
		return []credential.Check{check(CheckEncryption, err)}
	}
	return []credential.Check{check(CheckEncryption, nil), check(CheckState, err)}
}

func check(name string, err error) credential.Check {
	if err != nil {
		return credential.Check{Name: name, Detail: err.Error()}
	}
	return credential.Check{Name: name, OK: true}
}
