package sdk

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
	"github.com/govmydata/mydata/pkg/dpop"
)

// Document is one kind of document that an agency issues (SD-JWT VC).
type Document struct {
	// Type is the vct, a name of your own that verifiers ask for. An address below
	// URL/types/ is described there, with Display and Labels, for verifiers' pages.
	Type string
	// Load finds what the document says of a person, or answers ErrNoMatch,
	// ErrSeveral, or ErrLater where an officer has to look first: the wallet comes
	// back for up to 30 days, and Load is asked again each time. Each claim can be
	// disclosed alone.
	Load func(ctx context.Context, who Subject) (Record, error)
	// Claims are the names that Load may answer; any other is dropped.
	Claims []string
	// Life is how long a document is good for: a year when zero.
	Life time.Duration
	// Display is the name that wallets show, by language; Labels are those of the
	// claims: claim, language, name.
	Display map[string]string
	Labels  map[string]map[string]string
}

// IssuerConfig is what an Issuer needs. Trust, Keys, URL, Signer, Chain, Journal
// and Documents have no default.
type IssuerConfig struct {
	Trust Trust
	// Keys are the agency's, with Encryption: the hub encrypts to it who the
	// person is.
	Keys Keys
	// URL is the credential issuer identifier, as the catalogue lists it: where
	// the Issuer is mounted, without a trailing slash.
	URL string
	// Signer and Chain sign documents: a certificate from the CA of credential
	// issuers (issuer-ca.pem) whose one URI name is URL; leaf first, without root.
	Signer crypto.Signer
	Chain  [][]byte
	// Name is the issuer's, which wallets show, by language; its URL when empty.
	Name map[string]string
	// Documents by credential configuration id.
	Documents map[string]Document
	Journal   Journal
	// Batch is how many copies of a document a wallet may fetch at once, each for a
	// key of its own, so that those who see them cannot connect them: 10 when zero,
	// one when 1, 16 at most. They are one document to you, revoked together; a person
	// gets 30 documents an hour.
	Batch int

	// Issued hears of each document before it is sent: names only.
	Issued func(IssuedDocument)
	// Refused hears of each refusal: the name of the check that failed.
	Refused func(check string)
	// Logger gets identifiers, never claims; slog.Default() when nil.
	Logger *slog.Logger
	// AllowLoopback is for development alone: plain http to this machine.
	AllowLoopback bool
	// Now is the clock; time.Now when nil.
	Now func() time.Time
}

// Issuer issues an agency's own documents to wallets, with the hub as
// authorization server (OpenID4VCI 1.0). It is an http.Handler, safe for use at
// once: serve it at the root of URL's host, or Mount it beside pages.
type Issuer struct {
	config IssuerConfig
	base   string // the path of URL
	mux    *http.ServeMux
	replay dpop.Replay
	nonces *credential.Nonces
	types  map[string][]byte // described, by path

	mu     sync.Mutex
	signed map[int]signedStatus // by list

	counting keyedLocks // of a person, the next waits until the one before is counted
}

// NewIssuer checks the configuration and takes the secret of its nonces from
// the journal; the first call makes one.
func NewIssuer(ctx context.Context, c IssuerConfig) (*Issuer, error) {
	if err := c.complete(); err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	secret, err := nonceSecret(ctx, c.Journal)
	if err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	i := &Issuer{config: c, base: u.EscapedPath(), mux: http.NewServeMux(), replay: &dpop.Memory{Now: c.Now}, signed: map[int]signedStatus{}}
	i.nonces = &credential.Nonces{Store: spentNonces{journal: c.Journal}, Secret: secret, Now: c.Now}
	if i.types, err = c.describe(); err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	for pattern, serve := range i.routes() {
		i.mux.HandleFunc(pattern, serve)
	}
	return i, nil
}

func (i *Issuer) routes() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"GET " + openid4vci.WellKnown + i.base:    i.metadata,
		"POST " + i.base + "/nonce":               i.nonce,
		"POST " + i.base + "/credential":          i.credential,
		"POST " + i.base + deferredPath:           i.deferred,
		"POST " + i.base + notificationPath:       i.notification,
		"GET " + i.base + "/status/{list}":        i.statusList,
		"GET " + i.base + typesPath + "{type...}": i.describedType,
	}
}

// Mount adds exactly the paths of the Issuer to a mux that has others, as for
// pages at the root when URL ends in /documents.
func (i *Issuer) Mount(mux *http.ServeMux) {
	for pattern := range i.routes() {
		mux.Handle(pattern, i)
	}
}

