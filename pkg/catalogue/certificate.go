package catalogue

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	josejson "github.com/go-jose/go-jose/v4/json"
)

// MaxCertificates is how many an agency may list: the one it signs with and,
// while it rotates, the next.
const MaxCertificates = 2

// WarningDays are the days before the end of an agency's last certificate on which it
// is warned.
var WarningDays = []int{60, 30, 7}

// Certificate is one of an agency's certificates, as far as everybody is concerned.
type Certificate struct {
	SHA256    string    `json:"sha256"` // base64url, of the DER
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
}

// Term says how long an agency can sign: Until is the end of its certificates
// without a gap from now on; it lies in the past when there is none.
type Term struct {
	Agency       string        `json:"agency"`
	Until        time.Time     `json:"until"`
	Certificates []Certificate `json:"certificates"`
}

// Days left, rounded down; below zero when the term is over.
func (t Term) Days(now time.Time) int {
	left := t.Until.Sub(now)
	if left <= 0 {
		return -1
	}
	return int(left / (24 * time.Hour))
}

// Warning is the tightest of WarningDays that has come, 0 when the term is over,
// and ok false while there is nothing to say.
func Warning(until, now time.Time) (days int, ok bool) {
	if !now.Before(until) {
		return 0, true
	}
	for _, d := range WarningDays {
		if until.Sub(now) <= time.Duration(d)*24*time.Hour {
			days, ok = d, true
		}
	}
	return days, ok
}

// Terms are those of all agencies that have signed an entry, at a time. The
// catalogue is one that Open has checked, or is only shown.
func (c *Catalogue) Terms(now time.Time) ([]Term, error) {
	var all []Term
	for _, a := range c.Agencies {
		if a.Entry == "" {
			continue
		}
		leaves, err := entryCertificates(a.Entry)
		if err != nil {
			return nil, fmt.Errorf("agency %q: %w", a.ID, err)
		}
		all = append(all, term(a.ID, leaves, now))
	}
	slices.SortStableFunc(all, func(a, b Term) int { return a.Until.Compare(b.Until) })
	return all, nil
}

// TermOf is that of certificates, for an agency that looks at its own.
func TermOf(agency string, leaves []*x509.Certificate, now time.Time) Term {
	return term(agency, leaves, now)
}

func term(agency string, leaves []*x509.Certificate, now time.Time) Term {
	t := Term{Agency: agency}
	slices.SortFunc(leaves, func(a, b *x509.Certificate) int { return a.NotBefore.Compare(b.NotBefore) })
	t.Until = now
	for _, leaf := range leaves {
		sum := sha256.Sum256(leaf.Raw)
		t.Certificates = append(t.Certificates, Certificate{base64.RawURLEncoding.EncodeToString(sum[:]), leaf.NotBefore.UTC(), leaf.NotAfter.UTC()})
		if !leaf.NotBefore.After(t.Until) && leaf.NotAfter.After(t.Until) {
			t.Until = leaf.NotAfter.UTC()
		}
	}
	if t.Until.Equal(now) { // none is good now: the last end there was, if any
		t.Until = time.Time{}
		for _, leaf := range leaves {
			if leaf.NotAfter.After(t.Until) && !leaf.NotAfter.After(now) {
				t.Until = leaf.NotAfter.UTC()
			}
		}
	}
	return t
}

// entryCertificates are the one that signed an entry and those it lists.
func entryCertificates(compact string) ([]*x509.Certificate, error) {
	object, err := jose.ParseSignedCompact(compact, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return nil, err
	}
	var e Entry
	if err := decode(object.UnsafePayloadWithoutVerification(), &e); err != nil {
		return nil, err
	}
	signed, _, err := signer(compact)
	if err != nil {
		return nil, err
	}
	listed, err := e.listed()
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(listed, signed.Equal) {
		listed = append(listed, signed)
	}
	return listed, nil
}

// signer is the leaf of a JWS's x5c, and what else is in it, unchecked.
func signer(compact string) (leaf *x509.Certificate, between *x509.CertPool, err error) {
	head, _, _ := strings.Cut(compact, ".")
	raw, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		return nil, nil, errors.New("the header is not base64url")
	}
	var header struct {
		X5C []string `json:"x5c"`
	}
	if err := josejson.Unmarshal(raw, &header); err != nil {
		return nil, nil, fmt.Errorf("the header: %w", err)
	}
	between = x509.NewCertPool()
	for i, text := range header.X5C {
		c, err := certificate(text)
		if err != nil {
			return nil, nil, err
		}
		if i == 0 {
			leaf = c
		} else {
			between.AddCert(c)
		}
	}
	if leaf == nil {
		return nil, nil, errors.New("the header holds no certificate")
	}
	return leaf, between, nil
}

func certificate(text string) (*x509.Certificate, error) {
	der, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, errors.New("a certificate is not base64")
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("a certificate: %w", err)
	}
	return c, nil
}

func (e Entry) listed() ([]*x509.Certificate, error) {
	if len(e.Certificates) > MaxCertificates {
		return nil, fmt.Errorf("%d certificates, at most %d", len(e.Certificates), MaxCertificates)
	}
	var all []*x509.Certificate
	for _, text := range e.Certificates {
		leaf, err := certificate(text)
		if err != nil {
			return nil, err
		}
		all = append(all, leaf)
	}
	return all, nil
}

// checkListed holds the certificates that an entry lists to be of this agency,
// by the same authority, each from its own beginning, without a gap between them,
// and the signing one to be among them.
func (e Entry) checkListed(compact string, roots *x509.CertPool, at time.Time) error {
	if e.Certificates == nil {
		return nil
	}
	leaves, err := e.listed()
	if err != nil {
		return err
	}
	used, between, err := signer(compact)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(leaves, used.Equal) {
		return errors.New("the certificate that signed is not among those listed")
	}
	for _, leaf := range leaves {
		id, _, err := agencyOf(leaf)
		if err != nil {
			return err
		}
		if id != e.Issuer {
			return fmt.Errorf("a certificate is of %q", id)
		}
		from := at
		if leaf.NotBefore.After(at) {
			from = leaf.NotBefore
		}
		if _, err := leaf.Verify(x509.VerifyOptions{
			Roots: roots, Intermediates: between, CurrentTime: from, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
		}); err != nil {
			return fmt.Errorf("a certificate: %w", err)
		}
		if leaf.NotBefore.After(used.NotAfter) {
			return errors.New("the next certificate begins after this one has ended")
		}
	}
	return nil
}
