package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/govmydata/mydata/internal/idp/admin"
	"github.com/govmydata/mydata/internal/web"
)

// TestMalformed: a body that cannot be read changes nothing, wherever it is sent, and
// is said to be one.
func TestMalformed(t *testing.T) {
	d := open(t, true)
	over := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", d.socket)
	}}}
	for _, path := range []string{
		"/enrol", "/offer", "/client", "/client/token", "/catalogue", "/catalogue/proposals", "/catalogue/proposals/p/decision", "/consent/invalidate",
		"/erase", "/hold", "/erase/settle", "/death", "/signals/resend", "/issuance/i/decision", "/suspend", "/reinstate", "/revoke",
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://idp"+path, strings.NewReader(`{"a"`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept", "application/json")
		res, err := over.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		if err = errors.Join(err, res.Body.Close()); err != nil {
			t.Fatal(err)
		}
		var p web.Problem
		if err := json.Unmarshal(text, &p); err != nil || res.StatusCode != http.StatusBadRequest || p.Code != "bad_request" {
			t.Errorf("%s: %d %s", path, res.StatusCode, text)
		}
	}
	if len(d.trail.rows) != 0 {
		t.Errorf("it began to act: %+v", d.trail.rows)
	}
}

func TestNoSignersOfACatalogue(t *testing.T) {
	d := open(t, false)
	d.handler.PublishCatalogue = nil
	_, err := d.Client.PublishCatalogue(t.Context(), json.RawMessage(`{}`))
	if got := code(t, err); got != "officers" {
		t.Error(got)
	}
}

// TestAnswers: an answer that is none is told from a refusal.
func TestAnswers(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "<html>")
	})}}
	server.Start()
	t.Cleanup(server.Close)
	if _, err := admin.NewClient(socket).Residents(t.Context()); err == nil || !strings.Contains(err.Error(), "read answer") {
		t.Errorf("%v", err)
	}
}
