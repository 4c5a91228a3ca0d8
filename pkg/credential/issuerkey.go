package credential

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/govmydata/mydata/pkg/tlog"
)

// StatementIssuerKey is the kind of the log's public entry for a key that was
// put in force.
const StatementIssuerKey = "issuer-key"

// IssuerKey is such an entry. Without a certificate the key is known by its
// kid alone, which is the SHA-256 thumbprint of the JWK (RFC 7638).
type IssuerKey struct {
	ID          string `json:"id"`
	Issuer      string `json:"issuer"`
	Use         string `json:"use"`                  // issuer, status, record, token, idtoken
	Certificate string `json:"x5c_sha256,omitempty"` // base64url, of the leaf's DER
	From        int64  `json:"from"`                 // Unix seconds
}

// ErrIssuerKey says that bytes are no entry of an issuer's key.
var ErrIssuerKey = errors.New("malformed statement of an issuer's key")

// CertificateDigest is how an IssuerKey names a certificate.
func CertificateDigest(der []byte) string { return digest(der) }

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Entry is the log's entry.
func (k IssuerKey) Entry() ([]byte, error) { return tlog.Statement(StatementIssuerKey, k) }

// ParseIssuerKey reads what Entry writes.
func ParseIssuerKey(entry []byte) (IssuerKey, error) {
	var k IssuerKey
	if err := readStatement(entry, StatementIssuerKey, &k); err != nil {
		return IssuerKey{}, fmt.Errorf("%w: %w", ErrIssuerKey, err)
	}
	if k.ID == "" || k.Issuer == "" || k.Use == "" || k.From <= 0 {
		return IssuerKey{}, fmt.Errorf("%w: a member is missing", ErrIssuerKey)
	}
	return k, nil
}

func readStatement(entry []byte, want string, into any) error {
	kind, body, err := tlog.ParseStatement(entry)
	if err != nil {
		return err
	}
	if kind != want {
		return errors.New("of another kind than " + want)
	}
	return strict(body, into)
}

func strict(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one value")
	}
	return nil
}

// KeyHistory is what a log says of issuers' keys and of the DID documents that
// name them, each entry proven under a witnessed checkpoint. A verifier that has
// one takes credentials and status lists of these keys alone, and asks nobody.
type KeyHistory struct {
	keys      []IssuerKey
	documents []DIDDocument
}

// Count says how many keys and DID documents there are.
func (h *KeyHistory) Count() (keys, documents int) { return len(h.keys), len(h.documents) }

// add takes an entry that is proven.
func (h *KeyHistory) add(entry []byte) error {
	if document, err := ParseDIDDocument(entry); err == nil {
		h.documents = append(h.documents, document)
		return nil
	} else if kind, _, _ := tlog.ParseStatement(entry); kind == StatementDID {
		return err
	}
	key, err := ParseIssuerKey(entry)
	h.keys = append(h.keys, key)
	return err
}

const (
	keyHistoryVersion = "mydata-issuer-keys/1"
	maxKeyHistory     = 4 << 20
	maxKeys           = 512
)

type keyHistoryFile struct {
	Keys    []ProvenKey `json:"keys"`
	Version string      `json:"schema_version"`
}

// ProvenKey is an entry with its proof (C2SP tlog-proof).
type ProvenKey struct {
	Entry []byte `json:"entry"`
	Proof string `json:"proof"`
}

// MarshalKeyHistory writes what LoadKeyHistory reads.
func MarshalKeyHistory(keys []ProvenKey) ([]byte, error) {
	return json.Marshal(keyHistoryFile{Keys: keys, Version: keyHistoryVersion})
}

// LoadKeyHistory reads and proves a history by the log's policy. One entry that
// is not proven refuses the whole.
func LoadKeyHistory(policy tlog.Policy, text []byte) (*KeyHistory, error) {
	if len(text) > maxKeyHistory {
		return nil, fmt.Errorf("issuer keys: longer than %d bytes", maxKeyHistory)
	}
	var file keyHistoryFile
	if err := strict(text, &file); err != nil {
		return nil, fmt.Errorf("issuer keys: %w", err)
	}
	if file.Version != keyHistoryVersion || len(file.Keys) == 0 || len(file.Keys) > maxKeys {
		return nil, fmt.Errorf("issuer keys: want %s with 1 to %d keys", keyHistoryVersion, maxKeys)
	}
	var h KeyHistory
	for n, proven := range file.Keys {
		proof, err := tlog.ParseProof([]byte(proven.Proof))
		if err != nil {
			return nil, fmt.Errorf("issuer keys: entry %d: %w", n, err)
		}
		if _, err := policy.VerifyInclusion(proven.Entry, proof); err != nil {
			return nil, fmt.Errorf("issuer keys: entry %d: %w", n, err)
		}
		if err := h.add(proven.Entry); err != nil {
			return nil, fmt.Errorf("issuer keys: entry %d: %w", n, err)
		}
	}
	return &h, nil
}

// check asks that a certificate was put in force for this use.
func (h *KeyHistory) check(use string, leaf *x509.Certificate, now time.Time) error {
	if h == nil {
		return nil
	}
	digest := CertificateDigest(leaf.Raw)
	for _, k := range h.keys {
		if k.Use == use && k.Certificate == digest && !time.Unix(k.From, 0).After(now.Add(skew)) {
			return nil
		}
	}
	return fmt.Errorf("the issuer's certificate is not on the log as a key for %s", use)
}
