package catalogue

import (
	"errors"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// misfit says which field of a record does not fit, and by which keyword of the
// schema: never its value, which the validator's own words would quote. Of a
// field that the catalogue does not list the name is not said either: a record
// may be keyed by what is personal.
func (d DataSet) misfit(err error) string {
	var refused *jsonschema.ValidationError
	if !errors.As(err, &refused) {
		return "it cannot be checked"
	}
	for len(refused.Causes) > 0 {
		refused = refused.Causes[0]
	}
	keyword := strings.Join(refused.ErrorKind.KeywordPath(), "/")
	if required, ok := refused.ErrorKind.(*kind.Required); ok && len(refused.InstanceLocation) == 0 && len(required.Missing) > 0 {
		return "field " + d.listed(required.Missing[0]) + " is missing"
	}
	if more, ok := refused.ErrorKind.(*kind.AdditionalProperties); ok && len(refused.InstanceLocation) == 0 && len(more.Properties) > 0 {
		return "field " + d.listed(more.Properties[0]) + " is not in it"
	}
	if len(refused.InstanceLocation) == 0 {
		return "the record itself (" + keyword + ")"
	}
	return "field " + d.listed(refused.InstanceLocation[0]) + " (" + keyword + ")"
}

// listed is a field's name where the catalogue has it.
func (d DataSet) listed(name string) string {
	if _, ok := d.Field(name); ok {
		return `"` + name + `"`
	}
	return "that the catalogue does not list"
}
