package verifier

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"time"

	"github.com/govmydata/mydata/pkg/credential"
)

// How the QR code of a page may be answered. An answer from another device is
// bound to no browser, so that a code passed on shows its sender what the
// wallet's owner shares (section 14.2). With CrossMatch the wallet leads its owner
// to a number of ours, and the result counts when that number was typed on the
// page that showed the code: who passed the code on has to ask for the number too,
// which the page with the number warns of.
const (
	CrossMatch = "match"
	CrossPlain = "plain"
	CrossOff   = "off"
)

const (
	maxTries     = 3
	checkMatched = "number typed"
)

// number is six digits.
func number() string {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		panic(err) // never fails (crypto/rand)
	}
	return fmt.Sprintf("%06d", n)
}

// matches tells whether an answer has to be matched: it came from another device
// to a question that a page shows.
func (s *Server) matches(a ask) bool {
	return !a.same && s.CrossDevice == CrossMatch && s.sessions.onPage(a.handle)
}

func (s *sessions) onPage(handle string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, ok := s.byHandle[handle]
	return ok && len(n.asks) > 1
}

// numberOf is for the device of the wallet, which got the code.
func (s *sessions) numberOf(id, code string) (session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, ok := s.byID[id]
	if !ok || n.number == "" || !s.now().Before(n.until) || subtle.ConstantTimeCompare([]byte(n.code), []byte(code)) != 1 {
		return session{}, errUnknown
	}
	return *n, nil
}

var errNumber = errors.New("another number")

// match takes the number that was typed in the browser that asked. The third
// wrong one rejects the answer.
func (s *sessions) match(id, typed string, browser [32]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, ok := s.byID[id]
	if !ok || n.browser != browser || n.number == "" || !s.now().Before(n.until) {
		return errUnknown
	}
	if subtle.ConstantTimeCompare([]byte(n.number), []byte(typed)) == 1 {
		n.number, n.code = "", ""
		n.checks = append(n.checks, credential.Check{Name: checkMatched, OK: true})
		return nil
	}
	if n.tries++; n.tries >= maxTries {
		n.number, n.code, n.status, n.claims, n.signed, n.kept = "", "", Rejected, nil, nil, nil
		n.checks = append(n.checks, credential.Check{Name: checkMatched, Detail: "another number was typed three times"})
		return nil
	}
	return errNumber
}

// numbered is what the wallet's owner sees: a number, and whom it is for.
type numbered struct {
	Number, Site, Purpose string
	Until                 time.Time
}

// showNumber is where the wallet leads its owner after an answer across devices.
func (s *Server) showNumber(w http.ResponseWriter, r *http.Request) {
	n, err := s.sessions.numberOf(r.PathValue("id"), r.URL.Query().Get("response_code"))
	if err != nil {
		s.Frame.Fail(w, r, http.StatusNotFound, "verifier.error.number", err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	s.pages.Render(w, r, http.StatusOK, "number", numbered{
		Number: n.number[:3] + " " + n.number[3:], Site: s.URL, Purpose: n.question.purpose, Until: n.until,
	})
}

// typed takes the number on the page that shows the QR code.
func (s *Server) typed(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	given := strings.ReplaceAll(strings.TrimSpace(r.PostFormValue("number")), " ", "")
	err := s.sessions.match(id, given, hashCookie(s.Frame.Cookie(r, cookieName)))
	switch {
	case errors.Is(err, errNumber):
		http.Redirect(w, r, "/result/"+id+"?again=1", http.StatusSeeOther)
	case err != nil:
		s.Frame.Fail(w, r, http.StatusNotFound, "verifier.error.unknown", err)
	default:
		http.Redirect(w, r, "/result/"+id, http.StatusSeeOther)
	}
}
