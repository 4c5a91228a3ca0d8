package transfer

import (
	"crypto/sha256"
	"encoding/base64"
	"time"

	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/jcs"
)

// Consumer makes the consumer's checks. All fields but Now are needed.
type Consumer struct {
	Agency string // own agency id
	Trust  consent.Trust
	Now    func() time.Time
}

// Sent is what a consumer asked with, and got from the hub.
type Sent struct {
	Request string // its own mydata-request+jwt
	Subject string // the person's sub at the consumer
	Salt    [32]byte
	Terms   consent.Terms
	Use     int // of the token response
}

// digest is the terms' as tokens, commits and evidence spell it.
func (s Sent) digest() (string, error) {
	d, err := s.Terms.Digest()
	if err != nil {
		return "", refuse(CheckTerms, MenderHub, "%w", err)
	}
	return consent.Encode(d[:]), nil
}

// Received is an answer that passed every check.
type Received struct {
	Claims   map[string]any
	Commit   consent.CommitClaims
	Promise  consent.PromiseClaims
	Evidence string // SD-JWT VC
	IssuedAt time.Time
}

// The consumer's checks, by name and in their order.
const (
	CheckRequest      = "own request"
	CheckDetail       = "grant"
	CheckAnswer       = "release answer"
	CheckCommit       = "commit"
	CheckCiphertext   = "ciphertext digest"
	CheckPromise      = "promise"
	CheckPlaintext    = "plaintext digest"
	CheckEvidence     = "evidence"
	CheckEvidenceFor  = "evidence audience"
	CheckEvidenceUse  = "evidence grant and use"
	CheckEvidenceWho  = "evidence subject"
	CheckEvidenceTime = "evidence time"
	CheckClaims       = "claims"
	promiseDeadline   = 60 * time.Second
	evidenceLife      = 15 * time.Minute
)

// CheckGrant makes the checks of a token response, before anything is sent to
// the provider: the terms follow our own request and are about our own person.
func (c Consumer) CheckGrant(s Sent, cat *catalogue.Catalogue) error {
	request, err := consent.OpenRequest(s.Request, c.Trust.AgencyRoots)
	if err != nil {
		return refuse(CheckRequest, MenderConsumer, "%w", err)
	}
	switch {
	case request.Issuer != c.Agency:
		return refuse(CheckRequest, MenderConsumer, "it is another agency's")
	case s.Use < 1 || s.Use > s.Terms.MaxUses:
		return refuse(CheckDetail, MenderHub, "use %d of %d", s.Use, s.Terms.MaxUses)
	case !equal(consent.SubjectCommitment(s.Salt, s.Subject), s.Terms.Subjects.Consumer):
		return refuse(CheckSubject, MenderHub, "the terms are about another person")
	}
	if err := consent.Narrow(request, s.Terms, cat); err != nil {
		return refuse(CheckNarrow, MenderHub, "%w", err)
	}
	return nil
}

// CheckCommit makes the checks of an answer before it is decrypted: the
// provider committed to this ciphertext, and the hub promised that commit. It
// answers the ciphertext.
func (c Consumer) CheckCommit(s Sent, a ReleaseAnswer) (*Received, []byte, error) {
	ciphertext, err := base64.RawURLEncoding.Strict().DecodeString(a.Ciphertext)
	if err != nil {
		return nil, nil, refuse(CheckAnswer, MenderProvider, "the ciphertext is not base64url")
	}
	var r Received
	if r.Commit, err = consent.OpenCommit(a.Commit, c.Trust.AgencyRoots); err != nil {
		return nil, nil, refuse(CheckCommit, MenderProvider, "%w", err)
	}
	terms, err := s.digest()
	if err != nil {
		return nil, nil, err
	}
	digest := sha256.Sum256(ciphertext)
	switch m := r.Commit; {
	case m.Issuer != s.Terms.Provider.ID:
		return nil, nil, refuse(CheckCommit, MenderProvider, "the commit is by %q", m.Issuer)
	case m.Audience != c.Trust.Issuer:
		return nil, nil, refuse(CheckCommit, MenderProvider, "the commit is for another hub")
	case m.GrantID != s.Terms.GrantID || m.Use != s.Use || !equal(m.Terms, terms):
		return nil, nil, refuse(CheckCommit, MenderProvider, "the commit is for another grant, use or terms")
	case !equal(m.Ciphertext, consent.Encode(digest[:])):
		return nil, nil, refuse(CheckCiphertext, MenderProvider, "the commit is for another ciphertext")
	}
	if r.Promise, err = CheckPromised(a.Promise, a.Commit, r.Commit, c.Trust, c.now()); err != nil {
		return nil, nil, err
	}
	return &r, ciphertext, nil
}

