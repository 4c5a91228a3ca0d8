package catalogue

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// maxVersions is how many versions of one data set a catalogue lists.
const maxVersions = 16

// The degrees of sensitivity of a data set; "" is ordinary.
const (
	Ordinary  = "ordinary"
	Sensitive = "sensitive" // special categories, in the words of most laws
)

// Law is the legal basis on which an agency holds a data set, or for which a
// purpose asks: its name, and where it can be found.
type Law struct {
	Name Text   `json:"name"`
	Ref  string `json:"ref,omitempty"` // article, or the address of the text
}

func (l *Law) validate() error {
	if l == nil {
		return nil
	}
	if err := l.Name.validate(); err != nil {
		return fmt.Errorf("law: %w", err)
	}
	if l.Ref == "" {
		return nil
	}
	if err := (Text{"en": l.Ref, "ko": l.Ref}).validate(); err != nil {
		return fmt.Errorf("law: ref: %w", err)
	}
	return nil
}

// Number is the version of a data set; what names none is the first.
func (d DataSet) Number() int { return max(d.Version, 1) }

// Versions are all that the catalogue lists of a data set, the newest first.
func (c *Catalogue) Versions(id string) []DataSet {
	var all []DataSet
	for _, d := range c.DataSets {
		if d.ID == id {
			all = append(all, d)
		}
	}
	slices.SortFunc(all, func(a, b DataSet) int { return b.Number() - a.Number() })
	return all
}

// DriftError says why what was made for one version of a schema cannot be
// served by the newest, by the field that differs.
type DriftError struct {
	DataSet  string
	Field    string // "" when the version itself is not listed
	From, To int    // versions; From is 0 when it is unknown
	Cause    string
}

func (e *DriftError) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("data set %q: %s", e.DataSet, e.Cause)
	}
	return fmt.Sprintf("data set %q: field %q: %s between version %d and %d", e.DataSet, e.Field, e.Cause, e.From, e.To)
}

// Negotiate answers the version of a data set that serves what was asked for by
// a schema's hash: the newest, when it is that one, or when the one asked for is
// still listed and each claim reads fields that are the same in both. Otherwise a
// *DriftError names the first field that is not.
func (c *Catalogue) Negotiate(id, hash string, claims []string) (DataSet, error) {
	all := c.Versions(id)
	if len(all) == 0 {
		return DataSet{}, &DriftError{DataSet: id, Cause: "it is not in the catalogue"}
	}
	newest := all[0]
	if newest.Hash() == hash {
		return newest, nil
	}
	i := slices.IndexFunc(all, func(d DataSet) bool { return d.Hash() == hash })
	if i < 0 {
		return DataSet{}, &DriftError{DataSet: id, Cause: "the schema is of no version in the catalogue"}
	}
	return newest, drift(all[i], newest, claims)
}

func drift(old, newest DataSet, claims []string) error {
	before, err := old.properties()
	if err != nil {
		return err
	}
	after, err := newest.properties()
	if err != nil {
		return err
	}
	refuse := func(field, cause string) error {
		return &DriftError{old.ID, field, old.Number(), newest.Number(), cause}
	}
	for _, claim := range claims {
		fields := []string{claim}
		if d, derived := old.Derivation(claim); derived {
			now, still := newest.Derivation(claim)
			if !still || !slices.Equal(d.From, now.From) {
				return refuse(claim, "it is derived from other fields")
			}
			fields = d.From
		}
		for _, field := range fields {
			switch _, listed := newest.Field(field); {
			case !listed:
				return refuse(field, "it is gone")
			case !reflect.DeepEqual(before[field], after[field]):
				return refuse(field, "its schema changed")
			}
		}
	}
	return nil
}

// property is what a schema says of one field, references followed.
type property struct {
	schema   any
	required bool
}

func (d DataSet) properties() (map[string]property, error) {
	if err := checkSchema(d.Schema); err != nil {
		return nil, err
	}
	root, err := parseJSON(d.Schema)
	if err != nil {
		return nil, err
	}
	s := &survey{root: root}
	whole, _ := root.(map[string]any)
	listed, _ := whole["properties"].(map[string]any)
	required, _ := whole["required"].([]any)
	out := map[string]property{}
	for name, schema := range listed {
		full, err := s.expand(schema)
		if err != nil {
			return nil, err
		}
		out[name] = property{full, slices.Contains(required, any(name))}
	}
	return out, nil
}

// expand puts the targets of references in their place; checkSchema has bounded
// what comes of it.
func (s *survey) expand(v any) (any, error) {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			var err error
			if out[i], err = s.expand(v[i]); err != nil {
				return nil, err
			}
		}
		return out, nil
	case map[string]any:
		out := maps.Clone(v)
		if ref, there := v["$ref"].(string); there {
			target, err := s.target("", ref)
			if err != nil {
				return nil, err
			}
			out["$ref"] = target
		}
		for key, each := range out {
			full, err := s.expand(each)
			if err != nil {
				return nil, err
			}
			out[key] = full
		}
		return out, nil
	}
	return v, nil
}

// validateVersions holds the versions of each data set together.
func (c *Catalogue) validateVersions() error {
	for _, d := range c.DataSets {
		all := c.Versions(d.ID)
		if len(all) > maxVersions {
			return fmt.Errorf("catalogue: data set %q has more than %d versions", d.ID, maxVersions)
		}
		for i, each := range all {
			switch {
			case each.Provider != d.Provider:
				return fmt.Errorf("catalogue: data set %q has two providers", d.ID)
			case i > 0 && all[i-1].Number() == each.Number():
				return fmt.Errorf("catalogue: data set %q has version %d twice", d.ID, each.Number())
			case i > 0 && all[i-1].Hash() == each.Hash():
				return fmt.Errorf("catalogue: data set %q has one schema under two versions", d.ID)
			}
		}
	}
	return nil
}

func (d DataSet) validateKind() error {
	if d.Version < 0 || d.Version > 1_000_000 {
		return errors.New("the version is no number from 1")
	}
	if !slices.Contains([]string{"", Ordinary, Sensitive}, d.Sensitivity) {
		return fmt.Errorf("the sensitivity is not %s", strings.Join([]string{Ordinary, Sensitive}, " or "))
	}
	return d.Law.validate()
}
