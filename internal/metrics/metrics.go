package metrics

import (
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Outcomes of a ceremony.
const (
	Begun   = "begun"   // the person was asked for the passkey
	Done    = "done"    // and gave it
	Refused = "refused" // a check failed
	Failed  = "failed"  // we did
)

// Metrics are the counters of one process. All methods may run concurrently;
// those of a nil *Metrics do nothing.
type Metrics struct {
	registry *prometheus.Registry

	requests      *prometheus.HistogramVec
	refusals      *prometheus.CounterVec
	ceremonies    *prometheus.CounterVec
	consents      *prometheus.CounterVec
	passkeys      *prometheus.CounterVec
	credentials   *prometheus.CounterVec
	presentations *prometheus.CounterVec
	signals       *prometheus.CounterVec
	reminders     prometheus.Counter
	witnessSize   *prometheus.GaugeVec
	witnessTime   *prometheus.GaugeVec
	witnessFails  *prometheus.CounterVec

	words map[string]*words // of labels whose values come from elsewhere in the program
}

// New makes the metrics of a process, with those of the Go runtime.
func New() *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), words: map[string]*words{
		"route": newWords(200), "check": newWords(200), "ceremony": newWords(20),
		"kind": newWords(30), "act": newWords(10), "witness": newWords(50), "outcome": newWords(10), "result": newWords(10),
	}}
	m.requests = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "mydata_request_duration_seconds", Help: "Requests by route, method and class of status.",
		Buckets: []float64{.005, .025, .1, .25, .5, 1, 2.5, 5, 10},
	}, []string{"route", "method", "class"})
	m.refusals = counter("mydata_refusals_total", "Requests refused, by the check that failed.", "check")
	m.ceremonies = counter("mydata_ceremonies_total", "Ceremonies with a passkey, by outcome.", "ceremony", "outcome")
	m.consents = counter("mydata_consent_events_total", "Events of grants: used is a release that was committed, received its countersignature.", "kind")
	m.passkeys = counter("mydata_passkey_events_total", "Passkeys added and removed.", "act")
	m.credentials = counter("mydata_credentials_total", "Credentials issued and revoked.", "act")
	m.presentations = counter("mydata_presentations_total", "Presentations judged, by outcome.", "outcome")
	m.signals = counter("mydata_signals_total", "Signals by what became of them: dead ones were put aside and never told.", "result")
	m.reminders = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "mydata_deletion_reminders_total", Help: "Reminders to agencies whose statement of deletion is overdue.",
	})
	m.witnessSize = gauge("mydata_witness_size", "Size of the log that a witness cosigned last.", "witness")
	m.witnessTime = gauge("mydata_witness_cosigned_timestamp_seconds", "When a witness cosigned last.", "witness")
	m.witnessFails = counter("mydata_witness_failures_total", "Checkpoints that a witness did not cosign when asked.", "witness")
	m.registry.MustRegister(m.requests, m.refusals, m.ceremonies, m.consents, m.passkeys, m.credentials, m.presentations, m.signals, m.reminders,
		m.witnessSize, m.witnessTime, m.witnessFails,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
}

// Handler answers GET /metrics and nothing else.
func (m *Metrics) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		EnableOpenMetrics: true, MaxRequestsInFlight: 4, Timeout: 10 * time.Second, ErrorHandling: promhttp.ContinueOnError,
	}))
	return mux
}

// Request counts a request. pattern is that of the mux, with its method or
// without; "" is what no route serves.
func (m *Metrics) Request(pattern, method string, status int, took time.Duration) {
	if m == nil {
		return
	}
	if _, path, ok := strings.Cut(pattern, " "); ok {
		pattern = path
	}
	if pattern == "" {
		pattern = "none"
	}
	m.requests.WithLabelValues(m.word("route", pattern), method, class(status)).Observe(took.Seconds())
}

func class(status int) string {
	if status < 100 || status > 599 {
		return "other"
	}
	return string(rune('0'+status/100)) + "xx"
}

// Refusal counts a refusal by its check.
func (m *Metrics) Refusal(check string) {
	if m != nil && check != "" {
		m.refusals.WithLabelValues(m.word("check", check)).Inc()
	}
}

// Ceremony counts one by its outcome.
func (m *Metrics) Ceremony(name, outcome string) {
	if m != nil {
		m.ceremonies.WithLabelValues(m.word("ceremony", name), outcome).Inc()
	}
}

// Consent counts an event of a grant.
func (m *Metrics) Consent(kind string) {
	if m != nil {
		m.consents.WithLabelValues(m.word("kind", kind)).Inc()
	}
}

// Passkey counts an addition or a removal.
func (m *Metrics) Passkey(act string) {
	if m != nil {
		m.passkeys.WithLabelValues(m.word("act", act)).Inc()
	}
}

// Credentials counts n credentials.
func (m *Metrics) Credentials(act string, n int) {
	if m != nil && n > 0 {
		m.credentials.WithLabelValues(m.word("act", act)).Add(float64(n))
	}
}

// Presentation counts one by its outcome.
func (m *Metrics) Presentation(outcome string) {
	if m != nil {
		m.presentations.WithLabelValues(m.word("outcome", outcome)).Inc()
	}
}

// Witness notes what a witness answered at that time: the size it cosigned, or
// why not.
func (m *Metrics) Witness(name string, size int64, at time.Time, err error) {
	if m == nil {
		return
	}
	name = m.word("witness", name)
	fails := m.witnessFails.WithLabelValues(name)
	if err != nil {
		fails.Inc()
		return
	}
	m.witnessSize.WithLabelValues(name).Set(float64(size))
	m.witnessTime.WithLabelValues(name).Set(float64(at.UnixMilli()) / 1000)
}