// CheckPromised checks the hub's yes to a commit: signed by the hub, for this
// provider, grant, use and commit, echoing its nonce, with a deadline of at
// most 60 seconds. Both ends call it; its freshness is the nonce's.
func CheckPromised(promise, commit string, m consent.CommitClaims, trust consent.Trust, now time.Time) (consent.PromiseClaims, error) {
	p, err := consent.OpenPromise(promise, trust.HubKeys)
	if err != nil {
		return p, refuse(CheckPromise, MenderHub, "%w", err)
	}
	switch {
	case p.Issuer != trust.Issuer || p.Audience != m.Issuer:
		return p, refuse(CheckPromise, MenderHub, "the promise is between others")
	case p.GrantID != m.GrantID || p.Use != m.Use || !equal(p.Commit, consent.DigestOf(commit)):
		return p, refuse(CheckPromise, MenderHub, "the promise is for another commit")
	case !equal(p.Nonce, m.Nonce):
		return p, refuse(CheckPromise, MenderHub, "the promise does not echo the commit's nonce")
	case time.Unix(p.IssuedAt, 0).After(now.Add(maxSkew)):
		return p, refuse(CheckPromise, MenderHub, "the promise is from the future")
	case p.Deadline <= p.IssuedAt || p.Deadline-p.IssuedAt > int64(promiseDeadline/time.Second):
		return p, refuse(CheckPromise, MenderHub, "the promise has no deadline within 60 seconds")
	}
	return p, nil
}

// CheckPlaintext makes the checks of what was decrypted and fills in the
// claims: the commit shows its digest, the provider signed it for us, for this
// grant and use, about our person, with the granted claims and no other.
func (c Consumer) CheckPlaintext(s Sent, r *Received, plaintext []byte) error {
	var p Plaintext
	if err := jcs.Unmarshal(plaintext, &p); err != nil {
		return refuse(CheckPlaintext, MenderProvider, "plaintext: %w", err)
	}
	salt, err := base64.RawURLEncoding.Strict().DecodeString(p.Salt)
	if err != nil || len(salt) != 32 {
		return refuse(CheckPlaintext, MenderProvider, "the salt is not 32 bytes")
	}
	digest := PlaintextDigest(salt, p.Evidence)
	if !equal(r.Commit.Plaintext, consent.Encode(digest[:])) {
		return refuse(CheckPlaintext, MenderProvider, "the commit is for another plaintext")
	}
	claims, err := openEvidence(p.Evidence, s.Terms.Provider.ID, c.Trust.AgencyRoots, c.now())
	if err != nil {
		return refuse(CheckEvidence, MenderProvider, "%w", err)
	}
	if err := c.checkEvidence(s, claims); err != nil {
		return err
	}
	r.Evidence = p.Evidence
	issued, _ := integer(claims["iat"])
	r.IssuedAt = time.Unix(issued, 0).UTC()
	r.Claims, err = granted(s.Terms, claims)
	return err
}

func (c Consumer) checkEvidence(s Sent, claims map[string]any) error {
	terms, err := s.digest()
	if err != nil {
		return err
	}
	use, _ := integer(claims["use"])
	issued, timed := integer(claims["iat"])
	at := time.Unix(issued, 0)
	switch {
	case claims["iss"] != s.Terms.Provider.ID || claims["vct"] != evidenceVCT+s.Terms.DataSet.ID:
		return refuse(CheckEvidence, MenderProvider, "it is by another provider or of another data set")
	case claims["aud"] != c.Agency:
		return refuse(CheckEvidenceFor, MenderProvider, "it is for another agency")
	case claims["grant_id"] != string(s.Terms.GrantID) || use != int64(s.Use) || claims["terms"] != terms:
		return refuse(CheckEvidenceUse, MenderProvider, "it is for another grant, use or terms")
	case claims["subject"] != s.Terms.Subjects.Consumer:
		return refuse(CheckEvidenceWho, MenderProvider, "it is about another person")
	case !timed || at.After(c.now().Add(maxSkew)) || at.Before(c.now().Add(-evidenceLife)):
		return refuse(CheckEvidenceTime, MenderProvider, "it was not signed just now")
	}
	return nil
}

// granted is the claims of the terms, which must all be there and alone.
func granted(t consent.Terms, claims map[string]any) (map[string]any, error) {
	found := map[string]any{}
	for _, c := range t.Claims {
		value, ok := claims[c.Name]
		if !ok || value == nil {
			return nil, refuse(CheckClaims, MenderProvider, "the claim %q is missing", c.Name)
		}
		found[c.Name] = value
	}
	own := 0
	for _, name := range reserved {
		if _, ok := claims[name]; ok {
			own++
		}
	}
	if len(found)+own != len(claims) {
		return nil, refuse(CheckClaims, MenderProvider, "there are claims that were not granted")
	}
	return found, nil
}

// integer reads a JSON number.
func integer(v any) (int64, bool) {
	n, ok := v.(float64)
	return int64(n), ok && n == float64(int64(n))
}

func (c Consumer) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}
