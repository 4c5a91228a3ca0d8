package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/govmydata/mydata/pkg/audit"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/consent/receipt"
	"github.com/govmydata/mydata/pkg/tlog"
)

// more writes a policy that asks for one witness more than cosign.
func more(t *testing.T, policy tlog.Policy) []byte {
	t.Helper()
	key := ed25519.NewKeyFromSeed(append(make([]byte, ed25519.SeedSize-1), 77))
	all := append([]tlog.Witness(nil), policy.Witnesses...)
	all = append(all, tlog.Witness{Name: "away", Key: tlog.WitnessKey("away.example", key.Public().(ed25519.PublicKey)), URL: "http://127.0.0.1:1"})
	return tlog.NewPolicy(policy.Logs[0], all, len(all))
}

func command(t *testing.T, args ...string) (string, error) {
	t.Helper()
	root := newRootCommand()
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetArgs(args)
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

// TestUnwitnessedAtEachCommand: whoever asks for one witness more than cosigned
// reads UNWITNESSED, and a script sees it by the exit code.
//
//clause:log tlog-policy: k of n, at each door
func TestUnwitnessedAtEachCommand(t *testing.T) {
	h := newAuditedHub(t)
	h.live(t, "one")
	url, _ := h.published(t, func() {})
	good, strict := h.data, t.TempDir()
	if err := os.WriteFile(filepath.Join(strict, consent.LogPolicyFile), more(t, h.policy), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"audit":   {"audit", "--log", url, "--state", "-", "--trust"},
		"monitor": {"monitor", "once", "--log", url, "--state", t.TempDir(), "--trust"},
	} {
		if out, err := command(t, append(args, good)...); err != nil {
			t.Errorf("%s: %v, %s", name, err, out)
		}
		out, err := command(t, append(args, strict)...)
		expectExit(t, err, audit.Unwitnessed)
		if !strings.Contains(out, "UNWITNESSED") {
			t.Errorf("%s says %s", name, out)
		}
	}
}

func TestUnwitnessedReceipt(t *testing.T) {
	w := consenttest.New()
	r := w.Granted(t.Context(), "resident-01", w.People.Enrol("resident-01"))
	whole, err := receipt.Assembler{Ledger: w.Ledger, Proofs: w.Log}.ForCitizen(t.Context(), r.Grant, "resident-01")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	write := func(name string, v any) {
		t.Helper()
		text, ok := v.([]byte)
		if !ok {
			if text, err = json.Marshal(v); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("receipt.json", whole)
	hub := consent.HubTrust{Issuer: w.Trust.Issuer, RP: w.Trust.RP, JWKS: w.Trust.HubKeys}
	hub.Officers.Keys = w.Trust.Officers
	write(consent.HubFile, hub)
	ca := consenttest.NewAuthority("another", w.Now()).PEM()
	write(consent.IssuerCAFile, ca)
	write(consent.AgencyCAFile, ca)
	file := filepath.Join(folder, "receipt.json")
	for _, tt := range []struct {
		name   string
		policy []byte
		want   bool
	}{
		{"it does not say so of what a quorum cosigned", w.Log.Policy(), false},
		{"it says so when one too few cosigned", more(t, w.Trust.Log), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			write(consent.LogPolicyFile, tt.policy)
			out, err := command(t, "receipt", "verify", file, "--trust", folder)
			if strings.Contains(out, "UNWITNESSED") != tt.want || tt.want && !errors.Is(err, errReceipt) {
				t.Errorf("%v, %s", err, out)
			}
		})
	}
	out, err := command(t, "audit", "--receipts", folder, "--trust", folder, "--state", "-")
	expectExit(t, err, audit.Receipt)
	if !strings.Contains(out, "receipt.json: event 1 (requested) in the log: UNWITNESSED") {
		t.Errorf("it says %s", out)
	}
}
