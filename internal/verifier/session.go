package verifier

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vp"
)

// Bounds of the sessions in memory.
const (
	maxSessions = 4096
	retention   = 15 * time.Minute // of a session after its request ended
)

// Status of a session as the outside sees it.
type Status string

// The statuses of a session.
const (
	Pending  Status = "pending"
	Verified Status = "verified"
	Rejected Status = "rejected"
	Expired  Status = "expired"
)

var (
	errUnknown = errors.New("no such request")
	errSpent   = errors.New("request answered before")
	errExpired = errors.New("request expired")
	errFull    = errors.New("too many requests under way")
)

// ask is one request of a session, as one wallet sees it.
type ask struct {
	handle  string // in request_uri and response_uri
	request openid4vp.Request
	by      openid4vp.Identity
	link    string // for the wallet
	same    bool   // for a wallet on the device of the page
}

// session is one question and its answer.
type session struct {
	id       string
	browser  [32]byte // hash of the cookie of the browser that asked; zero: the command
	question question
	asks     []ask
	until    time.Time
	gone     *time.Timer // drops it
	key      string      // opens the page to one browser, once

	status  Status
	spent   bool   // an answer was taken
	code    string // response_code that must come back before the result counts
	number  string // that must be typed before it does: see match.go
	tries   int    // wrong numbers
	checks  []credential.Check
	claims  map[string]any
	failure string // the wallet's own error code, and its words
	words   string
	signed  []Transaction
	kept    []openid4vp.Presented      // what records are made of
	types   map[string]credential.Type // by Credential Query: names for the page
	answer  ask                        // that was answered
	// refused is the last answer that did not open: it changes nothing, but
	// whoever waits should learn why nothing happens.
	refused []credential.Check
}

// sessions is the store. All its methods may run concurrently.
type sessions struct {
	now func() time.Time

	mu       sync.Mutex
	byID     map[string]*session
	byHandle map[string]*session
}

func newSessions(now func() time.Time) *sessions {
	return &sessions{now: now, byID: map[string]*session{}, byHandle: map[string]*session{}}
}

// add keeps a session until nobody can wait for it; errFull when there is no
// room even after clearing.
func (s *sessions) add(n *session) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.byID) >= maxSessions {
		s.clear()
	}
	if len(s.byID) >= maxSessions {
		return errFull
	}
	s.byID[n.id] = n
	for _, a := range n.asks {
		s.byHandle[a.handle] = n
	}
	// Claims leave the memory when they leave the page. A timer that was stopped may
	// lie with the runtime for a while: it holds a name, not the session.
	id := n.id
	n.gone = time.AfterFunc(n.until.Sub(s.now())+retention, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if n, ok := s.byID[id]; ok {
			s.drop(n)
		}
	})
	return nil
}

// clear makes room: requests that ended unanswered are of use to nobody.
func (s *sessions) clear() {
	now := s.now()
	for _, old := range s.byID {
		if !now.Before(old.until) && !old.spent {
			s.drop(old)
		}
	}
}

// drop forgets a session, and its timer with it.
func (s *sessions) drop(n *session) {
	n.gone.Stop()
	delete(s.byID, n.id)
	for _, a := range n.asks {
		delete(s.byHandle, a.handle)
	}
}

// open finds what a wallet may still fetch or answer.
func (s *sessions) open(handle string) (ask, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, a, err := s.find(handle)
	return a, err
}

func (s *sessions) find(handle string) (*session, ask, error) {
	n, ok := s.byHandle[handle]
	switch {
	case !ok:
		return nil, ask{}, errUnknown
	case n.spent:
		return nil, ask{}, errSpent
	case !s.now().Before(n.until):
		return nil, ask{}, errExpired
	}
	for _, a := range n.asks {
		if a.handle == handle {
			return n, a, nil
		}
	}
	return nil, ask{}, errUnknown
}

// spend takes the answer of one wallet, once for all asks of the session.
func (s *sessions) spend(handle string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, _, err := s.find(handle)
	if err != nil {
		return err
	}
	n.spent = true
	return nil
}

// outcome is what an answer led to.
type outcome struct {
	ok      bool
	checks  []credential.Check
	claims  map[string]any
	failure string
	words   string
	signed  []Transaction
	kept    []openid4vp.Presented
	types   map[string]credential.Type
	code    string // "" when the result counts at once
	number  string // "" when nobody need type it
}

// word names an outcome.
func (o outcome) word() string {
	switch {
	case o.ok:
		return string(Verified)
	case o.failure != "":
		return "declined"
	}
	return string(Rejected)
}

