package receipt

import (
	"fmt"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/jcs"
	"github.com/govmydata/mydata/pkg/tlog/endorsement"
)

// Schema is the schema_version of a receipt.
const Schema = "mydata-receipt/1"

// Receipt is one grant's account, complete in itself.
type Receipt struct {
	SchemaVersion string            `json:"schema_version"`
	ID            string            `json:"receipt_id"`
	Request       string            `json:"request"`
	Terms         consent.Terms     `json:"terms"`
	Approval      *consent.Approval `json:"approval,omitempty"` // the citizen's copy alone
	Events        []Event           `json:"events"`
	Commits       []string          `json:"commits"`
	Received      []string          `json:"received"`
	Deletion      string            `json:"deletion,omitempty"` // the consumer's statement, once it made one
	// Anchors are what peers of a Fabric channel said about the checkpoints
	// that the events' proofs lead to; absent where none is anchored.
	Anchors []endorsement.Proof `json:"anchors,omitempty"`
	Record  string              `json:"record"` // mydata-record+jwt over all above
}

// Event is an event of the ledger with its place in the log.
type Event struct {
	Event consent.Event  `json:"event"`
	Salt  approval.Bytes `json:"salt"`
	Proof string         `json:"proof"` // C2SP tlog-proof
}

const maxReceipt = 8 << 20

// Parse reads a receipt strictly.
func Parse(raw []byte) (Receipt, error) {
	var r Receipt
	if err := consent.Decode(raw, maxReceipt, &r); err != nil {
		return Receipt{}, fmt.Errorf("receipt: %w", err)
	}
	return r, nil
}

// Digest identifies a receipt: SHA-256 of its canonical JSON (RFC 8785) without
// the record that closes it.
func (r Receipt) Digest() (string, error) {
	r.Record = ""
	sum, err := jcs.Sum(r)
	if err != nil {
		return "", err
	}
	return consent.Encode(sum[:]), nil
}
