package catalogue

const MaxHeld = maxHeld

// Held is how many chains are kept.
func Held() int {
	memory.RLock()
	defer memory.RUnlock()
	return len(memory.held)
}
