package metrics

// Signal counts what became of a signal.
func (m *Metrics) Signal(result string) {
	if m != nil {
		m.signals.WithLabelValues(m.word("result", result)).Inc()
	}
}
