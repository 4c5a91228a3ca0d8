package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Lag is how far a transparency log's publishing is behind.
type Lag struct {
	Pending, Size, Published int64
	At, Since                time.Time // last publication; since when the oldest leaf waits
}

// Log has read called at each scrape; while it fails, mydata_log_up is 0 and the
// other figures of the log are left out.
func (m *Metrics) Log(read func() (Lag, error)) {
	m.registry.MustRegister(logCollector{read})
}

type logCollector struct{ read func() (Lag, error) }

var (
	logUp        = description("up", "Whether the log's rows could be read.")
	logPending   = description("pending_leaves", "Durable leaves that have no place in the log yet.")
	logSize      = description("size", "Leaves in the log.")
	logPublished = description("published_size", "Leaves in the published checkpoint.")
	logAt        = description("published_timestamp_seconds", "When a checkpoint was published last; it needs new leaves.")
	logOldest    = description("oldest_unpublished_seconds", "How long the oldest unpublished leaf waits; 0 when none does.")
)

func description(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("mydata_log_"+name, help, nil, nil)
}

// Describe implements prometheus.Collector.
func (logCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{logUp, logPending, logSize, logPublished, logAt, logOldest} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c logCollector) Collect(out chan<- prometheus.Metric) {
	say := func(d *prometheus.Desc, v float64) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v)
	}
	lag, err := c.read()
	if err != nil {
		say(logUp, 0)
		return
	}
	say(logUp, 1)
	say(logPending, float64(lag.Pending))
	say(logSize, float64(lag.Size))
	say(logPublished, float64(lag.Published))
	if !lag.At.IsZero() {
		say(logAt, float64(lag.At.UnixMilli())/1000)
	}
	oldest := 0.0
	if !lag.Since.IsZero() {
		oldest = max(0, time.Since(lag.Since).Seconds())
	}
	say(logOldest, oldest)
}
