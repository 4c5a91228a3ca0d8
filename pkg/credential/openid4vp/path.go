package openid4vp

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4/json"
)

// Path is a claims path pointer (section 7): a string names a member, a
// non-negative int an element, nil every element of an array.
type Path []any

var errPath = errors.New("claims path")

// UnmarshalJSON takes strings, nulls and non-negative integers alone.
func (p *Path) UnmarshalJSON(body []byte) error {
	var raw []any
	if err := decode(body, MaxQuery, &raw); err != nil {
		return fmt.Errorf("%w: %w", errPath, err)
	}
	path := make(Path, 0, len(raw))
	for _, component := range raw {
		if n, ok := integer(component); ok {
			component = int(n)
		}
		path = append(path, component)
	}
	if err := path.check(); err != nil {
		return err
	}
	*p = path
	return nil
}

func (p Path) check() error {
	if len(p) == 0 || len(p) > maxPath {
		return fmt.Errorf("%w: 1 to %d components are allowed", errPath, maxPath)
	}
	for _, component := range p {
		switch c := component.(type) {
		case string:
			if len(c) > maxText {
				return fmt.Errorf("%w: a name longer than %d bytes", errPath, maxText)
			}
		case nil:
		case int:
			if c < 0 || c > 1<<20 {
				return fmt.Errorf("%w: index %d", errPath, c)
			}
		default:
			return fmt.Errorf("%w: only strings, nulls and non-negative integers", errPath)
		}
	}
	return nil
}

// names tells whether the pointer is n names, and nothing else.
func (p Path) names(n int) bool {
	for _, component := range p {
		if _, ok := component.(string); !ok {
			return false
		}
	}
	return len(p) == n
}

// String is the pointer as JSON, for people and as a key.
func (p Path) String() string {
	body, err := json.Marshal([]any(p))
	if err != nil {
		return "[]"
	}
	return string(body)
}

// Name is the pointer for a page: address.locality, degrees.*.type.
func (p Path) Name() string {
	names := make([]string, len(p))
	for i, component := range p {
		names[i] = fmt.Sprint(component)
		if component == nil {
			names[i] = "*"
		}
	}
	return strings.Join(names, ".")
}

// Select applies the pointer to a JSON object (section 7.1.1). An error or an
// empty selection both mean that the claim is not there.
func (p Path) Select(claims map[string]any) ([]any, error) {
	selected := []any{claims}
	for _, component := range p {
		var next []any
		for _, element := range selected {
			found, err := step(element, component)
			if err != nil {
				return nil, err
			}
			next = append(next, found...)
		}
		selected = next
	}
	if len(selected) == 0 {
		return nil, fmt.Errorf("%w: nothing at %s", errPath, p)
	}
	return selected, nil
}

// step selects below one element: an element of the wrong kind is an error, an
// absent member or index selects nothing.
func step(element, component any) ([]any, error) {
	if name, ok := component.(string); ok {
		object, ok := element.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("%w: %q of what is no object", errPath, name)
		}
		value, ok := object[name]
		if !ok {
			return nil, nil
		}
		return []any{value}, nil
	}
	array, ok := element.([]any)
	if !ok {
		return nil, fmt.Errorf("%w: element of what is no array", errPath)
	}
	if component == nil {
		return array, nil
	}
	index, ok := component.(int)
	if !ok || index < 0 {
		return nil, fmt.Errorf("%w: component of a wrong type", errPath)
	}
	if index >= len(array) {
		return nil, nil
	}
	return array[index : index+1], nil
}

// Project keeps of claims what the paths point at, and nothing else.
func Project(claims map[string]any, paths []Path) map[string]any {
	kept, _ := project(claims, paths).(map[string]any)
	return kept
}

func project(value any, paths []Path) any {
	for _, p := range paths {
		if len(p) == 0 {
			return value
		}
	}
	switch value := value.(type) {
	case map[string]any:
		kept := map[string]any{}
		for name, member := range value {
			if below := follow(paths, name); len(below) > 0 {
				kept[name] = project(member, below)
			}
		}
		return kept
	case []any:
		kept := []any{}
		for i, element := range value {
			if below := follow(paths, i); len(below) > 0 {
				kept = append(kept, project(element, below))
			}
		}
		return kept
	}
	return nil
}

// follow answers with the rests of the paths that lead through key.
func follow(paths []Path, key any) []Path {
	var rests []Path
	_, index := key.(int)
	for _, p := range paths {
		if p[0] == key || (p[0] == nil && index) {
			rests = append(rests, p[1:])
		}
	}
	return rests
}
