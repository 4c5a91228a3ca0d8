package jcs_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/govmydata/mydata/pkg/jcs"
)

// mark is an array that spells itself.
type mark [2]byte

func (m mark) MarshalText() ([]byte, error)     { return m[:], nil }
func (m *mark) UnmarshalText(text []byte) error { copy(m[:], text); return nil }

// even says of itself that it is zero, by a pointer alone.
type even int

func (e *even) IsZero() bool { return *e%2 == 0 }

// TestOmittedByItself has members that say themselves when they are zero.
func TestOmittedByItself(t *testing.T) {
	type pointed struct {
		Even even `json:"a,omitzero"`
	}
	type both struct {
		Word string `json:"a,omitempty,omitzero"`
	}
	for _, v := range []any{pointed{}, pointed{1}, pointed{2}, &pointed{2}, both{}, both{"x"}} {
		form, err := jcs.Marshal(v)
		want, wantErr := slowly(v)
		if err != nil || wantErr != nil || !bytes.Equal(form, want) {
			t.Errorf("%#v is %q (%v) instead of %q (%v)", v, form, err, want, wantErr)
		}
	}
}

// TestNeverOmitted has members that encoding/json writes whatever their tags say, and
// texts that it writes as numbers.
func TestNeverOmitted(t *testing.T) {
	type whole struct {
		Inside inner `json:"a,omitempty"`
	}
	type marked struct {
		Mark mark `json:"a,omitempty"`
	}
	type counted struct {
		Number json.Number `json:"a"`
	}
	for text, into := range map[string]func() any{
		`{}`:                func() any { return new(whole) },
		`{"a":{"word":""}}`: func() any { return new(whole) },
		`{ }`:               func() any { return new(marked) },
		`{"a":"xy"}`:        func() any { return new(marked) },
		`{"a":"12"}`:        func() any { return new(counted) },
		`{"a":"x"}`:         func() any { return new(counted) },
		`{"a":12}`:          func() any { return new(counted) },
	} {
		got, want := into(), into()
		if err, wantErr := jcs.Decode([]byte(text), got), lossless([]byte(text), want); (err == nil) != (wantErr == nil) {
			t.Errorf("%s: %v instead of %v", text, err, wantErr)
		}
	}
	for _, v := range []any{whole{}, marked{}, counted{"12"}, counted{}} {
		form, err := jcs.Marshal(v)
		want, wantErr := slowly(v)
		if (err == nil) != (wantErr == nil) || !bytes.Equal(form, want) {
			t.Errorf("%#v is %q (%v) instead of %q (%v)", v, form, err, want, wantErr)
		}
	}
}
