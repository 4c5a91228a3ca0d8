package credential

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/govmydata/mydata/pkg/did"
	"github.com/govmydata/mydata/pkg/tlog"
)

// StatementDID is the kind of the log's public entry for a DID document that was
// published.
const StatementDID = "did"

// DIDDocument is such an entry. did:web says nothing of who may change a
// document, and leaves its digest to a store that others see (did:web, "DID
// Document Integrity Verification"): this is that store.
type DIDDocument struct {
	ID     string `json:"id"`     // a did:web
	SHA256 string `json:"sha256"` // base64url, of the bytes that are served
	From   int64  `json:"from"`   // Unix seconds
}

// ErrDIDDocument says that bytes are no entry of a DID document.
var ErrDIDDocument = errors.New("malformed statement of a DID document")

// NewDIDDocument is the entry on a document as it is served.
func NewDIDDocument(id string, document []byte, from time.Time) DIDDocument {
	return DIDDocument{ID: id, SHA256: digest(document), From: from.Unix()}
}

// Entry is the log's entry.
func (d DIDDocument) Entry() ([]byte, error) { return tlog.Statement(StatementDID, d) }

// ParseDIDDocument reads what Entry writes, and nothing else.
func ParseDIDDocument(entry []byte) (DIDDocument, error) {
	var d DIDDocument
	if err := readStatement(entry, StatementDID, &d); err != nil {
		return DIDDocument{}, fmt.Errorf("%w: %w", ErrDIDDocument, err)
	}
	sum, err := base64.RawURLEncoding.Strict().DecodeString(d.SHA256)
	if err != nil || len(sum) != 32 || base64.RawURLEncoding.EncodeToString(sum) != d.SHA256 || d.From <= 0 { // the decoder skips line breaks
		return DIDDocument{}, fmt.Errorf("%w: not id, sha256 and from", ErrDIDDocument)
	}
	if _, err := did.WebURL(d.ID, true); err != nil { // of this machine too: logs of development are read alike
		return DIDDocument{}, fmt.Errorf("%w: %w", ErrDIDDocument, err)
	}
	if again, err := d.Entry(); err != nil || !bytes.Equal(again, entry) {
		return DIDDocument{}, fmt.Errorf("%w: written in another way", ErrDIDDocument)
	}
	return d, nil
}

// Allows asks that the log names these bytes as a document of this DID, by now;
// a nil history asks nothing. An earlier document stays allowed, because what was
// signed under it stays valid: that it is not served again is for monitors.
func (h *KeyHistory) Allows(id string, document []byte, now time.Time) error {
	if h == nil {
		return nil
	}
	want := digest(document)
	for _, d := range h.documents {
		if d.ID == id && d.SHA256 == want && !time.Unix(d.From, 0).After(now.Add(skew)) {
			return nil
		}
	}
	return errors.New("the DID document is not on the log")
}
