package approval

import (
	"bytes"
	"encoding/json"
	"testing"
)

//clause:passkeys 7.2 again, by the standard library, for approvals checked offline
func FuzzClientData(f *testing.F) {
	f.Add([]byte(`{"type":"webauthn.get","challenge":"AA","origin":"https://hub.example","crossOrigin":false}`))
	f.Add([]byte(`{"type":"webauthn.get","type":"webauthn.create"}`))
	f.Add([]byte(`{"Type":1}`))
	f.Add([]byte("\xef\xbb\xbf{}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if _, err := parseClientData(raw); err == nil && (len(raw) > maxClientData || raw[0] != '{') {
			t.Fatal("a stray text is taken")
		}
		_ = RelyingParty{ID: "a", Origin: "b"}.checkClientData(raw, [32]byte{})
	})
}

//clause:passkeys 7.2 again, by the standard library, for approvals checked offline
func FuzzAuthenticatorData(f *testing.F) {
	f.Add(append(make([]byte, 32), 0x05, 0, 0, 0, 1))
	f.Add(append(make([]byte, 32), 0x85, 0, 0, 0, 1, 0xa0))
	f.Add(append(make([]byte, 32), 0x45, 0, 0, 0, 1, 0x00))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := parseAuthenticatorData(raw)
		if err == nil && (len(raw) < 37 || !bytes.Equal(d.RPIDHash[:], raw[:32]) || d.Flags&flagAT != 0) {
			t.Fatal("stray data is taken")
		}
	})
}

func FuzzHistory(f *testing.F) {
	f.Add([]byte(`[{"event":{"seq":1,"op":"add","key":null,"at":"2026-11-20T09:00:00Z","by":{"kind":"officers","orders":["a.b.c","a.b.c"]}},"salt":"AA"}]`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var records []KeyRecord
		if json.Unmarshal(raw, &records) != nil {
			return
		}
		if active, err := VerifyHistory(records, RelyingParty{ID: "a", Origin: "b"}, nil); err == nil {
			t.Fatalf("a history without officers is taken: %v", active)
		}
	})
}

func FuzzOrder(f *testing.F) {
	f.Add("a.b.c")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Fuzz(func(t *testing.T, compact string) {
		if _, err := VerifyOrders([]string{compact, compact}, nil); err == nil {
			t.Fatal("an order of nobody is taken")
		}
	})
}

// A byte string has one spelling.
func FuzzBytes(f *testing.F) {
	f.Add(`"AAA"`)
	f.Add(`"AAB"`)
	f.Add(`"AA=="`)
	f.Add("\"AA\\nAA\"")
	f.Fuzz(func(t *testing.T, text string) {
		var b Bytes
		if json.Unmarshal([]byte(text), &b) != nil || text == "null" {
			return
		}
		var plain string
		if err := json.Unmarshal([]byte(text), &plain); err != nil {
			return
		}
		again, err := json.Marshal(b)
		if err != nil || string(again) != `"`+plain+`"` {
			t.Fatalf("%q is written back as %s", plain, again)
		}
	})
}
