//go:build js && wasm

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"syscall/js"

	"github.com/govmydata/mydata/pkg/consent/receipt/reading"
)

// main offers the checker and stays.
func main() {
	js.Global().Set("mydataReceipt", map[string]any{
		"trust": js.FuncOf(func(_ js.Value, args []js.Value) any {
			return answer(func() (any, error) { return reading.Trust(files(args[0])) })
		}),
		"check": js.FuncOf(func(_ js.Value, args []js.Value) any {
			return answer(func() (any, error) {
				trust, err := reading.Trust(files(args[1]))
				if err != nil {
					return nil, err
				}
				return reading.Read(data(args[0], reading.MaxReceipt), trust, args[2].String())
			})
		}),
	})
	select {}
}

// answer is JSON: {"outcome": …} or {"error": …}.
func answer(do func() (any, error)) (text string) {
	defer func() {
		if v := recover(); v != nil {
			text = say(map[string]any{"error": reading.Error{Check: "checker", Cause: fmt.Sprint(v), Mender: "maker"}})
		}
	}()
	outcome, err := do()
	if refused, ok := errors.AsType[*reading.Error](err); ok {
		return say(map[string]any{"error": refused})
	}
	if err != nil {
		return say(map[string]any{"error": reading.Error{Check: "checker", Cause: err.Error(), Mender: "maker"}})
	}
	return say(map[string]any{"outcome": outcome})
}

func say(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return `{"error":{"check":"checker","cause":"no answer","mender":"maker"}}`
	}
	return string(raw)
}

// data copies bytes out of the page; one more than most is enough to refuse.
func data(v js.Value, most int) []byte {
	n := min(v.Length(), most+1)
	raw := make([]byte, n)
	js.CopyBytesToGo(raw, v.Call("subarray", 0, n))
	return raw
}

func files(list js.Value) []reading.File {
	var all []reading.File
	for i := range min(list.Length(), reading.MaxFiles+1) {
		f := list.Index(i)
		all = append(all, reading.File{Name: f.Get("name").String(), Data: data(f.Get("data"), reading.MaxTrust)})
	}
	return all
}
