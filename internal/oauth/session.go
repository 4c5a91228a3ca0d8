package oauth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"time"

	"github.com/govmydata/mydata/internal/registry"
)

// Session is a browser's single sign-on session.
type Session struct {
	ID       string // never told to clients
	Citizen  string
	AuthTime time.Time
	AMR      []string
}

// Login is a client at which somebody is logged in by one of our sessions, and
// which wants to hear of its end (OpenID Connect Back-Channel Logout 1.0, 2.3).
type Login struct {
	SID     string // as the client knows it
	Session string
	Citizen string
	Client  string
	Subject string
}

// Logout is the end of a login that its client is still to be told of.
type Logout struct {
	ID      string // the token's jti
	Client  string
	Subject string
	SID     string
	Tries   int
	Ended   time.Time
}

// LogoutStore is the part of Store that keeps logins and their ends. A grant with a
// SID is kept together with its login, by one write.
type LogoutStore interface {
	// Logins are those of a citizen. UnseenLogins are up to most that nobody looked
	// at since before; now somebody did.
	Logins(ctx context.Context, citizen string) ([]Login, error)
	UnseenLogins(ctx context.Context, before, now time.Time, most int) ([]Login, error)
	// MoveLogins hands the logins of a session to the one that took its place.
	MoveLogins(ctx context.Context, from, to string) error
	// EndSession and EndCitizen turn logins into logouts that are due now. Nothing
	// to end is no error.
	EndSession(ctx context.Context, session string, now time.Time) error
	EndCitizen(ctx context.Context, citizen string, now time.Time) error
	// DueLogouts answers up to most that are due, each to one caller alone, who has
	// until then to tell it or to say when it is due again.
	DueLogouts(ctx context.Context, now, until time.Time, most int) ([]Logout, error)
	LogoutTold(ctx context.Context, id string) error
	LogoutLater(ctx context.Context, id string, tries int, next time.Time) error
}

// sid is what a client knows a session by: another at each client, so that two of
// them cannot tell that one person is at both.
func (s *Server) sid(session string, c registry.Client) string {
	if session == "" {
		return ""
	}
	mac := hmac.New(sha256.New, s.Keys.Secret("sid"))
	mac.Write([]byte(session + "\x00" + c.ID))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}

// within notes in a grant by which session it was given, and whether the client is
// to hear of that session's end.
func (s *Server) within(g *Grant, c registry.Client, session string) {
	g.Session = session
	if c.BackchannelLogoutURI != "" && isOpenID(g.Scopes) {
		g.SID = s.sid(session, c)
	}
}

// EndSession has the clients of a session told that it is over; call it before
// the session ends, so that it can be called again.
func (s *Server) EndSession(ctx context.Context, session string) error {
	if session == "" {
		return nil
	}
	if err := s.Store.EndSession(ctx, session, s.now()); err != nil {
		return err
	}
	s.WakeLogouts()
	return nil
}

// Replaced has a session go on in another of the same person.
func (s *Server) Replaced(ctx context.Context, from, to string) error {
	return s.Store.MoveLogins(ctx, from, to)
}

// EndCitizen has every client told at which a citizen is logged in.
func (s *Server) EndCitizen(ctx context.Context, citizen string) error {
	if err := s.Store.EndCitizen(ctx, citizen, s.now()); err != nil {
		return err
	}
	s.WakeLogouts()
	return nil
}

// Ended looks which of a citizen's sessions are over, as when a passkey was
// removed, and has their clients told.
func (s *Server) Ended(ctx context.Context, citizen string) error {
	all, err := s.Store.Logins(ctx, citizen)
	if err != nil {
		return err
	}
	return s.endOver(ctx, all)
}

// endOver ends the logins whose session lives no more.
func (s *Server) endOver(ctx context.Context, all []Login) error {
	if s.SessionLives == nil {
		return nil
	}
	for _, l := range all {
		lives, err := s.SessionLives(ctx, l.Session)
		if err != nil {
			return err
		}
		if lives {
			continue
		}
		if err := s.EndSession(ctx, l.Session); err != nil {
			return err
		}
	}
	return nil
}
