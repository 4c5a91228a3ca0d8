package metrics

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("%d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func expect(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("it does not say %s", line)
		}
	}
}

func TestMetrics(t *testing.T) {
	m := New()
	m.Request("GET /me/consents/{id}", "GET", 200, 30*time.Millisecond)
	m.Request("GET /me/consents/{id}", "GET", 204, 3*time.Second)
	m.Request("", "OTHER", 404, 0)
	m.Request("/", "POST", 0, 0)
	m.Refusal("grant state")
	m.Refusal("")
	m.Ceremony("login", Begun)
	m.Ceremony("login", Done)
	m.Consent("used")
	m.Consent("used")
	m.Passkey("add")
	m.Credentials("issued", 2)
	m.Credentials("revoked", 0)
	m.Presentation("verified")
	m.Witness("w1", 7, time.Unix(1000, 0), nil)
	m.Witness("w1", 9, time.Unix(2000, 0), errors.New("gone"))
	m.Witness("w2", 9, time.Unix(2000, 0), errors.New("gone"))
	text := scrape(t, m)
	expect(t, text,
		`mydata_request_duration_seconds_count{class="2xx",method="GET",route="/me/consents/{id}"} 2`,
		`mydata_request_duration_seconds_bucket{class="2xx",method="GET",route="/me/consents/{id}",le="0.1"} 1`,
		`mydata_request_duration_seconds_count{class="4xx",method="OTHER",route="none"} 1`,
		`mydata_request_duration_seconds_count{class="other",method="POST",route="/"} 1`,
		`mydata_refusals_total{check="grant state"} 1`,
		`mydata_ceremonies_total{ceremony="login",outcome="begun"} 1`,
		`mydata_ceremonies_total{ceremony="login",outcome="done"} 1`,
		`mydata_consent_events_total{kind="used"} 2`,
		`mydata_passkey_events_total{act="add"} 1`,
		`mydata_credentials_total{act="issued"} 2`,
		`mydata_presentations_total{outcome="verified"} 1`,
		`mydata_witness_size{witness="w1"} 7`,
		`mydata_witness_cosigned_timestamp_seconds{witness="w1"} 1000`,
		`mydata_witness_failures_total{witness="w1"} 1`,
		`mydata_witness_failures_total{witness="w2"} 1`)
	if strings.Contains(text, `witness_size{witness="w2"}`) || strings.Contains(text, `act="revoked"`) || !strings.Contains(text, "go_goroutines") {
		t.Error("it says what did not happen, or not what the process does")
	}
}

// Whoever finds a way to choose a label's value must not fill the memory of the
// service, or that of Prometheus.
func TestWordsAreBounded(t *testing.T) {
	m := New()
	for n := range 5000 {
		m.Refusal(fmt.Sprint("check ", n))
		m.Request(fmt.Sprintf("GET /x/%d", n), "GET", 200, 0)
	}
	m.Refusal(strings.Repeat("a", wordSize+1))
	m.Refusal("\xff")
	text := scrape(t, m)
	if n := strings.Count(text, "\nmydata_refusals_total{"); n != 201 {
		t.Errorf("%d values of check", n)
	}
	if n := strings.Count(text, "\nmydata_request_duration_seconds_count{"); n != 201 {
		t.Errorf("%d values of route", n)
	}
	expect(t, text, `mydata_refusals_total{check="other"} 4802`)
	m = New()
	m.Refusal(strings.Repeat("a", wordSize+1))
	m.Refusal(strings.Repeat("a", wordSize))
	m.Refusal("\xff")
	expect(t, scrape(t, m), `mydata_refusals_total{check="other"} 2`)
}

func TestLog(t *testing.T) {
	m := New()
	var lag Lag
	var err error
	m.Log(func() (Lag, error) { return lag, err })
	expect(t, scrape(t, m), "mydata_log_up 1", "mydata_log_size 0", "mydata_log_oldest_unpublished_seconds 0")
	lag = Lag{Pending: 3, Size: 9, Published: 7, At: time.Unix(1000, 0), Since: time.Now().Add(-time.Hour)}
	text := scrape(t, m)
	expect(t, text, "mydata_log_pending_leaves 3", "mydata_log_size 9", "mydata_log_published_size 7", "mydata_log_published_timestamp_seconds 1000")
	if !strings.Contains(text, "\nmydata_log_oldest_unpublished_seconds 360") {
		t.Error("it does not say how long a leaf waits")
	}
	err = errors.New("the database is gone")
	text = scrape(t, m)
	expect(t, text, "mydata_log_up 0")
	if strings.Contains(text, "mydata_log_size") || strings.Contains(text, "gone") {
		t.Error("it says what it does not know")
	}
}

func TestHandlerServesNothingElse(t *testing.T) {
	for path, want := range map[string]int{"/": 404, "/metrics/": 404, "/debug/pprof/": 404} {
		w := httptest.NewRecorder()
		New().Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != want {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	w := httptest.NewRecorder()
	New().Handler().ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/metrics", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", w.Code)
	}
}

func TestNothingIsCountedWithoutMetrics(t *testing.T) {
	var m *Metrics
	m.Request("GET /", "GET", 200, 0)
	m.Refusal("x")
	m.Ceremony("login", Done)
	m.Consent("used")
	m.Passkey("add")
	m.Credentials("issued", 1)
	m.Presentation("verified")
	m.Witness("w", 1, time.Now(), nil)
}

func TestCheckAddress(t *testing.T) {
	for _, c := range []struct {
		address string
		https   bool
		ok      bool
	}{
		{"", false, true},
		{"127.0.0.1:9090", false, true},
		{"[::1]:9090", false, true},
		{"localhost:9090", false, true},
		{"10.0.0.5:9090", true, true},
		{"metrics.internal:9090", true, true},
		{"10.0.0.5:9090", false, false},
		{":9090", true, false},
		{"0.0.0.0:9090", true, false},
		{"[::]:9090", true, false},
		{"9090", true, false},
	} {
		if err := CheckAddress(c.address, c.https); (err == nil) != c.ok {
			t.Errorf("%q, https %v: %v", c.address, c.https, err)
		}
	}
}