func (c *IssuerConfig) complete() error {
	if err := c.Keys.complete(); err != nil {
		return err
	}
	switch {
	case c.Trust.Issuer == "":
		return errors.New("Trust is empty: see LoadTrust")
	case c.Keys.Encryption == nil:
		return errors.New("the key that the hub encrypts to is missing (encryption.pem)")
	case c.Journal == nil:
		return errors.New("Journal is nil: see OpenFileJournal")
	case c.Signer == nil || len(c.Chain) == 0:
		return errors.New("the certificate for documents is missing: Signer and Chain")
	case strings.HasSuffix(c.URL, "/") || strings.ContainsAny(c.URL, "?#"):
		return fmt.Errorf("URL %q: no trailing slash, query or fragment", c.URL)
	case len(c.Documents) == 0:
		return errors.New("Documents is empty")
	case c.Batch < 0 || c.Batch > credential.MaxBatch:
		return fmt.Errorf("it gives 1 to %d copies at once, not %d (Batch)", credential.MaxBatch, c.Batch)
	}
	if err := newNetwork(c.AllowLoopback).allowed(c.URL); err != nil {
		return err
	}
	if err := c.certified(); err != nil {
		return err
	}
	for id, d := range c.Documents {
		if d.Load == nil || d.Type == "" || len(d.Claims) == 0 || id == "" {
			return fmt.Errorf("document %q needs Type, Load and Claims", id)
		}
		for _, name := range d.Claims {
			if reservedClaims[name] {
				return fmt.Errorf("document %q: the claim %q is not yours to set", id, name)
			}
		}
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Batch == 0 {
		c.Batch = defaultBatch
	}
	return nil
}

// certified tries now what every verifier will check later.
func (c *IssuerConfig) certified() error {
	leaf, err := x509.ParseCertificate(c.Chain[0])
	if err != nil {
		return fmt.Errorf("certificate for documents: %w", err)
	}
	public, ok := c.Signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(leaf.PublicKey) {
		return errors.New("the certificate for documents is for another key")
	}
	if len(leaf.URIs) != 1 || leaf.URIs[0].String() != c.URL {
		return fmt.Errorf("the certificate for documents does not name %s alone", c.URL)
	}
	between := x509.NewCertPool()
	for _, der := range c.Chain[1:] {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return fmt.Errorf("certificate for documents: %w", err)
		}
		between.AddCert(cert)
	}
	_, err = leaf.Verify(x509.VerifyOptions{Roots: c.Trust.IssuerRoots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		return fmt.Errorf("certificate for documents: %w", err)
	}
	return nil
}

// nonceSecret is the same for every process of one journal.
func nonceSecret(ctx context.Context, j Journal) ([]byte, error) {
	fresh := make([]byte, 32)
	rand.Read(fresh)
	e, err := entry("secret", "nonce", fresh, time.Time{})
	if err != nil {
		return nil, err
	}
	if err := j.Create(ctx, e); err == nil {
		return fresh, nil
	} else if !errors.Is(err, ErrExists) {
		return nil, err
	}
	return kept[[]byte](ctx, j, "secret", "nonce")
}

// spentNonces keeps spent nonces; no other method of the store is called.
type spentNonces struct {
	credential.OfferStore
	journal Journal
}

func (s spentNonces) SpendNonce(ctx context.Context, nonce string, expires, _ time.Time) error {
	err := s.journal.Create(ctx, Entry{Kind: "nonce", Key: nonce, Value: json.RawMessage("true"), Until: expires.Add(time.Minute)})
	if errors.Is(err, ErrExists) {
		return credential.ErrConflict
	}
	return err
}

func display(names map[string]string) (all []openid4vci.Display) {
	for _, lang := range slices.Sorted(maps.Keys(names)) {
		all = append(all, openid4vci.Display{Name: names[lang], Locale: lang})
	}
	return all
}

// Metadata is the credential issuer's metadata (OpenID4VCI 1.0, 12.2.4).
func (i *Issuer) Metadata() openid4vci.Metadata {
	m := openid4vci.Metadata{CredentialIssuer: i.config.URL, AuthorizationServers: []string{i.config.Trust.Issuer},
		Display:            display(i.config.Name),
		CredentialEndpoint: i.config.URL + "/credential", NonceEndpoint: i.config.URL + "/nonce",
		DeferredCredentialEndpoint: i.config.URL + deferredPath, NotificationEndpoint: i.config.URL + notificationPath,
		CredentialConfigurationsSupported: map[string]openid4vci.CredentialConfiguration{}}
	if i.config.Batch > 1 {
		m.BatchCredentialIssuance = &openid4vci.Batch{Size: i.config.Batch}
	}
	for id, d := range i.config.Documents {
		about := &openid4vci.CredentialMetadata{Display: display(d.Display)}
		for _, name := range d.Claims {
			about.Claims = append(about.Claims, openid4vci.ClaimDescription{Path: []any{name}, Display: display(d.Labels[name])})
		}
		m.CredentialConfigurationsSupported[id] = openid4vci.CredentialConfiguration{
			Format: openid4vci.FormatSDJWT, VCT: d.Type, CryptographicBindingMethodsSupported: []string{"jwk"},
			CredentialSigningAlgValuesSupported: []string{"ES256"},
			ProofTypesSupported:                 map[string]openid4vci.ProofType{"jwt": {ProofSigningAlgValuesSupported: []string{"ES256"}}},
			CredentialMetadata:                  about,
		}
	}
	return m
}

// Offer is the link by which a wallet fetches a document (OpenID4VCI 1.0, 4.1):
// behind a button on a phone, in a QR code beside one. It is no secret and names
// nobody: whoever opens it logs in at the hub and gets a document of his own.
func (i *Issuer) Offer(document string) (string, error) {
	if _, ok := i.config.Documents[document]; !ok {
		return "", fmt.Errorf("offer: there is no document %q", document)
	}
	return openid4vci.Offer{CredentialIssuer: i.config.URL, CredentialConfigurationIDs: []string{document},
		Grants: &openid4vci.Grants{AuthorizationCode: &openid4vci.AuthorizationCodeGrant{AuthorizationServer: i.config.Trust.Issuer}}}.URI()
}
