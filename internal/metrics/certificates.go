package metrics

import "github.com/prometheus/client_golang/prometheus"

// mostCertificates bounds the label of agencies: those that end first.
const mostCertificates = 200

// Certificate is how long an agency can sign.
type Certificate struct {
	Agency string
	Days   int // below zero: not any more
}

// Certificates has the terms read at each scrape, the one that ends first first.
func (m *Metrics) Certificates(read func() []Certificate) {
	if m == nil {
		return
	}
	m.registry.MustRegister(certificateCollector{read})
}

type certificateCollector struct{ read func() []Certificate }

var certificateDays = prometheus.NewDesc("mydata_agency_certificate_days",
	"Days until the end of an agency's certificates; below zero: it cannot sign.", []string{"agency"}, nil)

// Describe implements prometheus.Collector.
func (certificateCollector) Describe(out chan<- *prometheus.Desc) { out <- certificateDays }

// Collect implements prometheus.Collector.
func (c certificateCollector) Collect(out chan<- prometheus.Metric) {
	all := c.read()
	for _, each := range all[:min(len(all), mostCertificates)] {
		out <- prometheus.MustNewConstMetric(certificateDays, prometheus.GaugeValue, float64(each.Days), each.Agency)
	}
}
