package jcs

import (
	"maps"
	"slices"
)

// Form is canonical JSON. Object and List put Forms together; what they are given
// they take as it is.
type Form []byte

// Of is Marshal as a Form.
func Of(v any) (Form, error) { return Marshal(v) }

// Text is the Form of a text.
func Text(s string) (Form, error) {
	for i := range len(s) {
		if !ordinary[s[i]] {
			return Marshal(s)
		}
	}
	form := make(Form, 0, len(s)+2)
	return append(append(append(form, '"'), s...), '"'), nil
}

// Object is an object of members whose names are in ASCII, without quotes,
// backslashes or control characters.
func Object(members map[string]Form) Form {
	form := Form("{")
	for i, name := range slices.Sorted(maps.Keys(members)) {
		if i > 0 {
			form = append(form, ',')
		}
		form = append(append(append(form, '"'), name...), '"', ':')
		form = append(form, members[name]...)
	}
	return append(form, '}')
}

// List is an array; null for no list at all, as encoding/json has it.
func List(values []Form) Form {
	if values == nil {
		return Form("null")
	}
	form := Form("[")
	for i, v := range values {
		if i > 0 {
			form = append(form, ',')
		}
		form = append(form, v...)
	}
	return append(form, ']')
}
