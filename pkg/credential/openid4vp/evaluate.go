package openid4vp

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/govmydata/mydata/pkg/credential"
)

// The checks that this package adds to those of the credential verifier.
const (
	CheckEncryption = "response encryption"
	CheckState      = "state"
	CheckShape      = "vp_token shape"
	CheckMatch      = "answers the query"
	CheckQuery      = "query satisfied"
	// CheckTransactions runs only where transaction data was sent.
	CheckTransactions = "transaction data"
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
	// Transactions are those that its holder authorized with it.
	Transactions []Transaction
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
	if e.OK = err == nil; len(r.Transactions) > 0 {
		err := r.checkTransactions(e.Presentations)
		e.Response = append(e.Response, check(CheckTransactions, err))
		e.OK = e.OK && err == nil
	}
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
	authorized, hashes := r.authorized(query.ID, token)
	result := v.Verify(ctx, credential.Presentation{
		Token: token, Audience: r.ClientID, Nonce: r.Nonce, Unbound: !query.Binding(), TransactionDataHashes: hashes,
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
	p.OK, p.Result, p.Transactions = true, result, authorized
	// Each way that is met was asked for: a wallet may send a larger set than
	// the first.
	p.Claims = Project(result.Claims, slices.Concat(ways...))
	return p
}

// authorized reads which transactions a key binding claims to authorize, and the
// hashes that it then has to hold: the verifier compares them under the holder's
// signature, so that a false claim here is refused there. One that claims what
// it may not is held to all that it may.
func (r Request) authorized(query, token string) (claimed []Transaction, hashes []string) {
	var may []string
	byHash := map[string]Transaction{}
	for _, t := range r.Transactions {
		if slices.Contains(t.Credentials, query) {
			may, byHash[t.Hash()] = append(may, t.Hash()), t
		}
	}
	var kb struct {
		Hashes    []string `json:"transaction_data_hashes"`
		Algorithm string   `json:"transaction_data_hashes_alg"`
	}
	parts := strings.Split(token[strings.LastIndexByte(token, '~')+1:], ".")
	if len(parts) != 3 {
		return nil, nil
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || decode(payload, MaxRequest, &kb) != nil || len(kb.Hashes) == 0 {
		return nil, nil
	}
	for i, hash := range kb.Hashes {
		t, known := byHash[hash]
		if !known || slices.Contains(kb.Hashes[:i], hash) || (t.Algorithms != nil && kb.Algorithm == "") {
			return nil, may
		}
		claimed = append(claimed, t)
	}
	return claimed, kb.Hashes
}

// checkTransactions: each was authorized, by the answer to one question alone
// (section 5.1).
func (r Request) checkTransactions(all []Presented) error {
	for i, t := range r.Transactions {
		var by []string
		for _, p := range all {
			there := slices.ContainsFunc(p.Transactions, func(a Transaction) bool { return a.Encoded == t.Encoded })
			if there && !slices.Contains(by, p.Query) {
				by = append(by, p.Query)
			}
		}
		if len(by) != 1 {
			return fmt.Errorf("%w: %d was authorized by %d credentials instead of one", ErrTransaction, i+1, len(by))
		}
	}
	return nil
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
