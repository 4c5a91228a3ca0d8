package openid4vp

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-jose/go-jose/v4/json"
)

// Format identifiers (OpenID4VP 1.0, B.3.1 and B.2.1). A query for mdoc is read
// with its own rules, and nothing here answers it.
const (
	FormatSDJWT = "dc+sd-jwt"
	FormatMdoc  = "mso_mdoc"
)

// Limits on a query from outside.
const (
	MaxQuery       = 32 << 10
	maxCredentials = 16
	maxClaims      = 64
	maxSets        = 32
	maxPath        = 16
	maxValues      = 32
	maxText        = 1024 // of one string in a query
	maxDepth       = 32   // of any JSON from outside
)

// Query is a DCQL query (section 6).
type Query struct {
	Credentials    []CredentialQuery    `json:"credentials"`
	CredentialSets []CredentialSetQuery `json:"credential_sets,omitempty"`
}

// CredentialQuery asks for a presentation of one kind of credential
// (section 6.1).
type CredentialQuery struct {
	ID                                string             `json:"id"`
	Format                            string             `json:"format"`
	Multiple                          bool               `json:"multiple,omitempty"`
	Meta                              *Meta              `json:"meta"`
	TrustedAuthorities                []TrustedAuthority `json:"trusted_authorities,omitempty"`
	RequireCryptographicHolderBinding *bool              `json:"require_cryptographic_holder_binding,omitempty"`
	Claims                            []ClaimsQuery      `json:"claims,omitempty"`
	ClaimSets                         [][]string         `json:"claim_sets,omitempty"`
}

// Meta narrows the type: vct_values for SD-JWT VC (B.3.5), doctype_value for
// mdoc (B.2.3).
type Meta struct {
	VCTValues    []string `json:"vct_values,omitempty"`
	DoctypeValue string   `json:"doctype_value,omitempty"`
}

// TrustedAuthority names issuers by the authority above them (section 6.1.1).
type TrustedAuthority struct {
	Type   string   `json:"type"`
	Values []string `json:"values"`
}

// ClaimsQuery asks for the claims at one path (section 6.3).
type ClaimsQuery struct {
	ID     string `json:"id,omitempty"`
	Path   Path   `json:"path"`
	Values Values `json:"values,omitempty"`
}

// CredentialSetQuery says which combinations will do (section 6.2).
type CredentialSetQuery struct {
	Options  [][]string `json:"options"`
	Required *bool      `json:"required,omitempty"`
}

// Binding says whether holder binding is required; it is unless refused.
func (c CredentialQuery) Binding() bool {
	return c.RequireCryptographicHolderBinding == nil || *c.RequireCryptographicHolderBinding
}

func (s CredentialSetQuery) required() bool { return s.Required == nil || *s.Required }

// ErrQuery is what every refusal of ParseQuery is.
var ErrQuery = errors.New("invalid DCQL query")

// ParseQuery reads a query and checks all that section 6 says of its shape.
// Unknown members are ignored, as section 6 asks.
func ParseQuery(body []byte) (Query, error) {
	var q Query
	if err := decode(body, MaxQuery, &q); err != nil {
		return Query{}, fmt.Errorf("%w: %w", ErrQuery, err)
	}
	if err := q.check(); err != nil {
		return Query{}, fmt.Errorf("%w: %w", ErrQuery, err)
	}
	return q, nil
}

func (q Query) check() error {
	if n := len(q.Credentials); n == 0 || n > maxCredentials {
		return fmt.Errorf("credentials: %d entries, 1 to %d are allowed", n, maxCredentials)
	}
	ids := map[string]bool{}
	for _, c := range q.Credentials {
		if !identifier(c.ID) || ids[c.ID] {
			return fmt.Errorf("credentials: id %.40q is not a unique name of letters, digits, _ and -", c.ID)
		}
		ids[c.ID] = true
		if err := c.check(); err != nil {
			return fmt.Errorf("credential %s: %w", c.ID, err)
		}
	}
	if q.CredentialSets != nil && len(q.CredentialSets) == 0 || len(q.CredentialSets) > maxSets {
		return fmt.Errorf("credential_sets: 1 to %d are allowed", maxSets)
	}
	for _, s := range q.CredentialSets {
		if err := checkSets("options", s.Options, ids); err != nil {
			return fmt.Errorf("credential_sets: %w", err)
		}
	}
	return nil
}

