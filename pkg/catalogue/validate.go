package catalogue

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/govmydata/mydata/pkg/legible"
)

var (
	name    = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,63}$`)
	country = regexp.MustCompile(`^[A-Z]{2}$`)
)

// Validate tells whether the catalogue holds together: unique ids, references
// that resolve, texts in every language, schemas that compile, sane bounds.
func (c *Catalogue) Validate() error {
	if c.Version < 1 {
		return errors.New("catalogue: version is missing")
	}
	agencies, sets, purposes := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, a := range c.Agencies {
		if agencies[a.ID] {
			return fmt.Errorf("catalogue: agency %q is there twice", a.ID)
		}
		agencies[a.ID] = true
		if err := a.validate(); err != nil {
			return fmt.Errorf("catalogue: agency %q: %w", a.ID, err)
		}
	}
	for _, d := range c.DataSets {
		if !agencies[d.Provider] {
			return fmt.Errorf("catalogue: the provider %q of data set %q is not there", d.Provider, d.ID)
		}
		sets[d.ID] = true
		if err := d.validate(); err != nil {
			return fmt.Errorf("catalogue: data set %q: %w", d.ID, err)
		}
	}
	for _, p := range c.Purposes {
		if purposes[p.Code] {
			return fmt.Errorf("catalogue: purpose %q is there twice", p.Code)
		}
		purposes[p.Code] = true
		if err := p.validate(sets); err != nil {
			return fmt.Errorf("catalogue: purpose %q: %w", p.Code, err)
		}
	}
	if err := c.validateIssuers(); err != nil {
		return err
	}
	if err := c.validateTemplates(); err != nil {
		return err
	}
	return c.validateVersions()
}

func (t Text) validate() error {
	for _, lang := range Languages {
		if t[lang] == "" || len(t[lang]) > 400 {
			return fmt.Errorf("text in %q is missing or too long", lang)
		}
		if err := legible.Check(t[lang]); err != nil { // a notice is one line per fact; nothing may forge a line
			return fmt.Errorf("text in %q: %w", lang, err)
		}
	}
	if len(t) != len(Languages) {
		return errors.New("text in an unknown language")
	}
	return nil
}

func (a Agency) validate() error {
	id, err := url.Parse(a.ID)
	if err != nil || id.Scheme == "" || len(a.ID) > 200 {
		return errors.New("the id is not a URI")
	}
	if err := legible.Check(a.ID); err != nil { // it stands for a name that is lost
		return fmt.Errorf("the id: %w", err)
	}
	if !country.MatchString(a.Jurisdiction) {
		return errors.New("the jurisdiction is not a country code")
	}
	if err := (Text{"en": a.Contact, "ko": a.Contact}).validate(); err != nil {
		return fmt.Errorf("contact: %w", err)
	}
	if release, err := url.Parse(a.Release); err != nil || a.Release != "" && release.Host == "" {
		return errors.New("the release address is not a URL")
	}
	if at, err := url.Parse(a.Signals); err != nil || a.Signals != "" && at.Host == "" {
		return errors.New("the address for signals is not a URL")
	}
	if a.EncryptionKey != nil && (!a.EncryptionKey.IsPublic() || !a.EncryptionKey.Valid()) {
		return errors.New("the encryption key is not a public key")
	}
	if err := a.validateIssuer(); err != nil {
		return err
	}
	return a.Name.validate()
}

func (d DataSet) validate() error {
	if !name.MatchString(d.ID) {
		return errors.New("the id is not a plain name")
	}
	if err := errors.Join(d.Title.validate(), d.validateKind()); err != nil {
		return err
	}
	if _, err := d.compile(); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, f := range d.Fields {
		if seen[f.Name] || !name.MatchString(f.Name) {
			return fmt.Errorf("field %q is there twice or not a plain name", f.Name)
		}
		seen[f.Name] = true
		if err := f.Label.validate(); err != nil {
			return fmt.Errorf("field %q: %w", f.Name, err)
		}
	}
	return d.validateDerived(seen)
}

func (d DataSet) validateDerived(fields map[string]bool) error {
	seen := map[string]bool{}
	for _, r := range d.Derived {
		if seen[r.Claim] || !name.MatchString(r.Claim) {
			return fmt.Errorf("derived claim %q is there twice or not a plain name", r.Claim)
		}
		seen[r.Claim] = true
		if err := r.Label.validate(); err != nil {
			return fmt.Errorf("derived claim %q: %w", r.Claim, err)
		}
		if len(r.From) == 0 {
			return fmt.Errorf("derived claim %q reads no field", r.Claim)
		}
		for _, from := range r.From {
			if !fields[from] {
				return fmt.Errorf("derived claim %q reads %q, which is no field", r.Claim, from)
			}
		}
	}
	return nil
}

func (p Purpose) validate(sets map[string]bool) error {
	if !name.MatchString(p.Code) {
		return errors.New("the code is not a plain name")
	}
	if p.MaxUses < 1 || p.MaxUses > 10000 || p.MaxDays < 1 || p.MaxDays > 3660 {
		return errors.New("the fair-use bounds are missing or too wide")
	}
	for _, id := range p.DataSets {
		if !sets[id] {
			return fmt.Errorf("data set %q is not there", id)
		}
	}
	return errors.Join(p.Text.validate(), p.Law.validate())
}

// Check tells whether a provider's record fits the schema.
func (d DataSet) Check(record []byte) error {
	schema, err := d.compiled()
	if err != nil {
		return err
	}
	if len(record) > maxRecord || checkJSON(record, maxRecordDepth) != nil {
		return fmt.Errorf("record of %q is not JSON, too long, too deep or holds numbers out of bounds", d.ID)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(record))
	if err != nil {
		return fmt.Errorf("record of %q is not JSON", d.ID)
	}
	if err := schema.Validate(value); err != nil {
		return fmt.Errorf("record of %q does not fit its schema: %s", d.ID, d.misfit(err)) // the error itself would quote values
	}
	return nil
}

// noLoader refuses every reference that leaves the schema.
type noLoader struct{}

func (noLoader) Load(address string) (any, error) {
	return nil, fmt.Errorf("%q: a schema may not refer outside itself", address)
}

// maxCompiled is how many schemas are kept ready: a provider has a few.
const maxCompiled = 64

// ready are compiled schemas, which change no more, by the digest of their text.
var ready = struct {
	sync.Mutex
	schemas map[[sha256.Size]byte]*jsonschema.Schema
}{schemas: map[[sha256.Size]byte]*jsonschema.Schema{}}

// compiled is compile, once for each schema.
func (d DataSet) compiled() (*jsonschema.Schema, error) {
	digest := sha256.Sum256(d.Schema)
	ready.Lock()
	schema := ready.schemas[digest]
	ready.Unlock()
	if schema != nil {
		return schema, nil
	}
	schema, err := d.compile()
	if err != nil {
		return nil, err
	}
	ready.Lock()
	defer ready.Unlock()
	if len(ready.schemas) >= maxCompiled {
		clear(ready.schemas)
	}
	ready.schemas[digest] = schema
	return schema, nil
}

func (d DataSet) compile() (*jsonschema.Schema, error) {
	if err := checkSchema(d.Schema); err != nil {
		return nil, err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(d.Schema))
	if err != nil {
		return nil, errors.New("the schema is not JSON")
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.UseLoader(noLoader{})
	const here = "urn:mydata:schema"
	if err := compiler.AddResource(here, value); err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	schema, err := compiler.Compile(here)
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	return schema, nil
}
