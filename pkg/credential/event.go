package credential

import (
	"crypto/sha256"
	"encoding/json"
	"time"
)

// event is what a leaf of the log stands for, digested in this canonical form:
// keys sorted, integers and plain strings alone (RFC 8785 writes the same).
type event struct {
	At      int64  `json:"at"` // Unix milliseconds
	Config  string `json:"config,omitempty"`
	Expires int64  `json:"expires,omitempty"`
	Holder  string `json:"holder,omitempty"` // RFC 7638 thumbprint
	ID      string `json:"id"`
	Index   int    `json:"index,omitempty"`
	List    string `json:"list,omitempty"`
	Op      string `json:"op"`
	Reason  string `json:"reason,omitempty"`
	VCT     string `json:"vct,omitempty"`
}

func (e event) digest() [32]byte {
	data, err := json.Marshal(e)
	if err != nil {
		panic("credential: " + err.Error()) // strings and integers always marshal
	}
	return sha256.Sum256(data)
}

// Digest is what the leaf of an issuance commits to, with the salt labelled
// SaltLabel(i.ID).
func (i Issued) Digest() [32]byte {
	return event{At: i.IssuedAt.UnixMilli(), Config: i.Config, Expires: i.Expires.UnixMilli(), Holder: i.Holder,
		ID: i.ID, Index: i.Index, List: i.List, Op: "issued", VCT: i.VCT}.digest()
}

// RevocationDigest is what the leaf of a revocation commits to, with the same
// salt.
func RevocationDigest(id string, at time.Time, reason string) [32]byte {
	return event{At: at.UnixMilli(), ID: id, Op: "revoked", Reason: reason}.digest()
}

// Digest is what the leaf of a change commits to, with the same salt.
func (c Change) Digest() [32]byte {
	return event{At: c.At.UnixMilli(), ID: c.Credential, Op: c.Op(), Reason: c.Reason}.digest()
}

// SaltLabel names the salt of a credential's leaves.
func SaltLabel(id string) string { return "credential/" + id }
