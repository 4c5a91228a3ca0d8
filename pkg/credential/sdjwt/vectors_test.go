package sdjwt

import (
	"crypto"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

// The issuer's key of all examples (RFC 9901, A.5).
const rfcIssuer = `{"kty":"EC","crv":"P-256","x":"b28d4MwZMjw8-00CG4xfnn9SLMVMM19SlqZpVb_uNtQ","y":"Xv5zWwuoaTgdS6hV43yI6gBwTnjukmFQQnJ_kCxzqk8"}`

func rfcKey(t testing.TB) crypto.PublicKey {
	t.Helper()
	var key jose.JSONWebKey
	if err := key.UnmarshalJSON([]byte(rfcIssuer)); err != nil {
		t.Fatal(err)
	}
	return key.Key
}

func vector(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(data))
}

// RFC 9901, sections 5.1, 5.2, A.1 (with decoys) and A.2 (nested, elements).
//
//clause:formats RFC 9901 (SD-JWT): published examples, both ways
func TestPublishedVectors(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) != 4 {
		t.Fatalf("vectors: %v, %v", files, err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		t.Run("it reads "+name, func(t *testing.T) {
			token, err := Parse(vector(t, name+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			got, err := token.verify(rfcKey(t))
			if err != nil {
				t.Fatal(err)
			}
			var want map[string]any
			if err := json.Unmarshal([]byte(vector(t, name+".json")), &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if token.String() != vector(t, name+".txt") {
				t.Error("String differs from what was parsed")
			}
		})
	}
}

// RFC 9901, 5.2: the key binding JWT of the published presentation.
//
//clause:formats RFC 9901, 7: each digest once, no reserved names, key binding over the exact string
func TestPublishedKeyBinding(t *testing.T) {
	token, err := Parse(vector(t, "rfc9901-5.2-presented.txt"))
	if err != nil {
		t.Fatal(err)
	}
	claims, err := token.verify(rfcKey(t))
	if err != nil {
		t.Fatal(err)
	}
	holder, err := HolderKey(claims)
	if err != nil {
		t.Fatal(err)
	}
	want := KeyBinding{Audience: "https://verifier.example.org", Nonce: "1234567890", IssuedAt: time.Unix(1748537244, 0)}
	got, err := token.VerifyKeyBinding(holder.Key, want)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// RFC 9901, 5.2 is 5.1 with four disclosures kept.
//
//clause:formats RFC 9901 (SD-JWT): published examples, both ways
func TestPresentMakesThePublishedSubset(t *testing.T) {
	issued, err := Parse(vector(t, "rfc9901-5.1-issued.txt"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := issued.Present(Path{"family_name"}, Path{"address"}, Path{"given_name"}, Path{"nationalities", 0})
	if err != nil {
		t.Fatal(err)
	}
	token, err := Parse(got)
	if err != nil {
		t.Fatal(err)
	}
	claims, err := token.verify(rfcKey(t))
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]any
	if err := json.Unmarshal([]byte(vector(t, "rfc9901-5.2-presented.json")), &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, claims); diff != "" {
		t.Error(diff)
	}
}
