package sdk

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// TestProviderTellsWhatItRefused counts by the check alone: nothing of the
// request reaches who counts.
func TestProviderTellsWhatItRefused(t *testing.T) {
	f := newFixture(t)
	var refused []string
	f.provider.config.Refused = func(check string) { refused = append(refused, check) }
	for _, body := range []string{"", "x", `{"request":"a-secret","terms":{},"idempotency_key":"another-secret-key"}`} {
		r := httptest.NewRequest(http.MethodPost, "/release", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		f.provider.ServeHTTP(httptest.NewRecorder(), r)
	}
	f.provider.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/release", nil))
	if len(refused) != 4 || refused[3] != "method" || slices.Contains(refused, "") || strings.Contains(strings.Join(refused, " "), "secret") {
		t.Errorf("%q", refused)
	}
}
