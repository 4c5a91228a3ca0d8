package verifier

import (
	"errors"
	"net/http"

	"github.com/govmydata/mydata/internal/web"
)

// A relying party may order a page: whoever opens it first, by a button, is the
// browser that the answer has to come back to.

// peek finds a page that nobody has opened.
func (s *sessions) peek(key string) (session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.byID {
		if n.key != "" && n.key == key && s.now().Before(n.until) {
			return *n, nil
		}
	}
	return session{}, errUnknown
}

// claim gives a page to a browser, once.
func (s *sessions) claim(key string, browser [32]byte) (id string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.byID {
		if n.key != "" && n.key == key && s.now().Before(n.until) {
			n.key, n.browser = "", browser
			return n.id, nil
		}
	}
	return "", errUnknown
}

type opening struct {
	Key, Purpose string
	Signed       []signed
}

func (s *Server) opens(w http.ResponseWriter, r *http.Request) {
	n, err := s.sessions.peek(r.PathValue("key"))
	if err != nil {
		s.Frame.Fail(w, r, http.StatusNotFound, "verifier.error.unknown", err)
		return
	}
	s.pages.Render(w, r, http.StatusOK, "open", opening{Key: n.key, Purpose: n.question.purpose, Signed: s.signed(web.Lang(r), shown(n.question.transactions))})
}

func (s *Server) opened(w http.ResponseWriter, r *http.Request) {
	cookie := s.Frame.Cookie(r, cookieName)
	if cookie == "" {
		cookie = token()
	}
	id, err := s.sessions.claim(r.PathValue("key"), hashCookie(cookie))
	if errors.Is(err, errUnknown) {
		s.Frame.Fail(w, r, http.StatusNotFound, "verifier.error.unknown", err)
		return
	}
	s.Frame.SetCookie(w, cookieName, cookie, s.Life+retention)
	http.Redirect(w, r, "/result/"+id, http.StatusSeeOther)
}
