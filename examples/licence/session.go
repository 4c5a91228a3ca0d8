package main

import (
	"crypto/rand"
	"net/http"
	"sync"
	"time"
)

const sessionLife = time.Hour

// session is one browser's. It is lost when the program stops, which costs a
// login and no more.
type session struct {
	Sub     string // "" until logged in
	State   string // of the redirect under way
	Kind    string // what that redirect is for: "login" or "ask"
	expires time.Time
}

type sessions struct {
	mu  sync.Mutex
	all map[string]session
}

func newSessions() *sessions { return &sessions{all: map[string]session{}} }

func (s *sessions) get(id string) session {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.all[id]
	if time.Now().After(found.expires) {
		return session{}
	}
	return found
}

// put keeps a session under a new id, so that nobody can prepare one for
// another, and forgets the old id.
func (s *sessions) put(old string, v session) (id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for id, each := range s.all {
		if now.After(each.expires) {
			delete(s.all, id)
		}
	}
	delete(s.all, old)
	v.expires, id = now.Add(sessionLife), rand.Text()
	s.all[id] = v
	return id
}

func (s *sessions) end(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, id)
}

func (s *site) session(r *http.Request) session { return s.sessions.get(s.pages.Cookie(r, "")) }

func (s *site) setSession(w http.ResponseWriter, r *http.Request, v session) {
	s.pages.SetCookie(w, "", s.sessions.put(s.pages.Cookie(r, ""), v), sessionLife)
}
