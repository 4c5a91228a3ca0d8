package credential

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"

	"github.com/govmydata/mydata/pkg/fetch"
)

const (
	metadataLife      = 5 * time.Minute
	metadataRedirects = 3
	maxMetadata       = 64 << 10
	maxMetadataKeys   = 32
	wellKnownIssuer   = "/.well-known/jwt-vc-issuer"
)

// ErrIssuerMetadata says that an issuer's keys could not be learned from what it
// publishes.
var ErrIssuerMetadata = errors.New("issuer metadata")

// IssuerMetadata fetches what issuers publish of their keys (SD-JWT VC draft, JWT
// VC Issuer Metadata), and keeps it for five minutes, a failure for a second. The zero value works; it may
// be used concurrently. It asks whomever it is told to: a Verifier tells it only
// issuers that its policy names.
type IssuerMetadata struct {
	// Development also allows plain http and loop-back addresses, on loop-back alone.
	Development bool
	Now         func() time.Time

	once  sync.Once
	fetch *fetch.Client
	kept  fetch.Kept[[]jose.JSONWebKey]
}

// Keys of an issuer. Every error is ErrIssuerMetadata.
func (m *IssuerMetadata) Keys(ctx context.Context, issuer string) ([]jose.JSONWebKey, error) {
	m.open()
	keys, err := m.kept.Get(ctx, issuer, func(ctx context.Context, issuer string) ([]jose.JSONWebKey, time.Duration, error) {
		keys, err := m.ask(ctx, issuer)
		return keys, metadataLife, err
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrIssuerMetadata, err)
	}
	return keys, nil
}

func (m *IssuerMetadata) open() {
	m.once.Do(func() { m.fetch, m.kept.Now = &fetch.Client{Loopback: m.Development}, m.Now })
}

// MetadataURL is where an issuer publishes: the well-known string stands between
// host and path, without the path's last slash.
func MetadataURL(issuer string, development bool) (string, error) {
	u, err := fetch.Check(issuer, development)
	if err != nil {
		return "", errors.New("iss is not an https URL")
	}
	if u.RawQuery != "" || u.ForceQuery {
		return "", errors.New("iss has a query")
	}
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	return u.Scheme + "://" + u.Host + wellKnownIssuer + path, nil
}

func (m *IssuerMetadata) ask(ctx context.Context, issuer string) ([]jose.JSONWebKey, error) {
	address, err := MetadataURL(issuer, m.Development)
	if err != nil {
		return nil, err
	}
	body, err := m.get(ctx, address)
	if err != nil {
		return nil, err
	}
	keys, elsewhere, err := ParseIssuerMetadata(body, issuer)
	if err != nil || elsewhere == "" {
		return keys, err
	}
	if body, err = m.get(ctx, elsewhere); err != nil {
		return nil, fmt.Errorf("jwks_uri: %w", err)
	}
	return parseKeys(body)
}

// ParseIssuerMetadata reads the document of an issuer: its keys, or where they
// are.
func ParseIssuerMetadata(body []byte, issuer string) (keys []jose.JSONWebKey, elsewhere string, err error) {
	var document struct {
		Issuer string          `json:"issuer"`
		URI    *string         `json:"jwks_uri"`
		Keys   json.RawMessage `json:"jwks"`
	}
	if len(body) > maxMetadata {
		return nil, "", fmt.Errorf("longer than %d bytes", maxMetadata)
	}
	if err := json.Unmarshal(body, &document); err != nil {
		return nil, "", errors.New("not JSON as it should be")
	}
	if document.Issuer != issuer {
		return nil, "", errors.New("it is another issuer's")
	}
	if (document.URI == nil) == (document.Keys == nil) {
		return nil, "", errors.New("not one of jwks and jwks_uri")
	}
	if document.URI != nil {
		if *document.URI == "" {
			return nil, "", errors.New("jwks_uri is empty")
		}
		return nil, *document.URI, nil
	}
	keys, err = parseKeys(document.Keys)
	return keys, "", err
}

// parseKeys reads a JWK Set (RFC 7517, 5), and passes over keys of kinds that it
// does not know, as that section wants. A private key refuses the whole.
func parseKeys(body []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, errors.New("keys are not a JWK Set")
	}
	if len(set.Keys) == 0 || len(set.Keys) > maxMetadataKeys {
		return nil, fmt.Errorf("%d keys", len(set.Keys))
	}
	keys := make([]jose.JSONWebKey, 0, len(set.Keys))
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if err := key.UnmarshalJSON(raw); err != nil {
			continue
		}
		if !key.IsPublic() {
			return nil, errors.New("a key is not public")
		}
		keys = append(keys, jose.JSONWebKey{Key: key.Key, KeyID: key.KeyID, Algorithm: key.Algorithm, Use: key.Use})
	}
	return keys, nil
}

func (m *IssuerMetadata) get(ctx context.Context, address string) ([]byte, error) {
	answer, err := m.fetch.Get(ctx, address, fetch.Want{
		Types: []string{"application/json", "application/jwk-set+json"}, Limit: maxMetadata, Redirects: metadataRedirects, SameHost: true,
	})
	return answer.Body, err
}
