package sdktest

import (
	"fmt"

	"github.com/govmydata/mydata/sdk"
)

// Derive computes the derived claims of the hub's own data set.
var Derive = map[string]func(sdk.Record) (any, error){
	"vision_ok": func(r sdk.Record) (any, error) {
		left, ok1 := number(r["vision_left"])
		right, ok2 := number(r["vision_right"])
		if !ok1 || !ok2 {
			return nil, fmt.Errorf("no eyesight")
		}
		return left >= 0.5 && right >= 0.5, nil
	},
	"hearing_ok": func(r sdk.Record) (any, error) {
		left, ok := number(r["hearing_left"])
		if !ok {
			return nil, fmt.Errorf("no hearing")
		}
		return left <= 55, nil
	},
}

func number(v any) (float64, bool) {
	switch n := v.(type) {
	case int:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}
