package credential

import (
	"context"
	"crypto"
	"crypto/x509"
	"fmt"
	"math"
	"time"

	"github.com/govmydata/mydata/pkg/credential/sdjwt"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
)

// skew is how far ahead an issuer's clock may be.
const skew = time.Minute

// Policy says what a verifier accepts. The zero Policy accepts nothing.
type Policy struct {
	// Roots are the trust anchors for each credential type (vct).
	Roots map[string]*x509.CertPool
	// WithoutStatus are the types that may come without a status. A status
	// that is named is always asked for.
	WithoutStatus map[string]bool
	// Keys are the keys that the issuers' log names; nil: they need not be there.
	Keys *KeyHistory
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

// Verifier checks presentations against a policy. It may be used concurrently.
type Verifier struct {
	Policy Policy
	Status Statuses // nil: a credential that names a status is refused
	Now    func() time.Time

	chains chains
}

// Verify runs every check in order and lists them; it stops at the first that
// fails, as no later one would mean anything.
func (v *Verifier) Verify(ctx context.Context, p Presentation) Result {
	run := verification{Verifier: v, presentation: p, now: time.Now()}
	if v.Now != nil {
		run.now = v.Now()
	}
	steps := []struct {
		name  string
		check func(context.Context) (detail string, err error)
	}{
		{CheckFormat, run.format},
		{CheckIssuerTrusted, run.trusted},
		{CheckIssuerSignature, run.signature},
		{CheckValidity, run.validity},
		{CheckKeyBinding, run.keyBinding},
		{CheckStatus, run.status},
	}
	var checks []Check
	for _, step := range steps {
		detail, err := step.check(ctx)
		if err != nil {
			return Result{Checks: append(checks, Check{Name: step.name, Detail: err.Error()})}
		}
		checks = append(checks, Check{Name: step.name, OK: true, Detail: detail})
	}
	result := run.result
	result.Checks = checks
	return result
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

// verification is the state of one run of the checks.
type verification struct {
	*Verifier
	presentation Presentation
	now          time.Time
	token        *sdjwt.Token
	roots        *x509.CertPool
	result       Result
}

func (r *verification) format(context.Context) (string, error) {
	token, err := sdjwt.Parse(r.presentation.Token)
	if err != nil {
		return "", err
	}
	if typ := token.Header().Type; typ != sdjwt.Type {
		return "", fmt.Errorf("typ is not %s", sdjwt.Type)
	}
	r.token = token
	r.result.Format = sdjwt.Type
	return "SD-JWT VC", nil
}

// trusted takes the type's word for now: which roots are asked depends on it,
// and the signature covers it.
func (r *verification) trusted(context.Context) (string, error) {
	r.roots = r.Policy.Roots[r.token.VCT()]
	chain, err := r.chains.check(r.token.Header().X5C, r.roots, r.now)
	if err != nil {
		return "", err
	}
	if err := r.Policy.Keys.check("issuer", chain[0], r.now); err != nil {
		return "", err
	}
	r.result.Chain = chain
	return chain[0].Subject.CommonName, nil
}

func (r *verification) signature(context.Context) (string, error) {
	claims, err := r.token.Verify(r.result.Chain[0].PublicKey)
	if err != nil {
		return "", err
	}
	r.result.Claims = claims
	r.result.VCT, _ = claims["vct"].(string)
	if iss, named := claims["iss"]; named {
		name, ok := iss.(string)
		if !ok {
			return "", fmt.Errorf("iss is not a string")
		}
		if err := checkIssuer(name, r.result.Chain[0]); err != nil {
			return "", err
		}
		r.result.Issuer = name
	}
	return r.result.Issuer, nil
}

func (r *verification) validity(context.Context) (string, error) {
	times := map[string]time.Time{}
	for _, name := range []string{"iat", "nbf", "exp"} {
		raw, ok := r.result.Claims[name]
		if !ok {
			continue
		}
		seconds, ok := raw.(float64)
		if !ok || seconds < 0 || seconds > math.MaxInt32*100 {
			return "", fmt.Errorf("%s is not a time", name)
		}
		times[name] = time.Unix(int64(seconds), 0)
	}
	if iat, ok := times["iat"]; ok && iat.After(r.now.Add(skew)) {
		return "", fmt.Errorf("issued in the future")
	}
	if nbf, ok := times["nbf"]; ok && nbf.After(r.now.Add(skew)) {
		return "", fmt.Errorf("not valid before %s", nbf.UTC().Format(time.RFC3339))
	}
	r.result.IssuedAt = times["iat"]
	exp, ok := times["exp"]
	if !ok {
		return "no exp", nil
	}
	if !r.now.Before(exp) {
		return "", fmt.Errorf("expired on %s", exp.UTC().Format(time.RFC3339))
	}
	r.result.Expires = exp
	return "until " + exp.UTC().Format(time.RFC3339), nil
}

func (r *verification) keyBinding(context.Context) (string, error) {
	holder, err := sdjwt.HolderKey(r.result.Claims)
	if err != nil {
		return "", err
	}
	_, err = r.token.VerifyKeyBinding(holder.Key, sdjwt.KeyBinding{
		Audience: r.presentation.Audience, Nonce: r.presentation.Nonce, IssuedAt: r.now,
		TransactionDataHashes: r.presentation.TransactionDataHashes,
	})
	return "", err
}

// status asks for the status that the credential names
// (draft-ietf-oauth-status-list, 8.3).
func (r *verification) status(ctx context.Context) (string, error) {
	raw, named := r.result.Claims["status"]
	if !named {
		if r.Policy.WithoutStatus[r.result.VCT] {
			return "names none", nil
		}
		return "", fmt.Errorf("names no status")
	}
	ref, err := readReference(raw)
	if err != nil {
		return "", err
	}
	if r.Status == nil {
		return "", fmt.Errorf("this verifier cannot ask for a status")
	}
	status, err := r.Status.Status(ctx, ref, func(x5c [][]byte) (crypto.PublicKey, error) {
		chain, err := r.chains.check(x5c, r.roots, r.now)
		if err == nil {
			err = r.Policy.Keys.check("status", chain[0], r.now)
		}
		if err != nil {
			return nil, err
		}
		return chain[0].PublicKey, nil
	})
	switch {
	case err != nil:
		return "", err
	case status == statuslist.Invalid:
		return "", fmt.Errorf("revoked")
	case status == statuslist.Suspended:
		return "", fmt.Errorf("suspended")
	case status != statuslist.Valid:
		return "", fmt.Errorf("status %d", status)
	}
	return "not revoked", nil
}

func readReference(raw any) (statuslist.Reference, error) {
	status, _ := raw.(map[string]any)
	list, ok := status["status_list"].(map[string]any)
	if !ok {
		return statuslist.Reference{}, fmt.Errorf("status of an unknown kind")
	}
	uri, ok := list["uri"].(string)
	index, isNumber := list["idx"].(float64)
	if !ok || !isNumber || index < 0 || index > math.MaxInt32 || index != math.Trunc(index) {
		return statuslist.Reference{}, fmt.Errorf("status_list without uri or idx")
	}
	return statuslist.Reference{URI: uri, Index: int(index)}, nil
}
