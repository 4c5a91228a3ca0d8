package catalogue

import (
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/jcs"
	"github.com/govmydata/mydata/pkg/jws"
)

// DecisionType is the typ of one officer's word on a change of the catalogue.
const DecisionType = "mydata-catalogue-decision+jwt"

// The decisions.
const (
	Approve = "approve"
	Reject  = "reject"
)

// MaxDecisionLife is how long a signature may stand for: a change that nobody
// wants for two weeks is proposed anew.
const MaxDecisionLife = 14 * 24 * time.Hour

// The reasons why officers' signatures do not stand for a catalogue.
var (
	ErrOfficer   = errors.New("not signed by an officer")
	ErrSamePair  = errors.New("one officer is not two")
	ErrOther     = errors.New("signed for another snapshot")
	ErrNoTime    = errors.New("not valid at this time")
	ErrTooFew    = errors.New("two officers must approve")
	ErrDecision  = errors.New("a decision is approve or reject")
	errMalformed = errors.New("malformed")
)

// Decision is what an officer signs: yes or no to one exact snapshot, told by
// its digest, which is to follow another. Following is empty for the first.
type Decision struct {
	Decision  string `json:"decision"`
	Version   int64  `json:"version"`
	Snapshot  string `json:"sha256"`
	Following string `json:"following"`
	IssuedAt  int64  `json:"iat"`
	Expires   int64  `json:"exp"`
}

// Digest identifies a snapshot: base64url of SHA-256 over a tag and its
// canonical JSON (RFC 8785). Any byte that says something else gives another.
func (c *Catalogue) Digest() (string, error) {
	plain, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("catalogue: %w", err)
	}
	canonical, err := jcs.Transform(plain)
	if err != nil {
		return "", fmt.Errorf("catalogue: %w", err)
	}
	sum := sha256.Sum256(append([]byte("mydata/catalogue/v1\x00"), canonical...))
	return base64.RawURLEncoding.EncodeToString(sum[:]), nil
}

// Decide makes the decision on next, which is to follow the one in force (nil
// before the first).
func Decide(decision string, next, inForce *Catalogue, at time.Time, life time.Duration) (Decision, error) {
	d := Decision{Decision: decision, Version: next.Version, IssuedAt: at.Unix(), Expires: at.Add(life).Unix()}
	var err error
	if d.Snapshot, err = next.Digest(); err != nil {
		return d, err
	}
	if inForce != nil {
		d.Following, err = inForce.Digest()
	}
	return d, err
}

// SignDecision is one officer's signature (ES256); kid is his key's thumbprint.
func SignDecision(d Decision, officer crypto.Signer) (string, error) {
	payload, err := json.Marshal(d)
	if err != nil {
		return "", err
	}
	kid, err := thumbprint(officer.Public())
	if err != nil {
		return "", err
	}
	return jws.Sign(jws.Protected{KeyID: kid, Type: DecisionType}, payload, officer)
}

// maxDecision bounds what is parsed.
const maxDecision = 4096

// OpenDecision checks that an officer signed, and answers what, and who: the
// thumbprint of his key. Whether it is still good is Decision.At's.
func OpenDecision(compact string, officers []jose.JSONWebKey) (d Decision, officer string, err error) {
	if len(compact) > maxDecision {
		return d, "", fmt.Errorf("decision: %w: longer than %d bytes", errMalformed, maxDecision)
	}
	if err := OneSpelling(compact); err != nil {
		return d, "", fmt.Errorf("decision: %w: %w", errMalformed, err)
	}
	object, err := jose.ParseSignedCompact(compact, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return d, "", fmt.Errorf("decision: %w: %w", errMalformed, err)
	}
	header := object.Signatures[0].Protected
	if header.ExtraHeaders[jose.HeaderType] != DecisionType {
		return d, "", fmt.Errorf("decision: %w: typ is not %s", errMalformed, DecisionType)
	}
	for _, key := range officers {
		kid, err := thumbprint(key.Key)
		if err != nil || kid != header.KeyID {
			continue
		}
		payload, err := object.Verify(key.Key)
		if err != nil {
			break
		}
		if err := decode(payload, &d); err != nil {
			return Decision{}, "", fmt.Errorf("decision: %w: %w", errMalformed, err)
		}
		if d.Decision != Approve && d.Decision != Reject {
			return Decision{}, "", fmt.Errorf("decision: %w", ErrDecision)
		}
		return d, kid, nil
	}
	return d, "", fmt.Errorf("decision: %w", ErrOfficer)
}

// At refuses a decision that is not good at this time, or for longer than one may be.
func (d Decision) At(now time.Time) error {
	const skew = 60
	switch at := now.Unix(); {
	case d.IssuedAt > at+skew, d.Expires <= at, d.Expires-d.IssuedAt > int64(MaxDecisionLife/time.Second):
		return fmt.Errorf("decision: %w", ErrNoTime)
	}
	return nil
}

// For refuses a decision on another snapshot, or on the same after another.
func (d Decision) For(next, inForce *Catalogue) error {
	want, err := Decide(d.Decision, next, inForce, time.Unix(d.IssuedAt, 0), time.Duration(d.Expires-d.IssuedAt)*time.Second)
	if err != nil {
		return err
	}
	if d != want {
		return fmt.Errorf("decision: %w", ErrOther)
	}
	return nil
}

// Approved holds the rule of four eyes: two officers, two persons, signed an
// approval of this very snapshot. It says nothing of times, so that it holds
// for old snapshots too. following is the digest of the one before, as both say.
func Approved(c *Catalogue, signatures []string, officers []jose.JSONWebKey) (following string, err error) {
	if len(signatures) != 2 {
		return "", fmt.Errorf("catalogue: %w: %d did", ErrTooFew, len(signatures))
	}
	digest, err := c.Digest()
	if err != nil {
		return "", err
	}
	var first string
	for i, signature := range signatures {
		d, officer, err := OpenDecision(signature, officers)
		switch {
		case err != nil:
			return "", err
		case d.Decision != Approve || d.Snapshot != digest || d.Version != c.Version || i == 1 && d.Following != following:
			return "", fmt.Errorf("catalogue: %w", ErrOther)
		case officer == first:
			return "", fmt.Errorf("catalogue: %w", ErrSamePair)
		}
		first, following = officer, d.Following
	}
	return following, nil
}

func thumbprint(public crypto.PublicKey) (string, error) {
	sum, err := (&jose.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("thumbprint: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}
