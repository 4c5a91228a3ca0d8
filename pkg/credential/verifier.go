package credential

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"fmt"
	"math"
	"time"

	"github.com/govmydata/mydata/pkg/credential/sdjwt"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
)

// skew is how far ahead an issuer's clock may be.
const skew = time.Minute

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
	// Unbound: one without key binding will do (OpenID4VP 1.0, 5.3). A key
	// binding that is there is checked all the same.
	Unbound bool
}

// Verifier checks presentations against a policy. It may be used concurrently.
type Verifier struct {
	Policy Policy
	Status Statuses // nil: a credential that names a status is refused
	// Issuers finds published keys, DIDs resolves: for the types of which the policy
	// names issuers or DIDs. Without them these are refused.
	Issuers IssuerKeys
	DIDs    Documents
	Now     func() time.Time

	chains chains
}

// step is one check: it notes what it found in c, and answers why it refuses.
type step struct {
	name  string
	check func(ctx context.Context, c *Check) error
}

// Verify runs every check in order and lists them; it stops at the first that
// fails, as no later one would mean anything.
func (v *Verifier) Verify(ctx context.Context, p Presentation) Result {
	run := verification{Verifier: v, presentation: p, now: time.Now()}
	if v.Now != nil {
		run.now = v.Now()
	}
	run.presentedAt = run.now
	return run.through(ctx, run.steps())
}

func (r *verification) steps() []step {
	return []step{
		{CheckFormat, r.format},
		{CheckIssuerTrusted, r.trusted},
		{CheckIssuerSignature, r.signature},
		{CheckValidity, r.validity},
		{CheckKeyBinding, r.keyBinding},
		{CheckStatus, r.status},
	}
}

func (r *verification) through(ctx context.Context, steps []step) Result {
	checks := make([]Check, 0, len(steps))
	for _, step := range steps {
		c := Check{Name: step.name}
		if err := step.check(ctx, &c); err != nil {
			c.Detail = err.Error()
			return Result{Checks: append(checks, c)}
		}
		c.OK = true
		checks = append(checks, c)
	}
	result := r.result
	result.Checks, result.Path = checks, r.path
	result.Evidence = &Evidence{Presentation: r.presentation, When: r.presentedAt, Key: r.key, KeyID: r.token.Header().KeyID, StatusToken: r.statusToken}
	return result
}

// verification is the state of one run of the checks.
type verification struct {
	*Verifier
	presentation Presentation
	now          time.Time // as of which is checked
	presentedAt  time.Time // when it was presented: now, save for a record
	token        *sdjwt.Token
	vct          string
	path         TrustPath
	key          *ecdsa.PublicKey // the issuer's
	thumbprint   string           // of that key
	named        string           // the issuer, on the paths without certificates
	statusToken  string           // if the client keeps it
	result       Result
}

func (r *verification) format(_ context.Context, c *Check) error {
	token, err := sdjwt.Parse(r.presentation.Token)
	if err != nil {
		return err
	}
	if typ := token.Header().Type; typ != sdjwt.Type {
		return fmt.Errorf("typ is not %s", sdjwt.Type)
	}
	r.token = token
	r.result.Format = sdjwt.Type
	c.Detail = "SD-JWT VC"
	return nil
}

func (r *verification) signature(_ context.Context, c *Check) error {
	claims, err := r.token.Verify(r.key)
	if err != nil {
		return err
	}
	r.result.Claims = claims
	r.result.VCT, _ = claims["vct"].(string)
	r.result.Types = r.furtherTypes()
	c.Key = r.thumbprint
	r.result.Issuer = r.named
	if iss, given := claims["iss"]; given {
		name, ok := iss.(string)
		if !ok {
			return fmt.Errorf("iss is not a string")
		}
		if err := r.issuerOf(name); err != nil {
			return err
		}
		r.result.Issuer = name
	}
	c.Detail = r.result.Issuer
	return nil
}

