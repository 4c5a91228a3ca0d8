package metrics

import "github.com/prometheus/client_golang/prometheus"

// mostCertificates bounds the label of agencies: those that end first.
const mostCertificates = 200

// Certificate is how long an agency can sign.
type Certificate struct {
	Agency string
	Days   int // below zero: not any more
}

// Certificates has the terms read at each scrape, the one that ends first first, and
// the days that are left of the hub's own certificates, by use.
func (m *Metrics) Certificates(read func() []Certificate, own func() map[string]int) {
	if m == nil {
		return
	}
	m.registry.MustRegister(certificateCollector{read, own})
}

type certificateCollector struct {
	read func() []Certificate
	own  func() map[string]int
}

var certificateDays = prometheus.NewDesc("mydata_agency_certificate_days",
	"Days until the end of an agency's certificates; below zero: it cannot sign.", []string{"agency"}, nil)

var hubCertificateDays = prometheus.NewDesc("mydata_hub_certificate_days",
	"Days until the hub has no certificate left to sign by; below zero: what it signs is not taken.", []string{"use"}, nil)

// Describe implements prometheus.Collector.
func (certificateCollector) Describe(out chan<- *prometheus.Desc) {
	out <- certificateDays
	out <- hubCertificateDays
}

// Collect implements prometheus.Collector.
func (c certificateCollector) Collect(out chan<- prometheus.Metric) {
	all := c.read()
	for _, each := range all[:min(len(all), mostCertificates)] {
		out <- prometheus.MustNewConstMetric(certificateDays, prometheus.GaugeValue, float64(each.Days), each.Agency)
	}
	for use, days := range c.own() {
		out <- prometheus.MustNewConstMetric(hubCertificateDays, prometheus.GaugeValue, float64(days), use)
	}
}
