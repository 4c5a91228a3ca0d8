package sdk

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Who reads one line of a log learns who has to act, and where to look.
func TestErrorsSayWhoMends(t *testing.T) {
	complete := func(f *fixture) error {
		state, query := f.granted("vision_ok", "hearing_ok")
		_, err := f.consumer.Complete(context.Background(), state, query)
		return err
	}
	for name, tt := range map[string]struct {
		bend func(*fixture)
		says []string
	}{
		"it names who mends a refusal": {func(f *fixture) { f.records = nil }, []string{"no record for this subject", "(for the citizen to mend)"}},
		"it says that no Provider answers at the release address": {func(f *fixture) { f.route.hosts["insurer.example"] = http.NotFoundHandler() },
			[]string{"status 404", "release address", "does a Provider answer there?", "(for the provider to mend)"}},
		"it names the other side's line of a log": {func(f *fixture) {
			set := f.provider.config.DataSets["health-checkup"]
			set.Load = func(context.Context, Subject) (Record, error) { panic("Hong Gildong") }
			f.provider.config.DataSets["health-checkup"] = set
		}, []string{"not available: status 500, its log has "}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			tt.bend(f)
			err := complete(f)
			for _, says := range tt.says {
				if err == nil || !strings.Contains(err.Error(), says) {
					t.Errorf("%v does not say %q", err, says)
				}
			}
		})
	}
}

// What another calls the line of its log is repeated only where it looks like that.
func TestCorrelationOfAnotherIsHeld(t *testing.T) {
	for id, kept := range map[string]bool{"RSUSEOOBLBQIFGPA6JBY5AH3": true, "K9RK-FCVS-386J_": true, "a": false, "x\ny01234567": false, strings.Repeat("x", 65): false} {
		err := answer{status: http.StatusBadGateway, header: http.Header{correlationHeader: {id}}}.unavailable()
		if err == nil || strings.Contains(err.Error(), id) != kept && len(id) > 1 {
			t.Errorf("%q: %v", id, err)
		}
	}
}

// A panic in an agency's function is found in its code by the log alone, which repeats
// nothing of what the panic says but types.
func TestPanicsAreFound(t *testing.T) {
	for name, tt := range map[string]struct {
		derive func(Record) (any, error)
		says   string
	}{
		"it says which types":           {func(r Record) (any, error) { return r["vision_left"].(string), nil }, "interface conversion: interface {} is float64, not string"},
		"it keeps what a panic says":    {func(r Record) (any, error) { panic("Hong Gildong") }, ": string"},
		"it keeps what an index tells":  {func(r Record) (any, error) { return []int{1}[len(r)], nil }, ": runtime.boundsError"},
		"it finds a Load in the middle": {nil, ": string"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			set := f.provider.config.DataSets["health-checkup"]
			if set.Derive["vision_ok"] = tt.derive; tt.derive == nil {
				set.Load = func(context.Context, Subject) (Record, error) { panic("Hong Gildong") }
			}
			f.provider.config.DataSets["health-checkup"] = set
			var log bytes.Buffer
			f.provider.config.Logger = slog.New(slog.NewTextHandler(&log, nil))
			f.call().want(http.StatusInternalServerError, "internal", "service")
			if said := log.String(); !strings.Contains(said, "it panicked at mender_test.go:") || !strings.Contains(said, tt.says) || strings.Contains(said, "Hong") {
				t.Error(said)
			}
		})
	}
}

// What a Provider refuses by itself it refuses as the SDK.
func TestRefusalsNameWhoRefuses(t *testing.T) {
	f := newFixture(t)
	var log bytes.Buffer
	f.provider.config.Logger = slog.New(slog.NewTextHandler(&log, nil))
	f.provider.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/release", nil))
	if said := log.String(); !strings.Contains(said, "sdk refused: method: POST") {
		t.Error(said)
	}
}

// A verifier in a sandbox says what its configuration lacks, as the other doors do.
func TestVerifierOfASandboxNeedsAllowLoopback(t *testing.T) {
	trust := newFixture(t).world.Trust
	trust.Issuer = "http://localhost:8080"
	for allow, refused := range map[bool]bool{false: true, true: false} {
		if _, err := NewVerifier(VerifierConfig{Trust: trust, Types: []string{ResidentCard}, AllowLoopback: allow}); (err != nil) != refused || refused && !strings.Contains(err.Error(), "set AllowLoopback") {
			t.Errorf("AllowLoopback %v: %v", allow, err)
		}
	}
}

func TestTrustFolderIsNamed(t *testing.T) {
	if _, err := LoadTrust("nowhere/trust"); err == nil || !strings.Contains(err.Error(), "nowhere/trust") {
		t.Error(err)
	}
}
