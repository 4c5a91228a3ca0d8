package catalogue

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/govmydata/mydata/pkg/legible"
)

// Document is a kind of document that an agency issues to wallets: its credential
// configuration id, and the name under which a citizen agrees to it.
type Document struct {
	ID    string `json:"id"`
	Title Text   `json:"title"`
}

const (
	maxDocuments = 50 // of one agency
	maxIssuer    = 200
)

// Issuer finds the agency that issues documents under an identifier, compared as
// a plain string (OpenID4VCI 1.0, 12.2.1).
func (c *Catalogue) Issuer(identifier string) (Agency, bool) {
	for _, a := range c.Agencies {
		if a.CredentialIssuer == identifier && identifier != "" {
			return a, true
		}
	}
	return Agency{}, false
}

// Document finds one of an agency's documents by its id.
func (a Agency) Document(id string) (Document, bool) {
	for _, d := range a.Documents {
		if d.ID == id {
			return d, true
		}
	}
	return Document{}, false
}

// validateIssuer: an identifier of one spelling, a key to which the hub can
// encrypt who the person is, and documents with names.
func (a Agency) validateIssuer() error {
	if a.CredentialIssuer == "" {
		if len(a.Documents) > 0 {
			return errors.New("it has documents, and no credential issuer")
		}
		return nil
	}
	u, err := url.Parse(a.CredentialIssuer)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" ||
		strings.ContainsAny(a.CredentialIssuer, "?# ") || strings.HasSuffix(a.CredentialIssuer, "/") || len(a.CredentialIssuer) > maxIssuer {
		return errors.New("the credential issuer is not a web address without query, fragment and slash at its end")
	}
	if err := legible.Check(a.CredentialIssuer); err != nil {
		return fmt.Errorf("the credential issuer: %w", err)
	}
	if a.EncryptionKey == nil {
		return errors.New("a credential issuer needs an encryption key")
	}
	if len(a.Documents) == 0 || len(a.Documents) > maxDocuments {
		return fmt.Errorf("a credential issuer has 1 to %d documents", maxDocuments)
	}
	seen := map[string]bool{}
	for _, d := range a.Documents {
		if seen[d.ID] || !name.MatchString(d.ID) {
			return fmt.Errorf("document %q is there twice or not a plain name", d.ID)
		}
		seen[d.ID] = true
		if err := d.Title.validate(); err != nil {
			return fmt.Errorf("document %q: %w", d.ID, err)
		}
	}
	return nil
}

// validateIssuers: an identifier is one agency's, or a token could be another's.
func (c *Catalogue) validateIssuers() error {
	of := map[string]string{}
	for _, a := range c.Agencies {
		if other := of[a.CredentialIssuer]; other != "" && a.CredentialIssuer != "" {
			return fmt.Errorf("catalogue: agencies %q and %q have one credential issuer", other, a.ID)
		}
		of[a.CredentialIssuer] = a.ID
	}
	return nil
}
