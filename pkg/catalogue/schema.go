package catalogue

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp/syntax"
	"strconv"
	"strings"
)

// The bounds of a schema, and of the records that are held against it. A schema
// is written by one agency and run by all.
const (
	maxSchema      = 64 << 10
	maxSchemaDepth = 32
	maxSchemaNodes = 10_000 // with every reference followed: also what a reader has to do
	maxPattern     = 200
	maxRepeats     = 3 // of unbounded length in one pattern
	maxRecord      = 4 << 20
	maxRecordDepth = 64
	maxNumber      = 40  // characters
	maxExponent    = 308 // of ten, as of a float64
	draft          = "https://json-schema.org/draft/2020-12/schema"
)

// SchemaError says which bound a schema breaks, and where. It is for the agency
// that wrote the schema to mend.
type SchemaError struct{ Check, Where, Cause string }

func (e *SchemaError) Error() string {
	return fmt.Sprintf("schema: %s at %s: %s", e.Check, e.Where, e.Cause)
}

// Mender is who can mend it.
func (e *SchemaError) Mender() string { return "agency" }

func unfit(check, where, format string, args ...any) error {
	return &SchemaError{check, "#" + where, fmt.Sprintf(format, args...)}
}

// checkSchema holds a schema to the bounds before anything compiles it.
func checkSchema(raw []byte) error {
	if len(raw) > maxSchema {
		return unfit("size", "", "%d bytes, at most %d", len(raw), maxSchema)
	}
	if err := checkJSON(raw, maxSchemaDepth); err != nil {
		return err
	}
	root, err := parseJSON(raw)
	if err != nil {
		return unfit("JSON", "", "it is not JSON: %v", err)
	}
	s := &survey{root: root, sizes: map[string]int{}}
	if err := s.walk("", root); err != nil {
		return err
	}
	_, err = s.size("", root)
	return err
}

// checkJSON bounds depth and numbers without building anything: a number of a
// thousand million digits is short to write.
func checkJSON(raw []byte, depth int) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	for deep := 0; ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return unfit("JSON", "", "it is not JSON: %v", err)
		}
		switch t := token.(type) {
		case json.Delim:
			if deep++; t == '}' || t == ']' {
				deep -= 2
			}
			if deep > depth {
				return unfit("depth", "", "more than %d levels", depth)
			}
		case json.Number:
			if err := checkNumber(t.String()); err != nil {
				return err
			}
		}
	}
}

func checkNumber(n string) error {
	if _, exponent, ok := strings.Cut(strings.ToLower(n), "e"); ok {
		if e, err := strconv.Atoi(exponent); err != nil || e > maxExponent || e < -maxExponent {
			return unfit("number", "", "its exponent is out of bounds")
		}
	}
	if len(n) > maxNumber {
		return unfit("number", "", "longer than %d characters", maxNumber)
	}
	return nil
}

func parseJSON(raw []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, errors.New("more than one value")
	}
	return v, nil
}

// survey reads a schema whose references all stay within it.
type survey struct {
	root  any
	sizes map[string]int // -1: being measured
}

// foreign are keywords that give names to parts, load or choose at run time:
// a schema of ours has none of these.
var foreign = []string{"$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor", "$vocabulary"}

func (s *survey) walk(at string, v any) error {
	switch v := v.(type) {
	case []any:
		for i, each := range v {
			if err := s.walk(at+"/"+strconv.Itoa(i), each); err != nil {
				return err
			}
		}
	case map[string]any:
		if err := keywords(at, v); err != nil {
			return err
		}
		for key, each := range v {
			if err := s.walk(at+"/"+escape(key), each); err != nil {
				return err
			}
		}
	}
	return nil
}

func keywords(at string, v map[string]any) error {
	for _, key := range foreign {
		if _, there := v[key].(string); there {
			return unfit("reference", at, "%s is not taken", key)
		}
	}
	if named, there := v["$schema"].(string); there && named != draft {
		return unfit("dialect", at, "%q is not JSON Schema 2020-12", named)
	}
	if ref, there := v["$ref"].(string); there && ref != "#" && !strings.HasPrefix(ref, "#/") {
		return unfit("reference", at, "%q leads outside itself", ref)
	}
	if p, there := v["pattern"].(string); there {
		if err := checkPattern(at+"/pattern", p); err != nil {
			return err
		}
	}
	patterns, _ := v["patternProperties"].(map[string]any)
	for p := range patterns {
		if err := checkPattern(at+"/patternProperties", p); err != nil {
			return err
		}
	}
	return nil
}

