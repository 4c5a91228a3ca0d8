package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/govmydata/mydata/internal/metrics"
	"github.com/govmydata/mydata/internal/service"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

// TestEyesCountOnce has a consumer push one request three times: it is one event.
func TestEyesCountOnce(t *testing.T) {
	w, m := consenttest.New(), metrics.New()
	w.People.Enrol("ada")
	w.Ledger.Store = countedConsents{w.Store, eyes{service.Eyes{Metrics: m}}}
	in := w.Request("ada", nil)
	for range 3 {
		if _, err := w.Ledger.Request(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	seen := httptest.NewRecorder()
	m.Handler().ServeHTTP(seen, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if !strings.Contains(seen.Body.String(), `mydata_consent_events_total{kind="requested"} 1`+"\n") {
		t.Errorf("it counts %s", seen.Body)
	}
}