func (c CredentialQuery) check() error {
	if c.Format == "" {
		return errors.New("no format")
	}
	if c.Meta == nil {
		return errors.New("no meta")
	}
	if c.Format == FormatSDJWT && !textual(c.Meta.VCTValues) {
		return errors.New("meta.vct_values is needed for dc+sd-jwt")
	}
	if c.Format == FormatMdoc && c.Meta.DoctypeValue == "" {
		return errors.New("meta.doctype_value is needed for mso_mdoc")
	}
	for _, a := range c.TrustedAuthorities {
		if a.Type == "" || !textual(a.Values) {
			return errors.New("trusted_authorities: type and values are needed")
		}
	}
	if c.TrustedAuthorities != nil && len(c.TrustedAuthorities) == 0 || len(c.TrustedAuthorities) > maxSets {
		return errors.New("trusted_authorities: empty, or too many")
	}
	return c.checkClaims()
}

func (c CredentialQuery) checkClaims() error {
	if c.Claims != nil && len(c.Claims) == 0 || len(c.Claims) > maxClaims {
		return fmt.Errorf("claims: 1 to %d are allowed", maxClaims)
	}
	ids, paths := map[string]bool{}, map[string]bool{}
	for _, claim := range c.Claims {
		if claim.ID != "" && (!identifier(claim.ID) || ids[claim.ID]) {
			return fmt.Errorf("claims: id %.40q is not a unique name of letters, digits, _ and -", claim.ID)
		}
		if claim.ID == "" && c.ClaimSets != nil {
			return errors.New("claims: with claim_sets every claim needs an id")
		}
		ids[claim.ID] = true
		if err := claim.check(); err != nil {
			return err
		}
		if c.Format == FormatMdoc && !claim.Path.names(2) {
			return fmt.Errorf("claims: %s is not a namespace and a name, as mdoc needs", claim.Path)
		}
		if paths[claim.Path.String()] {
			return fmt.Errorf("claims: %s is asked for twice", claim.Path)
		}
		paths[claim.Path.String()] = true
	}
	if c.ClaimSets == nil {
		return nil
	}
	return checkSets("claim_sets", c.ClaimSets, ids)
}

func (c ClaimsQuery) check() error {
	if err := c.Path.check(); err != nil {
		return err
	}
	if c.Values != nil && len(c.Values) == 0 || len(c.Values) > maxValues {
		return fmt.Errorf("values of %s: 1 to %d are allowed", c.Path, maxValues)
	}
	return nil
}

// checkSets checks lists of ids: not empty, known, none twice in one list.
func checkSets(what string, sets [][]string, known map[string]bool) error {
	if len(sets) == 0 || len(sets) > maxSets {
		return fmt.Errorf("%s: 1 to %d are allowed", what, maxSets)
	}
	for _, set := range sets {
		seen := map[string]bool{}
		for _, id := range set {
			if id == "" || !known[id] || seen[id] {
				return fmt.Errorf("%s: %.40q is unknown or named twice", what, id)
			}
			seen[id] = true
		}
		if len(set) == 0 {
			return fmt.Errorf("%s: an empty set", what)
		}
	}
	return nil
}

// textual tells a list that is neither empty nor long, of values that are
// neither.
func textual(list []string) bool {
	for _, s := range list {
		if s == "" || len(s) > maxText {
			return false
		}
	}
	return len(list) > 0 && len(list) <= maxValues
}

func identifier(s string) bool {
	for _, c := range s {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-':
		default:
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// decode reads one JSON value: go-jose's decoder refuses a member given twice
// and compares names letter for letter.
func decode(body []byte, limit int, v any) error {
	if len(body) > limit {
		return fmt.Errorf("longer than %d bytes", limit)
	}
	if deep(body) {
		return fmt.Errorf("nested deeper than %d", maxDepth)
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.SetNumberType(json.UnmarshalJSONNumber)
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("not the JSON object expected: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("bytes after the JSON object")
	}
	return nil
}

// deep counts brackets outside strings before a decoder descends into them.
func deep(body []byte) bool {
	depth, quoted, escaped := 0, false, false
	for _, c := range body {
		switch {
		case escaped:
			escaped = false
		case quoted:
			escaped, quoted = c == '\\', c != '"'
		case c == '"':
			quoted = true
		case c == '[', c == '{':
			if depth++; depth > maxDepth {
				return true
			}
		case c == ']', c == '}':
			depth--
		}
	}
	return false
}
