package catalogue

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/jcs"
)

// Languages every text of a catalogue is given in.
var Languages = []string{"en", "ko"}

// Text is one text by language.
type Text map[string]string

// In answers the text in a language, in English where that one is not there.
func (t Text) In(lang string) string {
	if s, ok := t[lang]; ok {
		return s
	}
	return t["en"]
}

// Catalogue is one snapshot; a higher version replaces a lower one.
type Catalogue struct {
	Version  int64     `json:"version"`
	Agencies []Agency  `json:"agencies"`
	DataSets []DataSet `json:"data_sets"`
	Purposes []Purpose `json:"purposes"`
	// Templates bound how purposes are asked for; a purpose may have none.
	Templates []Template `json:"templates,omitempty"`
}

// Agency is an agency's public entry. Name, Contact, Release, Signals,
// EncryptionKey, CredentialIssuer and Documents repeat what Entry, signed by the
// agency, says. ResidentID and Jurisdiction are
// the operator's word.
type Agency struct {
	ID            string           `json:"id"`
	Name          Text             `json:"name"`
	Contact       string           `json:"contact"`
	Release       string           `json:"release,omitempty"` // a provider's release endpoint
	Signals       string           `json:"signals,omitempty"` // where it takes security event tokens (RFC 8935)
	Jurisdiction  string           `json:"jurisdiction"`      // ISO 3166-1 alpha-2
	EncryptionKey *jose.JSONWebKey `json:"encryption_key,omitempty"`
	// CredentialIssuer is where it issues its own documents (OpenID4VCI 1.0).
	CredentialIssuer string     `json:"credential_issuer,omitempty"`
	Documents        []Document `json:"documents,omitempty"`
	ResidentID       bool       `json:"resident_id,omitempty"` // entitled to the resident identifier
	Entry            string     `json:"entry,omitempty"`       // mydata-agency+jwt
}

// DataSet is what one provider can give, in one version. Older ones stay listed
// while there are grants of their time.
type DataSet struct {
	ID          string          `json:"id"`
	Version     int             `json:"version,omitempty"` // from 1
	Provider    string          `json:"provider"`
	Title       Text            `json:"title"`
	Sensitivity string          `json:"sensitivity,omitempty"`
	Law         *Law            `json:"law,omitempty"` // by which the provider holds it
	Schema      json.RawMessage `json:"schema"`        // JSON Schema 2020-12 of the provider's record
	Fields      []Field         `json:"fields"`
	Derived     []Derived       `json:"derived,omitempty"`
}

// Field is one attribute of a data set.
type Field struct {
	Name      string `json:"name"`
	Label     Text   `json:"label"`
	Sensitive bool   `json:"sensitive,omitempty"`
}

// Derived is a claim that the provider computes, and the fields it reads for it.
type Derived struct {
	Claim string   `json:"claim"`
	Label Text     `json:"label"`
	From  []string `json:"from"`
}

// Purpose is a reason for which data sets may be asked, with fair-use bounds.
type Purpose struct {
	Code     string   `json:"code"`
	Text     Text     `json:"text"`
	MaxUses  int      `json:"max_uses"`
	MaxDays  int      `json:"max_days"`
	Law      *Law     `json:"law,omitempty"`
	DataSets []string `json:"data_sets"`
}

// Agency finds an agency by its id.
func (c *Catalogue) Agency(id string) (Agency, bool) {
	for _, a := range c.Agencies {
		if a.ID == id {
			return a, true
		}
	}
	return Agency{}, false
}

// DataSet finds the newest version of a data set by its id.
func (c *Catalogue) DataSet(id string) (newest DataSet, found bool) {
	for _, d := range c.DataSets {
		if d.ID == id && (!found || d.Number() > newest.Number()) {
			newest, found = d, true
		}
	}
	return newest, found
}

// Purpose finds a purpose by its code.
func (c *Catalogue) Purpose(code string) (Purpose, bool) {
	for _, p := range c.Purposes {
		if p.Code == code {
			return p, true
		}
	}
	return Purpose{}, false
}

// Covers tells whether a data set may be asked for this purpose.
func (p Purpose) Covers(dataSet string) bool {
	for _, id := range p.DataSets {
		if id == dataSet {
			return true
		}
	}
	return false
}

// Field finds a field by its name.
func (d DataSet) Field(name string) (Field, bool) {
	for _, f := range d.Fields {
		if f.Name == name {
			return f, true
		}
	}
	return Field{}, false
}

// Derivation finds a derived claim by its name.
func (d DataSet) Derivation(claim string) (Derived, bool) {
	for _, r := range d.Derived {
		if r.Claim == claim {
			return r, true
		}
	}
	return Derived{}, false
}

// Hash identifies the schema: base64url of SHA-256 over its canonical JSON
// (RFC 8785); empty when the schema is no JSON, which Validate refuses.
func (d DataSet) Hash() string {
	canonical, err := jcs.Transform(d.Schema)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(canonical)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