// settle writes the outcome of the answer that spend took.
func (s *sessions) settle(handle string, o outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, ok := s.byHandle[handle]
	if !ok {
		return // forgotten meanwhile: nobody waits
	}
	n.checks, n.claims, n.failure, n.words, n.signed, n.code, n.number = o.checks, o.claims, o.failure, o.words, o.signed, o.code, o.number
	n.status = Rejected
	if o.ok {
		n.status, n.kept, n.types = Verified, o.kept, o.types
	}
	for _, a := range n.asks {
		if a.handle == handle {
			n.answer = a
		}
	}
}

// note keeps why an answer did not open.
func (s *sessions) note(handle string, checks []credential.Check) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n, ok := s.byHandle[handle]; ok && !n.spent {
		n.refused = checks
	}
}

// land takes the response_code that came back with a browser, or with the
// relying party that ordered the request. In the right session it makes the
// result count; anywhere else it rejects the result.
func (s *sessions) land(id, code string, browser [32]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, ok := s.byID[id]
	if !ok || n.code == "" || n.number != "" || !s.now().Before(n.until) || subtle.ConstantTimeCompare([]byte(n.code), []byte(code)) != 1 {
		return errUnknown
	}
	n.code = ""
	if n.browser != browser {
		n.status, n.claims, n.signed, n.kept = Rejected, nil, nil, nil
		n.checks = append(n.checks, credential.Check{Name: checkSession, Detail: "the answer came back in another browser session"})
		return errUnknown
	}
	n.checks = append(n.checks, credential.Check{Name: checkSession, OK: true})
	return nil
}

const checkSession = "same session"

// Result is what the page and the command show.
type Result struct {
	Status Status         `json:"status"`
	Claims map[string]any `json:"claims,omitempty"` // by Credential Query
	// LeftOut are the Credential Queries of which a presentation did not count, though
	// the question is answered without it; Checks say why.
	LeftOut []string           `json:"left_out,omitempty"`
	Checks  []credential.Check `json:"checks"`
	Error   string             `json:"error,omitempty"` // the wallet's own, when it declined
	Words   string             `json:"error_description,omitempty"`
	// Waiting says what a pending result waits for when it was answered: a number
	// to be typed, or the browser to come back.
	Waiting string `json:"waiting_for,omitempty"`
	// Transactions are those that were authorized.
	Transactions []Transaction `json:"transactions,omitempty"`
}

// Transaction is one, as it was shown and signed for.
type Transaction struct {
	Type    string         `json:"type"`
	Details map[string]any `json:"details"`
	Hash    string         `json:"hash"`
	order   []openid4vp.Detail
}

// result answers for a session; anything is pending until its answer counts,
// and an answer whose response_code never came back expires.
func (s *sessions) result(id string) (Result, *session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, ok := s.byID[id]
	now := s.now()
	if !ok || now.After(n.until.Add(retention)) {
		return Result{}, nil, errUnknown
	}
	copied := *n
	checks := append([]credential.Check{}, n.checks...)
	switch {
	case n.status != Pending && n.code == "":
		return Result{Status: n.status, Claims: n.claims, LeftOut: leftOut(n.kept), Checks: checks, Error: n.failure, Words: n.words, Transactions: n.signed}, &copied, nil
	case !now.Before(n.until):
		return Result{Status: Expired, Checks: []credential.Check{}}, &copied, nil
	}
	r := Result{Status: Pending, Checks: append([]credential.Check{}, n.refused...)}
	if n.number != "" {
		r.Waiting = "number"
	} else if n.code != "" {
		r.Waiting = "return"
	}
	return r, &copied, nil
}

// leftOut are the questions of which a presentation did not count.
func leftOut(kept []openid4vp.Presented) (ids []string) {
	for _, p := range kept {
		if !p.OK && !slices.Contains(ids, p.Query) {
			ids = append(ids, p.Query)
		}
	}
	return ids
}

// hashCookie is what the store keeps of a browser's cookie.
func hashCookie(value string) [32]byte {
	return sha256.Sum256([]byte("mydata/verifier-session/v1\x00" + value))
}

// token is 26 letters and digits, 128 bits and more of chance.
func token() string { return rand.Text() }

func (s *sessions) idOf(handle string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n, ok := s.byHandle[handle]; ok {
		return n.id
	}
	return ""
}

// paged tells whether a page shows the result.
func (s *sessions) paged(handle string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, ok := s.byHandle[handle]
	return ok && (n.key != "" || n.browser != [32]byte{})
}

func (s *sessions) returnTo(handle string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n, ok := s.byHandle[handle]; ok {
		return n.question.returnURI
	}
	return ""
}