// size counts the parts below, each reference followed; a schema that leads back
// to itself has no size.
func (s *survey) size(at string, v any) (int, error) {
	switch known := s.sizes[at]; {
	case known < 0:
		return 0, unfit("reference", at, "it leads back to itself")
	case known > 0:
		return known, nil
	}
	s.sizes[at] = -1
	total := 1
	add := func(at string, v any) error {
		n, err := s.size(at, v)
		if total += n; err == nil && total > maxSchemaNodes {
			err = unfit("size", at, "more than %d parts, when references are followed", maxSchemaNodes)
		}
		return err
	}
	switch v := v.(type) {
	case []any:
		for i, each := range v {
			if err := add(at+"/"+strconv.Itoa(i), each); err != nil {
				return 0, err
			}
		}
	case map[string]any:
		for key, each := range v {
			if err := add(at+"/"+escape(key), each); err != nil {
				return 0, err
			}
		}
		if ref, there := v["$ref"].(string); there {
			target, err := s.target(at, ref)
			if err != nil {
				return 0, err
			}
			if err := add(strings.TrimPrefix(ref, "#"), target); err != nil {
				return 0, err
			}
		}
	}
	s.sizes[at] = total
	return total, nil
}

var unescape = strings.NewReplacer("~1", "/", "~0", "~")

func escape(key string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
}

// target resolves a JSON pointer (RFC 6901) within the schema. Percent encoding
// is not taken, so that one part has one name.
func (s *survey) target(at, ref string) (any, error) {
	v := s.root
	for part := range strings.SplitSeq(strings.TrimPrefix(strings.TrimPrefix(ref, "#"), "/"), "/") {
		if ref == "#" {
			break
		}
		switch node := v.(type) {
		case map[string]any:
			next, there := node[unescape.Replace(part)]
			if !there || strings.Contains(part, "%") {
				return nil, unfit("reference", at, "%q leads nowhere", ref)
			}
			v = next
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(node) || strconv.Itoa(i) != part {
				return nil, unfit("reference", at, "%q leads nowhere", ref)
			}
			v = node[i]
		default:
			return nil, unfit("reference", at, "%q leads nowhere", ref)
		}
	}
	return v, nil
}

// checkPattern refuses what takes an engine that goes back (ECMA-262, which the
// specification names) longer than a straight run: ours does not go back, an
// agency's may.
func checkPattern(at, p string) error {
	if len(p) > maxPattern {
		return unfit("pattern", at, "longer than %d characters", maxPattern)
	}
	re, err := syntax.Parse(p, syntax.Perl)
	if err != nil {
		return unfit("pattern", at, "%v", err)
	}
	unbounded := 0
	return measure(at, re, false, 1, &unbounded)
}

// measure walks a pattern. within says that a repetition without end is around.
func measure(at string, re *syntax.Regexp, within bool, times int, unbounded *int) error {
	least, most := 1, 1
	switch re.Op {
	case syntax.OpStar, syntax.OpPlus:
		most = -1
	case syntax.OpQuest:
		least = 0
	case syntax.OpRepeat:
		least, most = re.Min, re.Max
	case syntax.OpAlternate:
		if within {
			return unfit("pattern", at, "an alternative within a repetition without end")
		}
	}
	if within && least != most {
		return unfit("pattern", at, "a repetition within a repetition without end")
	}
	if most < 0 {
		if *unbounded++; *unbounded > maxRepeats {
			return unfit("pattern", at, "more than %d repetitions without end", maxRepeats)
		}
		within, most = true, 1
	}
	times *= max(most, 1)                          // syntax.Parse bounds it to a thousand
	if least != most && most > 1 && times > most { // a choice within a choice
		return unfit("pattern", at, "a repetition within a repetition")
	}
	for _, sub := range re.Sub {
		if err := measure(at, sub, within, times, unbounded); err != nil {
			return err
		}
	}
	return nil
}
