package openid4vp

import (
	stdjson "encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/go-jose/go-jose/v4/json"
)

// Values are the values of which a claim must have one (section 6.3):
// strings, int64 and booleans.
type Values []any

// UnmarshalJSON takes strings, integers and booleans alone.
func (v *Values) UnmarshalJSON(body []byte) error {
	var raw []any
	if err := decode(body, MaxQuery, &raw); err != nil {
		return fmt.Errorf("values: %w", err)
	}
	values := make(Values, 0, len(raw))
	for _, value := range raw {
		if n, ok := integer(value); ok {
			value = n
		}
		switch v := value.(type) {
		case string:
			if len(v) > maxText {
				return fmt.Errorf("values: a text longer than %d bytes", maxText)
			}
			values = append(values, v)
		case bool, int64:
			values = append(values, v)
		default:
			return fmt.Errorf("values: only strings, integers and booleans")
		}
	}
	*v = values
	return nil
}

// holds tells whether type and value match one of v exactly.
func (v Values) holds(claim any) bool {
	if n, ok := integer(claim); ok {
		claim = n
	}
	for _, want := range v {
		switch claim.(type) {
		case string, bool, int64:
			if claim == want {
				return true
			}
		}
	}
	return false
}

// integer reads the integers that JSON decoders hand out.
func integer(value any) (int64, bool) {
	switch n := value.(type) {
	case int:
		return int64(n), true
	case int64:
		return n, true
	case float64:
		if n == math.Trunc(n) && math.Abs(n) <= 1<<53 {
			return int64(n), true
		}
	case json.Number:
		i, err := strconv.ParseInt(string(n), 10, 64)
		return i, err == nil
	case stdjson.Number:
		i, err := strconv.ParseInt(string(n), 10, 64)
		return i, err == nil
	}
	return 0, false
}
