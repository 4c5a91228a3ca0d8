package transfer

import (
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/credential/sdjwt"
)

// evidenceVCT is the credential type of evidence about a data set.
const evidenceVCT = "urn:mydata:evidence:"

// reserved are the evidence's own claims. A data set that has a claim of such
// a name cannot be released.
var reserved = []string{
	"iss", "aud", "iat", "exp", "nbf", "sub", "jti", "vct", "cnf", "status", "grant_id", "use",
	"subject", "terms", "_sd", "_sd_alg", "...",
}

// Evidence is what a provider signs: the granted claims, for one consumer, one
// use of one grant, about the person whom the consumer's commitment names.
type Evidence struct {
	Provider string
	Consumer string
	GrantID  consent.GrantID
	Use      int
	Subject  string // terms.subjects.consumer
	DataSet  string
	Terms    string // base64url digest
	IssuedAt time.Time
	Claims   map[string]any
}

// Sign makes an SD-JWT VC (RFC 9901, draft-ietf-oauth-sd-jwt-vc) whose granted
// claims can be disclosed one by one, should the consumer have to show one on.
func (e Evidence) Sign(key sdjwt.Key) (string, error) {
	claims := map[string]any{
		"iss": e.Provider, "aud": e.Consumer, "iat": e.IssuedAt.Unix(), "vct": evidenceVCT + e.DataSet,
		"grant_id": string(e.GrantID), "use": e.Use, "subject": e.Subject, "terms": e.Terms,
	}
	for name, value := range e.Claims {
		if slices.Contains(reserved, name) {
			return "", errors.New("evidence: the claim name " + name + " is reserved")
		}
		claims[name] = sdjwt.Hidden{Value: value}
	}
	return sdjwt.Issue(key, claims)
}

// openEvidence verifies the signature and the chain to the government CA; the
// signer must be provider.
func openEvidence(token, provider string, roots *x509.CertPool, now time.Time) (map[string]any, error) {
	t, err := sdjwt.Parse(token)
	if err != nil {
		return nil, err
	}
	if t.HasKeyBinding() {
		return nil, errors.New("it is bound to a holder's key, and evidence has no holder")
	}
	leaf, err := chainTo(t.Header().X5C, roots, now)
	if err != nil {
		return nil, err
	}
	if len(leaf.URIs) != 1 || leaf.URIs[0].String() != provider {
		return nil, errors.New("its certificate is not the provider's")
	}
	return t.Verify(leaf.PublicKey)
}

// chainTo verifies an x5c chain and answers its leaf.
func chainTo(x5c [][]byte, roots *x509.CertPool, now time.Time) (*x509.Certificate, error) {
	if len(x5c) == 0 || roots == nil {
		return nil, errors.New("there is no certificate, or no government CA is configured")
	}
	var leaf *x509.Certificate
	between := x509.NewCertPool()
	for i, der := range x5c {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, errors.New("a certificate cannot be read")
		}
		if i == 0 {
			leaf = c
		} else {
			between.AddCert(c)
		}
	}
	if leaf.IsCA {
		return nil, errors.New("the leaf certificate is a CA's")
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	return leaf, err
}
