package consent

// WaitingPromises counts those that no signature is under way for.
func WaitingPromises(l *Ledger) int {
	l.promises.mu.Lock()
	defer l.promises.mu.Unlock()
	return len(l.promises.waiting)
}

// SignGroup signs these claims together, whatever they say.
func SignGroup(l *Ledger, claims ...PromiseClaims) ([]string, error) {
	var group []wanted
	for _, c := range claims {
		group = append(group, wanted{claims: c})
	}
	return l.signGroup(group)
}
