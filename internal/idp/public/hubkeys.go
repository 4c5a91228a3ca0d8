package public

import (
	"net/http"
	"sync"
	"time"
)

// sayAgain is how long the hub's word on its keys is told without signing it anew.
const sayAgain = time.Minute

// said is that word, kept.
type said struct {
	mu   sync.Mutex
	text []byte
	at   time.Time
}

func (s *said) now(now time.Time, say func(time.Time) ([]byte, error)) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if age := now.Sub(s.at); s.text != nil && age >= 0 && age < sayAgain {
		return s.text, nil
	}
	text, err := say(now)
	if err == nil {
		s.text, s.at = text, now
	}
	return text, err
}

// hubKeys serves what idp trust rekey reads.
func (h *Handler) hubKeys(w http.ResponseWriter, r *http.Request) {
	text, err := h.keys.now(time.Now(), h.HubKeys)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	h.tagged(w, r, "application/json", "no-cache, max-age=0", text)
}
