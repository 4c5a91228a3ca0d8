package consent

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"

	"github.com/govmydata/mydata/pkg/jcs"
	"github.com/govmydata/mydata/pkg/jws"
)

// Names fixed by this version of the protocol.
const (
	TransferType  = "urn:mydata:authorization:transfer" // RFC 9396 type
	TermsSchema   = "mydata-terms/1"
	KEM           = "MLKEM768X25519"
	ActionDerive  = "derive"
	ActionRelease = "release"
	ModeOnce      = "once"
	ModeRecurring = "recurring"
	BasisConsent  = "consent"
)

// GrantID names a grant from its request on.
type GrantID string

// Terms are what the citizen approves. Every text is from the catalogue, in
// the language of the notice. Fields after "later" are named by the standard
// and not used yet: their presence is refused.
type Terms struct {
	SchemaVersion string       `json:"schema_version"`
	GrantID       GrantID      `json:"grant_id"`
	Version       int          `json:"version"`
	Request       string       `json:"request"`   // base64url SHA-256 of the request JWS
	Catalogue     int64        `json:"catalogue"` // version that the texts are from
	Subjects      Subjects     `json:"subjects"`
	Notice        NoticeRef    `json:"notice"`
	Controller    string       `json:"controller"`
	Recipient     []Party      `json:"recipient"`
	Provider      Party        `json:"provider"`
	Action        string       `json:"action"`
	DataSet       DataSet      `json:"data_set"`
	Fields        []Field      `json:"fields"`
	Claims        []Claim      `json:"claims"`
	Purpose       Purpose      `json:"purpose"`
	MaxUses       int          `json:"max_uses"`
	Mode          string       `json:"mode"`
	Template      Template     `json:"template"`
	Retention     string       `json:"retention"`
	Storage       string       `json:"storage"`
	Jurisdiction  string       `json:"jurisdiction"`
	LegalBasis    LegalBasis   `json:"legal_basis"`
	Validity      Validity     `json:"validity"`
	RecipientKey  RecipientKey `json:"recipient_key"`
	Withdrawal    Withdrawal   `json:"withdrawal"`
	DataRange     *DataRange   `json:"data_range,omitempty"`
	Frequency     string       `json:"frequency,omitempty"`  // Interval
	Supersedes    string       `json:"supersedes,omitempty"` // digest of the version that this one replaces
	Bundle        *Bundle      `json:"bundle,omitempty"`     // what it was asked for together with

	// later
	Actor   string          `json:"actor,omitempty"`
	Mandate json.RawMessage `json:"mandate,omitempty"`
	Preview json.RawMessage `json:"preview,omitempty"`
}

// Subjects are salted commitments to the person's pairwise sub at the consumer
// (its salt, opened to the hub alone) and at the provider (the hub's salt,
// opened to the provider alone).
type Subjects struct {
	Consumer string `json:"consumer"`
	Provider string `json:"provider"`
}

// NoticeRef points at the privacy notice, a rendering of the terms less itself.
type NoticeRef struct {
	URI    string `json:"uri"`
	SHA256 string `json:"sha256"`
	Lang   string `json:"lang"`
}

// Party is an agency by its catalogue texts.
type Party struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Contact string `json:"contact"`
}

// DataSet is the pii type.
type DataSet struct {
	ID         string `json:"id"`
	Title      string `json:"title"`
	SchemaHash string `json:"schema_hash"`
}

// Field is an attribute that the provider may read for the granted claims.
type Field struct {
	Name      string `json:"name"`
	Label     string `json:"label"`
	Sensitive bool   `json:"sensitive,omitempty"`
}

// Claim is what leaves the provider.
type Claim struct {
	Name     string   `json:"name"`
	Label    string   `json:"label"`
	From     []string `json:"from"`
	Optional bool     `json:"optional,omitempty"`
}

// Purpose is a code of the catalogue with its text.
type Purpose struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

// Template repeats the fair-use bounds: the purpose's, or those of the template
// that the request names.
type Template struct {
	MaxUses int    `json:"max_uses"`
	MaxDays int    `json:"max_days"`
	ID      string `json:"id,omitempty"`
	Version int    `json:"version,omitempty"`
}

// LegalBasis is consent; law and emergency are named and refused.
type LegalBasis struct {
	Kind        string `json:"kind"`
	LawRef      string `json:"law_ref,omitempty"`
	NoticeAfter string `json:"notice_after,omitempty"`
}

// Validity is [nbf, exp) in Unix seconds.
type Validity struct {
	NotBefore int64 `json:"nbf"`
	Expires   int64 `json:"exp"`
}

// RecipientKey is the consumer's fresh HPKE public key (RFC 9180).
type RecipientKey struct {
	KEM    string `json:"kem"`
	Public string `json:"pub"`
}

// Withdrawal is where and how fast consent can be withdrawn.
type Withdrawal struct {
	URI string `json:"uri"`
	SLA int64  `json:"sla_seconds"`
}

// Canonical is the JSON Canonicalization Scheme (RFC 8785) of the terms.
func (t Terms) Canonical() ([]byte, error) { return canonical(t) }

// Digest identifies the terms.
func (t Terms) Digest() ([32]byte, error) {
	return jcs.Sum(t)
}

const maxTerms = 64 << 10

// ParseTerms reads terms strictly: what it does not know, it refuses.
func ParseTerms(raw []byte) (Terms, error) {
	var t Terms
	if err := Decode(raw, maxTerms, &t); err != nil {
		return Terms{}, refuse("terms", "%v", err)
	}
	return t, nil
}

// SubjectCommitment binds a pairwise sub: SHA-256(tag, salt, sub), base64url.
func SubjectCommitment(salt [32]byte, sub string) string {
	h := sha256.New()
	h.Write([]byte("mydata/subject/v1\x00"))
	h.Write(salt[:])
	h.Write([]byte(sub))
	return Encode(h.Sum(nil))
}

// Encode is unpadded base64url.
func Encode(b []byte) string {
	var room [64]byte // a digest's text fits
	return string(base64.RawURLEncoding.AppendEncode(room[:0], b))
}

// DigestOf is the base64url SHA-256 by which events and terms name a JWS.
func DigestOf(compact string) string {
	sum := jws.Sum(compact)
	return Encode(sum[:])
}
