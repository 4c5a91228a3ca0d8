package consent

// WaitingPromises counts those that no signature is under way for.
func WaitingPromises(l *Ledger) int {
	l.promises.mu.Lock()
	defer l.promises.mu.Unlock()
	return len(l.promises.waiting)
}
