package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Watch is what a monitor's last round said.
type Watch struct {
	Size, Anchored int64
	At             time.Time      // of the round
	Findings       map[string]int // by check
}

// Monitor makes the gauges of a monitor, and gives what fills them after each
// round.
func (m *Metrics) Monitor() func(Watch) {
	size := prometheus.NewGauge(prometheus.GaugeOpts{Name: "mydata_monitor_size", Help: "Leaves in the last checkpoint of which all was checked."})
	anchored := prometheus.NewGauge(prometheus.GaugeOpts{Name: "mydata_monitor_anchored_size", Help: "Leaves in the newest anchor that was verified."})
	at := prometheus.NewGauge(prometheus.GaugeOpts{Name: "mydata_monitor_round_timestamp_seconds", Help: "When the last round ended."})
	rounds := prometheus.NewCounter(prometheus.CounterOpts{Name: "mydata_monitor_rounds_total", Help: "Rounds made."})
	found := gauge("mydata_monitor_findings", "Findings of the last round, by check.", "check")
	m.registry.MustRegister(size, anchored, at, rounds, found)
	return func(w Watch) {
		size.Set(float64(w.Size))
		anchored.Set(float64(w.Anchored))
		at.Set(float64(w.At.UnixMilli()) / 1000)
		rounds.Inc()
		found.Reset()
		for check, n := range w.Findings {
			found.WithLabelValues(m.word("check", check)).Set(float64(n))
		}
	}
}
