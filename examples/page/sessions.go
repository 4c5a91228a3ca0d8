package page

import (
	"crypto/rand"
	"net/http"
	"sync"
	"time"
)

const sessionLife = time.Hour

// Sessions keep a value for each browser, in memory: one is lost when the program
// stops, which costs a login and no more.
type Sessions[T any] struct {
	site *Site
	mu   sync.Mutex
	all  map[string]kept[T]
}

type kept[T any] struct {
	value   T
	expires time.Time
}

// NewSessions keep theirs by the cookie of a site.
func NewSessions[T any](s *Site) *Sessions[T] {
	return &Sessions[T]{site: s, all: map[string]kept[T]{}}
}

// Get is the value of the browser that asks; the zero value when it has none.
func (s *Sessions[T]) Get(r *http.Request) T {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.all[s.site.Cookie(r, "")]
	if time.Now().After(found.expires) {
		var none T
		return none
	}
	return found.value
}

// Put keeps a value under a new id, so that nobody can prepare one for another,
// and forgets the old one.
func (s *Sessions[T]) Put(w http.ResponseWriter, r *http.Request, value T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for id, each := range s.all {
		if now.After(each.expires) {
			delete(s.all, id)
		}
	}
	delete(s.all, s.site.Cookie(r, ""))
	id := rand.Text()
	s.all[id] = kept[T]{value, now.Add(sessionLife)}
	s.site.SetCookie(w, "", id, sessionLife)
}

// End forgets the browser.
func (s *Sessions[T]) End(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, s.site.Cookie(r, ""))
	s.site.SetCookie(w, "", "", -time.Second)
}