func (r *verification) validity(_ context.Context, c *Check) error {
	c.At = r.now
	times := map[string]time.Time{}
	for _, name := range []string{"iat", "nbf", "exp"} {
		raw, ok := r.result.Claims[name]
		if !ok {
			continue
		}
		seconds, ok := raw.(float64)
		if !ok || seconds < 0 || seconds > math.MaxInt32*100 {
			return fmt.Errorf("%s is not a time", name)
		}
		times[name] = time.Unix(int64(seconds), 0)
	}
	if iat, ok := times["iat"]; ok && iat.After(r.now.Add(skew)) {
		return fmt.Errorf("issued in the future")
	}
	if nbf, ok := times["nbf"]; ok && nbf.After(r.now.Add(skew)) {
		return fmt.Errorf("not valid before %s", nbf.UTC().Format(time.RFC3339))
	}
	r.result.IssuedAt = times["iat"]
	exp, ok := times["exp"]
	if !ok {
		c.Detail = "no exp"
		return nil
	}
	if !r.now.Before(exp) {
		return fmt.Errorf("expired on %s", exp.UTC().Format(time.RFC3339))
	}
	r.result.Expires = exp
	c.Detail = "until " + exp.UTC().Format(time.RFC3339)
	return nil
}

func (r *verification) keyBinding(_ context.Context, c *Check) error {
	if r.presentation.Unbound && !r.token.HasKeyBinding() {
		c.Detail = "none, and none was asked for"
		return nil
	}
	holder, err := sdjwt.HolderKey(r.result.Claims)
	if err != nil {
		return err
	}
	bound, err := r.token.VerifyKeyBinding(holder.Key, sdjwt.KeyBinding{
		Audience: r.presentation.Audience, Nonce: r.presentation.Nonce, IssuedAt: r.presentedAt,
		TransactionDataHashes: r.presentation.TransactionDataHashes,
	})
	if err != nil {
		return err
	}
	r.result.Bound = true
	c.At = bound.IssuedAt
	if public, ok := holder.Key.(*ecdsa.PublicKey); ok {
		c.Key = Thumbprint(public)
	}
	return nil
}

// status asks for the status that the credential names
// (draft-ietf-oauth-status-list, 8.3).
func (r *verification) status(ctx context.Context, c *Check) error {
	raw, named := r.result.Claims["status"]
	if !named {
		if r.Policy.WithoutStatus[r.result.VCT] {
			c.Detail = "names none"
			return nil
		}
		return fmt.Errorf("names no status")
	}
	ref, err := readReference(raw)
	if err != nil {
		return err
	}
	if r.Status == nil {
		return fmt.Errorf("this verifier cannot ask for a status")
	}
	c.StatusURI, c.StatusIndex, c.At = ref.URI, &ref.Index, r.now
	status, err := r.look(ctx, ref, func(x5c [][]byte) (crypto.PublicKey, error) {
		key, err := r.statusKey(x5c)
		if err == nil {
			c.Key = Thumbprint(key)
		}
		return key, err
	})
	switch {
	case err != nil:
		return err
	case status == statuslist.Invalid:
		return fmt.Errorf("revoked")
	case status == statuslist.Suspended:
		return fmt.Errorf("suspended")
	case status != statuslist.Valid:
		return fmt.Errorf("status %d", status)
	}
	c.Detail = "not revoked"
	return nil
}

// looker answers with the list that it went by; *statuslist.Client does.
type looker interface {
	Look(ctx context.Context, ref statuslist.Reference, trust statuslist.Trust) (statuslist.Status, string, error)
}

func (r *verification) look(ctx context.Context, ref statuslist.Reference, trust statuslist.Trust) (status statuslist.Status, err error) {
	if l, ok := r.Status.(looker); ok {
		status, r.statusToken, err = l.Look(ctx, ref, trust)
		return status, err
	}
	return r.Status.Status(ctx, ref, trust)
}

// statusKey says who may speak about the status: the holder of a chain to one of
// the type's roots, as the issuer; or, where the list names no certificate, the
// very key that signed the credential.
func (r *verification) statusKey(x5c [][]byte) (*ecdsa.PublicKey, error) {
	if len(x5c) == 0 && r.path != PathX509 {
		return r.key, nil
	}
	found, err := r.chains.check(x5c, r.Policy.Roots[r.vct], r.now)
	if err != nil {
		return nil, err
	}
	if err := r.Policy.Keys.check("status", found.path[0], r.now); err != nil {
		return nil, err
	}
	return found.key, nil
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
