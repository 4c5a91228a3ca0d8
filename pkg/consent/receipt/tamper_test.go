package receipt_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/govmydata/mydata/pkg/consent/receipt"
)

// Whatever byte of a receipt is changed, it is refused: at reading, or by a
// check with a name.
//
//clause:consent a receipt verifies offline, and not with any byte changed
func TestTamperWithAnyByte(t *testing.T) {
	w, id := story(t)
	raw, err := json.Marshal(citizens(t, w, id))
	ok(t, "marshal", err)
	good, err := receipt.Parse(raw)
	ok(t, "parse", err)
	if !receipt.Verify(good, w.Trust).OK() {
		t.Fatal("the good one fails")
	}
	step := 31 // another place and another bit each time; -short is coarser
	if testing.Short() {
		step = 101
	}
	for i := 0; i < len(raw); i += step {
		bent := bytes.Clone(raw)
		bent[i] ^= 1 << (i % 7)
		r, err := receipt.Parse(bent)
		if err != nil {
			continue
		}
		report := receipt.Verify(r, w.Trust)
		if report.OK() {
			t.Fatalf("byte %d of %d: %q became %q and passes", i, len(raw), around(raw, i), around(bent, i))
		}
		if report.Failed()[0].Name == "" {
			t.Fatalf("byte %d: a failure without a name", i)
		}
	}
}

func around(raw []byte, i int) []byte { return raw[max(0, i-20):min(len(raw), i+20)] }

func FuzzReceipt(f *testing.F) {
	w, id := story(f)
	raw, err := json.Marshal(citizens(f, w, id))
	ok(f, "marshal", err)
	f.Add(raw)
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"events":[{"event":{},"salt":"","proof":""}]}`))
	f.Fuzz(func(t *testing.T, bent []byte) {
		r, err := receipt.Parse(bent)
		if err != nil {
			return
		}
		again, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if receipt.Verify(r, w.Trust).OK() && !bytes.Equal(again, raw) {
			t.Fatal("another receipt passes")
		}
	})
}
