package metrics

import (
	"sync"
	"unicode/utf8"
)

// words bounds the different values of a label.
type words struct {
	mu    sync.Mutex
	known map[string]bool
	most  int
}

func newWords(most int) *words { return &words{known: map[string]bool{}, most: most} }

const (
	other    = "other"
	wordSize = 80
)

// word is the value that a label takes: the word itself while it is short and
// the label has room, else "other".
func (m *Metrics) word(label, word string) string { return m.words[label].take(word) }

func (w *words) take(word string) string {
	if word == "" || len(word) > wordSize || !utf8.ValidString(word) {
		return other
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.known[word] {
		if len(w.known) >= w.most {
			return other
		}
		w.known[word] = true
	}
	return word
}
