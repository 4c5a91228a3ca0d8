package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// AnchorLag is how far a log's anchoring is behind.
type AnchorLag struct {
	Size      int64
	At, Since time.Time // of the newest anchor; since when a checkpoint waits for one
}

// Anchors has read called at each scrape; while it fails, the figures are left
// out.
func (m *Metrics) Anchors(read func() (AnchorLag, error)) {
	m.registry.MustRegister(anchorCollector{read})
}

type anchorCollector struct{ read func() (AnchorLag, error) }

var (
	anchorSize = prometheus.NewDesc("mydata_anchor_size", "Leaves in the checkpoint that was anchored last.", nil, nil)
	anchorAt   = prometheus.NewDesc("mydata_anchor_timestamp_seconds", "When the newest anchor was there; it needs new leaves.", nil, nil)
	anchorWait = prometheus.NewDesc("mydata_anchor_waiting_seconds", "How long a published checkpoint waits for an anchor; 0 when none does.", nil, nil)
)

// Describe implements prometheus.Collector.
func (anchorCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{anchorSize, anchorAt, anchorWait} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c anchorCollector) Collect(out chan<- prometheus.Metric) {
	say := func(d *prometheus.Desc, v float64) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v)
	}
	lag, err := c.read()
	if err != nil {
		return
	}
	say(anchorSize, float64(lag.Size))
	if !lag.At.IsZero() {
		say(anchorAt, float64(lag.At.UnixMilli())/1000)
	}
	wait := 0.0
	if !lag.Since.IsZero() {
		wait = max(0, time.Since(lag.Since).Seconds())
	}
	say(anchorWait, wait)
}

// Anchorer has read called at each scrape of an anchorer's own metrics.
func (m *Metrics) Anchorer(read func() AnchorerState) {
	m.registry.MustRegister(anchorerCollector{read})
}

// AnchorerState is what an anchorer says of itself.
type AnchorerState struct {
	Size, Published, Transactions int64
	At                            time.Time
	Failing, Forked               bool
	Since                         time.Time // since when it fails
}

type anchorerCollector struct{ read func() AnchorerState }

var (
	anchorerPublished = prometheus.NewDesc("mydata_anchorer_published_size", "Leaves in the log's checkpoint, as read last.", nil, nil)
	anchorerCount     = prometheus.NewDesc("mydata_anchorer_transactions_total", "Transactions prepared.", nil, nil)
	anchorerFailing   = prometheus.NewDesc("mydata_anchorer_failing_seconds", "How long no step succeeded; 0 when the last did.", nil, nil)
	anchorerForked    = prometheus.NewDesc("mydata_anchorer_forked", "1 when the log contradicts its anchor.", nil, nil)
)

// Describe implements prometheus.Collector.
func (anchorerCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{anchorSize, anchorAt, anchorerPublished, anchorerCount, anchorerFailing, anchorerForked} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c anchorerCollector) Collect(out chan<- prometheus.Metric) {
	say := func(d *prometheus.Desc, kind prometheus.ValueType, v float64) {
		out <- prometheus.MustNewConstMetric(d, kind, v)
	}
	s := c.read()
	say(anchorSize, prometheus.GaugeValue, float64(s.Size))
	if !s.At.IsZero() {
		say(anchorAt, prometheus.GaugeValue, float64(s.At.UnixMilli())/1000)
	}
	say(anchorerPublished, prometheus.GaugeValue, float64(s.Published))
	say(anchorerCount, prometheus.CounterValue, float64(s.Transactions))
	failing, forked := 0.0, 0.0
	if s.Failing {
		failing = max(0, time.Since(s.Since).Seconds())
	}
	if s.Forked {
		forked = 1
	}
	say(anchorerFailing, prometheus.GaugeValue, failing)
	say(anchorerForked, prometheus.GaugeValue, forked)
}
