package monitor

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"

	"github.com/govmydata/mydata/pkg/audit"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

// TestSignedPromise takes the hub's promise by its keys alone.
func TestSignedPromise(t *testing.T) {
	w := consenttest.New()
	leaf := strings.Repeat("A", 43)
	sign := func(iss string) string {
		payload, err := json.Marshal(consent.PromiseClaims{Issuer: iss, Leaf: leaf, IssuedAt: 1, Deadline: 61})
		if err != nil {
			t.Fatal(err)
		}
		options := (&jose.SignerOptions{}).WithType(consent.PromiseJWT).WithHeader("kid", w.Trust.HubKeys.Keys[0].KeyID)
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: cryptosigner.Opaque(w.Hub)}, options)
		if err != nil {
			t.Fatal(err)
		}
		object, err := signer.Sign(payload)
		if err != nil {
			t.Fatal(err)
		}
		compact, err := object.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		return compact
	}
	good := sign(consenttest.Issuer)
	for _, tt := range []struct {
		name, text string
		count      int
	}{
		{"it takes a promise of the hub", good + "\n# and\n" + leaf + " 99\n", 2},
		{"it refuses another hub's", sign("https://evil.example"), -1},
		{"it refuses an altered one", good[:len(good)-8] + "AAAAAAAA", -1},
		{"it refuses a short leaf", "AAAA 99", -1},
		{"it refuses a leaf without a time", leaf, -1},
		{"it refuses a time that is none", leaf + " soon", -1},
		{"it refuses a time before all", leaf + " 0", -1},
		{"it refuses a time past all", leaf + " 99999999999999999999", -1},
		{"it refuses too much", strings.Repeat("#\n", maxPromiseFile), -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			all, err := parsePromises([]byte(tt.text), w.Trust.HubKeys, consenttest.Issuer)
			if (err != nil) != (tt.count < 0) || err == nil && len(all) != tt.count {
				t.Errorf("%v, %v", all, err)
			}
		})
	}
}

// TestSaid takes the statement on a status list letter by letter.
func TestSaid(t *testing.T) {
	sum := strings.Repeat("A", 43)
	says := func(uri, sum, rest string) string {
		return fmt.Sprintf(`{"uri":%q,"sha256":%q,%s}`, uri, sum, rest)
	}
	for _, tt := range []struct {
		name, body string
		ok         bool
	}{
		{"it takes uri, sha256, version and iat", says("https://x", sum, `"version":1,"iat":1`), true},
		{"it takes an address as long as may be", says(strings.Repeat("x", 2048), sum, `"version":1,"iat":1`), true},
		{"it refuses an address that is longer", says(strings.Repeat("x", 2049), sum, `"version":1,"iat":1`), false},
		{"it refuses an address with a letter that no address has", says("https://x/\x01", sum, `"version":1,"iat":1`), false},
		{"it refuses an address with a letter outside of ASCII", says("https://x/\u00e4", sum, `"version":1,"iat":1`), false},
		{"it refuses a list without an address", says("", sum, `"version":1,"iat":1`), false},
		{"it refuses a digest that is too short", says("https://x", sum[1:], `"version":1,"iat":1`), false},
		{"it refuses a digest of another alphabet", says("https://x", "+"+sum[1:], `"version":1,"iat":1`), false},
		{"it refuses a digest with loose bits", says("https://x", sum[1:]+"B", `"version":1,"iat":1`), false},
		{"it refuses a version before the first", says("https://x", sum, `"version":0,"iat":1`), false},
		{"it refuses a time before all", says("https://x", sum, `"version":1,"iat":0`), false},
		{"it refuses what it does not know", says("https://x", sum, `"version":1,"iat":1,"more":1`), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := parseSaid([]byte(tt.body)); (err == nil) != tt.ok {
				t.Errorf("%s: %v", tt.body, err)
			}
		})
	}
}

// TestStateWithoutEnd: a state is bounded, and ends where it ends.
func TestStateWithoutEnd(t *testing.T) {
	if _, err := parseState([]byte("{}\n")); err != nil {
		t.Error(err)
	}
	for name, text := range map[string][]byte{
		"it refuses more than it ever writes":     append([]byte("{}"), bytes.Repeat([]byte(" "), maxState)...),
		"it refuses what comes after the state":   []byte("{}{}"),
		"it refuses a torn state before a second": []byte(`{}{"note"`),
	} {
		if _, err := parseState(text); err == nil {
			t.Error(name)
		}
	}
}

func TestAlerts(t *testing.T) {
	folder := t.TempDir()
	out, program := filepath.Join(folder, "out"), filepath.Join(folder, "alert")
	if err := os.WriteFile(program, []byte("#!/bin/sh\nexec cat >> "+out+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	a := Alert{Log: "log.example", Check: audit.TwoLogs, Detail: "$(touch x); two", Since: time.Unix(1, 0).UTC(), Evidence: []string{"one", "two"}}
	for _, tell := range []func(context.Context, Alert) error{Command(program), File(out)} {
		if err := tell(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != 2 || lines[0] != lines[1] {
		t.Fatalf("%q", lines)
	}
	var again Alert
	if err := json.Unmarshal([]byte(lines[0]), &again); err != nil || again.Detail != a.Detail || again.Check != a.Check {
		t.Errorf("%+v, %v", again, err)
	}
	if err := Command(filepath.Join(folder, "none"))(t.Context(), a); err == nil {
		t.Error("a program that is not there tells")
	}
	if err := File(folder)(t.Context(), a); err == nil {
		t.Error("a folder tells")
	}
	if err := File("/dev/full")(t.Context(), a); err == nil {
		t.Error("a disk that is full tells")
	}
}

// TestAlertAfterATornOne: a line that a full disk or a crash cut short costs no
// other alert.
func TestAlertAfterATornOne(t *testing.T) {
	name := filepath.Join(t.TempDir(), "alerts")
	if err := os.WriteFile(name, []byte(`{"log":"lo`), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := File(name)(t.Context(), Alert{Log: "log.example", Check: audit.TwoLogs}); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	var a Alert
	if len(lines) != 4 || json.Unmarshal([]byte(lines[1]), &a) != nil || a.Check != audit.TwoLogs || lines[2] != lines[1] || lines[3] != "" {
		t.Errorf("%q", lines)
	}
}

func FuzzParseState(f *testing.F) {
	f.Add([]byte(`{"lists":{"u":{"latest":{"uri":"u","sha256":"x","version":1,"iat":1}}},"found":{"k":{"check":"two logs","detail":"d","since":"2026-01-01T00:00:00Z"}}}`))
	f.Add([]byte(`{"note":"x","edge":{"size":0,"edge":{},"note":""}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parseState(text)
		if err != nil {
			return
		}
		again, err := json.Marshal(&m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseState(again); err != nil {
			t.Errorf("%q: %v", again, err)
		}
	})
}

func FuzzParsePromises(f *testing.F) {
	f.Add([]byte(strings.Repeat("A", 43) + " 99\n"))
	f.Add([]byte("a.b.c\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := parsePromises(text, jose.JSONWebKeySet{}, "")
		if err != nil && len(all) > 0 {
			t.Error("an error and promises")
		}
	})
}

func FuzzParseSaid(f *testing.F) {
	f.Add([]byte(`{"iat":1,"sha256":"` + strings.Repeat("A", 43) + `","uri":"https://x","version":1}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if s, err := parseSaid(body); err == nil && (s.URI == "" || s.Version < 1) {
			t.Errorf("%+v", s)
		}
	})
}
