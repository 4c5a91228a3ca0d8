package catalogue

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
)

// maxTemplates is how many templates, their versions counted, a purpose has.
const maxTemplates = 64

// Template says how a purpose may be asked for: which fields of which data sets
// at most, how often, for how long, and how long they may be kept. A purpose that
// has templates is asked for by one of them, never beside them. A version is never
// changed; it stays listed while grants of its time may be used.
type Template struct {
	ID       string   `json:"id"`
	Version  int      `json:"version"` // from 1
	Purpose  string   `json:"purpose"`
	Title    Text     `json:"title"`
	Extents  []Extent `json:"data_sets"`
	MaxUses  int      `json:"max_uses"`
	MaxDays  int      `json:"max_days"`
	KeepDays int      `json:"keep_days"`       // how long what was learnt may be kept
	Every    int64    `json:"every,omitempty"` // seconds between two uses at least
}

// Extent is what a template lets out of one data set at most.
type Extent struct {
	DataSet string   `json:"data_set"`
	Fields  []string `json:"fields"` // that may be read, in whatever form they leave
}

// Asked is what somebody wants, as a template judges it.
type Asked struct {
	Purpose  string
	Template string // "" for none
	Version  int
	DataSet  string
	Fields   []string // read for all that is asked
	Uses     int
	Seconds  int64 // how long the grant lasts
	Every    int64 // seconds between two uses; 0 for no bound
	KeepDays int
}

// Template finds a version of a template; 0 is the newest.
func (c *Catalogue) Template(id string, version int) (found Template, ok bool) {
	for _, t := range c.Templates {
		if t.ID == id && (t.Version == version || version == 0 && t.Version > found.Version) {
			found, ok = t, true
		}
	}
	return found, ok
}

// TemplatesOf are the newest versions of the templates of a purpose.
func (c *Catalogue) TemplatesOf(purpose string) []Template {
	var out []Template
	for _, t := range c.Templates {
		if newest, _ := c.Template(t.ID, 0); t.Purpose == purpose && t.Version == newest.Version {
			out = append(out, t)
		}
	}
	return out
}

// Fits holds what is asked to the template that it names; where the purpose has
// none, there is nothing to hold it to but the purpose.
func (c *Catalogue) Fits(a Asked) error {
	if a.Template == "" {
		if len(c.TemplatesOf(a.Purpose)) > 0 {
			return fmt.Errorf("the purpose %q is asked for by one of its templates, and none is named", a.Purpose)
		}
		return nil
	}
	t, ok := c.Template(a.Template, a.Version)
	if !ok || a.Version < 1 || t.Purpose != a.Purpose {
		return fmt.Errorf("%q version %d is no template of the purpose %q", a.Template, a.Version, a.Purpose)
	}
	i := slices.IndexFunc(t.Extents, func(e Extent) bool { return e.DataSet == a.DataSet })
	if i < 0 {
		return fmt.Errorf("%q does not cover the data set %q", t.ID, a.DataSet)
	}
	for _, field := range a.Fields {
		if !slices.Contains(t.Extents[i].Fields, field) {
			return fmt.Errorf("%q does not cover the field %q of %q", t.ID, field, a.DataSet)
		}
	}
	return t.bounds(a)
}

func (t Template) bounds(a Asked) error {
	switch {
	case a.Uses > t.MaxUses:
		return fmt.Errorf("%d uses, %q allows %d", a.Uses, t.ID, t.MaxUses)
	case a.Seconds > int64(t.MaxDays)*86400:
		return fmt.Errorf("longer than the %d days that %q allows", t.MaxDays, t.ID)
	case a.KeepDays < 1 || a.KeepDays > t.KeepDays:
		return fmt.Errorf("kept for %d days, %q allows %d", a.KeepDays, t.ID, t.KeepDays)
	case a.Uses > 1 && a.Every < t.Every:
		return fmt.Errorf("%d seconds between two uses, %q demands %d", a.Every, t.ID, t.Every)
	}
	return nil
}

// validateTemplates holds them against purposes and data sets.
func (c *Catalogue) validateTemplates() error {
	seen, perPurpose := map[string]Template{}, map[string]int{}
	for _, t := range c.Templates {
		name := fmt.Sprintf("catalogue: template %q", t.ID)
		key := fmt.Sprint(t.ID, "/", t.Version)
		if _, twice := seen[key]; twice {
			return fmt.Errorf("%s version %d is there twice", name, t.Version)
		}
		seen[key] = t
		if perPurpose[t.Purpose]++; perPurpose[t.Purpose] > maxTemplates {
			return fmt.Errorf("catalogue: purpose %q has more than %d templates", t.Purpose, maxTemplates)
		}
		if newest, _ := c.Template(t.ID, 0); newest.Purpose != t.Purpose {
			return fmt.Errorf("%s is of two purposes", name)
		}
		if err := t.validate(c); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (t Template) validate(c *Catalogue) error {
	purpose, ok := c.Purpose(t.Purpose)
	switch {
	case !name.MatchString(t.ID):
		return errors.New("the id is not a plain name")
	case t.Version < 1 || t.Version > 1_000_000:
		return errors.New("the version is no number from 1")
	case !ok:
		return fmt.Errorf("the purpose %q is not there", t.Purpose)
	case t.MaxUses < 1 || t.MaxUses > purpose.MaxUses || t.MaxDays < 1 || t.MaxDays > purpose.MaxDays:
		return errors.New("its bounds are missing, or wider than the purpose's")
	case t.KeepDays < 1 || t.KeepDays > 9999:
		return errors.New("it does not say how long what is learnt may be kept")
	case t.Every < 0 || t.Every > int64(t.MaxDays)*86400:
		return errors.New("the time between two uses is longer than the grant")
	case len(t.Extents) == 0:
		return errors.New("it covers no data set")
	}
	sets := map[string]bool{}
	for _, e := range t.Extents {
		if sets[e.DataSet] || !purpose.Covers(e.DataSet) {
			return fmt.Errorf("data set %q is there twice, or not the purpose's", e.DataSet)
		}
		sets[e.DataSet] = true
		if err := e.validate(c); err != nil {
			return err
		}
	}
	return t.Title.validate()
}

func (e Extent) validate(c *Catalogue) error {
	if len(e.Fields) == 0 {
		return fmt.Errorf("it covers no field of %q", e.DataSet)
	}
	seen := map[string]bool{}
	for _, field := range e.Fields {
		listed := slices.ContainsFunc(c.Versions(e.DataSet), func(d DataSet) bool { _, ok := d.Field(field); return ok })
		if seen[field] || !listed {
			return fmt.Errorf("field %q of %q is there twice, or no field", field, e.DataSet)
		}
		seen[field] = true
	}
	return nil
}

// Keeps refuses a catalogue that changes what a version of a template says: who
// was asked by it was asked by that.
func (c *Catalogue) Keeps(before *Catalogue) error {
	if before == nil {
		return nil
	}
	for _, t := range c.Templates {
		if old, there := before.Template(t.ID, t.Version); there && !reflect.DeepEqual(old, t) {
			return fmt.Errorf("catalogue: template %q version %d is changed: give it the next version", t.ID, t.Version)
		}
	}
	return nil
}
