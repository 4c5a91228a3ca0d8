package metrics

// Signal counts what became of a signal.
func (m *Metrics) Signal(result string) {
	if m != nil {
		m.signals.WithLabelValues(m.word("result", result)).Inc()
	}
}

// DeletionReminder counts a reminder of a statement of deletion that is overdue.
func (m *Metrics) DeletionReminder() {
	if m != nil {
		m.reminders.Inc()
	}
}
