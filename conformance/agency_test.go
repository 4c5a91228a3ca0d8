package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/govmydata/mydata/sdk"
)

// trialOf runs a command against an agency that answers by handler.
func trialOf(t *testing.T, handler http.HandlerFunc, args ...string) (out, folder string, err error) {
	t.Helper()
	agency := httptest.NewServer(handler)
	defer agency.Close()
	folder = t.TempDir()
	var text bytes.Buffer
	cmd := newRootCommand()
	cmd.SetOut(&text)
	cmd.SetErr(&text)
	cmd.SetArgs(append(args, "--url", agency.URL+"/release", "--listen", "127.0.0.1:0", "--out", folder, "--wait", "5s"))
	err = cmd.ExecuteContext(t.Context())
	return text.String(), folder, err
}

// An agency that says yes to everything, and one that says no to everything, are
// both refused, by an error, which is the exit code.
//
//clause:admission a plan is read strictly; the report in its four forms; an exit code that fails
func TestATrialThatFails(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"yes": func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("yes")) },
		"no":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
	} {
		for _, role := range []string{"provider", "consumer"} {
			t.Run(name+" "+role, func(t *testing.T) {
				args := []string{role}
				if role == "provider" {
					args = append(args, "--patience", "1s")
				}
				out, folder, err := trialOf(t, handler, args...)
				if !errors.Is(err, errNotAdmitted) || !strings.Contains(out, "failed") {
					t.Fatalf("%v %s", err, out)
				}
				for _, ext := range []string{"html", "xml", "json"} {
					if text, err := os.ReadFile(filepath.Join(folder, role+"."+ext)); err != nil || !bytes.Contains(text, []byte("fail")) {
						t.Errorf("%s: %v", ext, err)
					}
				}
				if _, err := sdk.LoadTrust(filepath.Join(folder, "trust")); err != nil {
					t.Error(err)
				}
				if keys, err := sdk.LoadKeys(filepath.Join(folder, "identity")); err != nil || !strings.HasPrefix(keys.Agency, "urn:mydata:agency:") {
					t.Errorf("%s %v", keys.Agency, err)
				}
			})
		}
	}
}

func TestATrialNeedsItsParts(t *testing.T) {
	plan := filepath.Join(t.TempDir(), "plan.json")
	if err := os.WriteFile(plan, []byte(`{}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, want string
		args       []string
	}{
		{"it needs an address", "url", []string{"provider"}},
		{"it needs a plan that is one", "plan: ", []string{"provider", "--url", "http://127.0.0.1:1/release", "--plan", plan}},
		{"it waits no longer than it is told", "wait for the agency", []string{"provider", "--url", "http://127.0.0.1:1/release", "--wait", "1s", "--listen", "127.0.0.1:0", "--out", t.TempDir()}},
		{"it waits for no agency that ended", "it ended by itself (exit status 1); what it said is in ", []string{"consumer", "--url", "http://127.0.0.1:1/", "--listen", "127.0.0.1:0", "--out", t.TempDir(), "--", "false"}},
		{"it says that the agency does not start", "start the agency", []string{"consumer", "--url", "http://127.0.0.1:1/", "--listen", "127.0.0.1:0", "--out", t.TempDir(), "--", "/no/such/program"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cmd := newRootCommand()
			cmd.SetOut(&bytes.Buffer{})
			cmd.SetErr(&bytes.Buffer{})
			cmd.SetArgs(tt.args)
			if err := cmd.ExecuteContext(context.Background()); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

func TestATrialAsJSON(t *testing.T) {
	out, _, err := trialOf(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }, "consumer", "--json")
	at := strings.Index(out, `{"role"`)
	var r struct{ Role string }
	if !errors.Is(err, errNotAdmitted) || at < 0 || json.Unmarshal([]byte(out[at:]), &r) != nil || r.Role != "consumer" {
		t.Errorf("%v %s", err, out)
	}
}
