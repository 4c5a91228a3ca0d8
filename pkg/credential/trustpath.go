package credential

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/did"
)

// trusted finds the issuer's key by the one path that the header names. It takes
// the type's word for now: whom to ask depends on it, and the signature covers it.
func (r *verification) trusted(ctx context.Context, c *Check) error {
	r.vct = r.token.VCT()
	head := r.token.Header()
	var err error
	switch {
	case len(head.X5C) > 0:
		r.path, err = PathX509, r.byCertificate(head.X5C, c)
	case strings.HasPrefix(head.KeyID, "did:"):
		r.path, err = PathDID, r.byDID(ctx, head.KeyID, c)
	default:
		r.path, err = PathMetadata, r.byMetadata(ctx, head.KeyID, c)
	}
	c.Path = r.path
	return err
}

func (r *verification) byCertificate(x5c [][]byte, c *Check) error {
	found, err := r.chains.check(x5c, r.Policy.Roots[r.vct], r.now)
	if err != nil {
		return err
	}
	leaf := found.path[0]
	if err := r.Policy.Certificates[r.vct].check(leaf); err != nil {
		return err
	}
	if err := r.Policy.Keys.check("issuer", leaf, r.now); err != nil {
		return err
	}
	r.key, r.thumbprint, r.result.Chain = found.key, found.thumbprint, found.path
	c.Anchor, c.Key, c.Detail = found.anchor, found.thumbprint, leaf.Subject.CommonName
	return nil
}

// byDID takes the key of a DID URL in kid, which the document has to list for
// assertions (DID Core, 5.3.2).
func (r *verification) byDID(ctx context.Context, url string, c *Check) error {
	id, _, _ := strings.Cut(url, "#")
	if !slices.Contains(r.Policy.DIDs[r.vct], id) {
		return errors.New("the DID is not trusted for this type")
	}
	if r.DIDs == nil {
		return errors.New("this verifier cannot resolve DIDs")
	}
	document, err := r.DIDs.Resolve(ctx, id)
	if err != nil {
		return err
	}
	if document.ID != id {
		return errors.New("the document is about another DID")
	}
	key, err := document.Key(url, did.AssertionMethod)
	if err != nil {
		return err
	}
	return r.bare(key, id, c)
}

// byMetadata takes the key that the issuer in iss publishes under the header's
// kid (SD-JWT VC draft, JWT VC Issuer Metadata).
func (r *verification) byMetadata(ctx context.Context, kid string, c *Check) error {
	issuer := r.token.Issuer()
	if issuer == "" || !slices.Contains(r.Policy.Issuers[r.vct], issuer) {
		return errors.New("no trust anchor is configured for this type and issuer")
	}
	if r.Issuers == nil {
		return errors.New("this verifier cannot ask for issuers' keys")
	}
	keys, err := r.Issuers.Keys(ctx, issuer)
	if err != nil {
		return err
	}
	key, err := keyNamed(keys, kid)
	if err != nil {
		return err
	}
	return r.bare(key, issuer, c)
}

// keyNamed is the one key of that kid; without a kid, the only key there is.
func keyNamed(keys []jose.JSONWebKey, kid string) (jose.JSONWebKey, error) {
	var found []jose.JSONWebKey
	for _, key := range keys {
		if kid == "" || key.KeyID == kid {
			found = append(found, key)
		}
	}
	if len(found) != 1 {
		return jose.JSONWebKey{}, fmt.Errorf("of the issuer's keys %d may be meant", len(found))
	}
	return found[0], nil
}

// bare takes a key without a certificate, of an issuer whom the policy names.
func (r *verification) bare(key jose.JSONWebKey, issuer string, c *Check) error {
	public, err := onP256(key.Key)
	if err != nil {
		return err
	}
	if key.Use == "enc" || key.Algorithm != "" && key.Algorithm != string(jose.ES256) {
		return errors.New("the issuer's key is for another use")
	}
	thumbprint := Thumbprint(public)
	if err := r.Policy.Keys.checkBare("issuer", issuer, thumbprint, r.now); err != nil {
		return err
	}
	r.key, r.thumbprint, r.named = public, thumbprint, issuer
	c.Anchor, c.Key, c.Detail = issuer, thumbprint, issuer
	return nil
}

// issuerOf ties the name in a verified iss to what was believed: else any issuer
// could speak as any other.
func (r *verification) issuerOf(iss string) error {
	if r.path == PathX509 {
		return checkIssuer(iss, r.result.Chain[0])
	}
	if iss != r.named {
		return errors.New("iss is not the issuer whose key this is")
	}
	return nil
}

// checkBare asks that a key without a certificate was put in force for this use.
func (h *KeyHistory) checkBare(use, issuer, thumbprint string, now time.Time) error {
	if h == nil {
		return nil
	}
	for _, k := range h.keys {
		if k.Use == use && k.Certificate == "" && k.ID == thumbprint && k.Issuer == issuer && !time.Unix(k.From, 0).After(now.Add(skew)) {
			return nil
		}
	}
	return fmt.Errorf("the issuer's key is not on the log as a key for %s", use)
}

// furtherTypes are those of aka_vcts (SD-JWT VC draft, Registered JWT Claims) as
// which the issuer may be believed: whoever is trusted for one type could else
// issue any other under its name.
func (r *verification) furtherTypes() []string {
	said, _ := r.result.Claims["aka_vcts"].([]any)
	var types []string
	for _, v := range said {
		if vct, ok := v.(string); ok && vct != r.vct && r.trustedFor(vct) && !slices.Contains(types, vct) {
			types = append(types, vct)
		}
	}
	return types
}

func (r *verification) trustedFor(vct string) bool {
	switch r.path {
	case PathX509:
		x5c := r.token.Header().X5C
		found, err := r.chains.check(x5c, r.Policy.Roots[vct], r.now)
		return err == nil && r.Policy.Certificates[vct].check(found.path[0]) == nil
	case PathDID:
		return slices.Contains(r.Policy.DIDs[vct], r.named)
	default:
		return slices.Contains(r.Policy.Issuers[vct], r.named)
	}
}
