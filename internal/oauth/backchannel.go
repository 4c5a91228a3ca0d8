package oauth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/govmydata/mydata/internal/registry"
)

// logoutType is the typ of a logout token, and logoutEvent what it says (OpenID
// Connect Back-Channel Logout 1.0, 2.4).
const (
	logoutType  = "logout+jwt"
	logoutEvent = "http://schemas.openid.net/event/backchannel-logout"
)

// The bounds of telling clients.
const (
	logoutLife     = 2 * time.Minute    // of a token
	logoutPatience = 7 * 24 * time.Hour // then a client that does not listen is given up
	logoutsAtOnce  = 8
	logoutLease    = time.Minute
	logoutLongest  = time.Hour // between two tries
	logoutRefused  = 5         // times that a client may call a token no token
	unseenAfter    = 10 * time.Minute
)

// logoutSaid is what a client answered, as far as it matters.
type logoutSaid struct{ status int }

func (e logoutSaid) Error() string { return fmt.Sprintf("status %d", e.status) }

// WakeLogouts has RunLogouts look now. It never waits.
func (s *Server) WakeLogouts() {
	select {
	case s.ended <- struct{}{}:
	default:
	}
}

// RunLogouts tells clients of ended sessions until ctx ends. Several replicas may.
func (s *Server) RunLogouts(ctx context.Context) {
	ticker := time.NewTicker(5 * time.Second)
	defer ticker.Stop()
	for {
		if err := s.TellLogouts(ctx); err != nil && ctx.Err() == nil {
			s.Logger.WarnContext(ctx, "logouts wait", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-s.ended:
		}
	}
}

// TellLogouts is one round: sessions that ended unnoticed are looked for, and
// every client that is due is told, several at once.
func (s *Server) TellLogouts(ctx context.Context) error {
	now := s.now()
	if s.SessionLives != nil {
		unseen, err := s.Store.UnseenLogins(ctx, now.Add(-unseenAfter), now, 100)
		if err == nil {
			err = s.endOver(ctx, unseen)
		}
		if err != nil {
			return err
		}
	}
	due, err := s.Store.DueLogouts(ctx, now, now.Add(logoutLease), logoutsAtOnce)
	if err != nil {
		return err
	}
	var group sync.WaitGroup
	all := make([]error, len(due))
	for i, l := range due {
		group.Go(func() { all[i] = s.tellLogout(ctx, l) })
	}
	group.Wait()
	if len(due) == logoutsAtOnce {
		s.WakeLogouts() // there may be more, which do not wait for these
	}
	return errors.Join(all...)
}

// tellLogout tells one client, or says when to try again.
func (s *Server) tellLogout(ctx context.Context, l Logout) error {
	client, err := s.Clients.Client(ctx, l.Client)
	if errors.Is(err, registry.ErrUnknown) || err == nil && client.BackchannelLogoutURI == "" {
		return s.Store.LogoutTold(ctx, l.ID) // it does not want to know any more
	}
	failed := err
	if failed == nil {
		failed = s.postLogout(ctx, client, l)
	}
	if failed == nil {
		return s.Store.LogoutTold(ctx, l.ID)
	}
	var said logoutSaid
	refused := errors.As(failed, &said) && said.status == http.StatusBadRequest
	if refused && l.Tries+1 >= logoutRefused || s.now().Sub(l.Ended) > logoutPatience {
		s.Logger.ErrorContext(ctx, "logout given up", "client", l.Client, "jti", l.ID, "try", l.Tries+1, "err", failed)
		return s.Store.LogoutTold(ctx, l.ID)
	}
	s.Logger.WarnContext(ctx, "logout not taken", "client", l.Client, "jti", l.ID, "try", l.Tries+1, "err", failed)
	return s.Store.LogoutLater(ctx, l.ID, l.Tries+1, s.now().Add(logoutPause(l.Tries)))
}

// logoutPause is twice as long each time, half to one and a half of it.
func logoutPause(tries int) time.Duration {
	d := min(time.Second<<min(tries, 12), logoutLongest)
	return d/2 + rand.N(d) //nolint:gosec // G404: a pause keeps no secret
}

// logoutToken says that a session is over, to one client. It has no nonce, or it
// could be taken for an id_token, whose algorithm it has (2.6).
func (s *Server) logoutToken(c registry.Client, l Logout) (string, error) {
	key, err := s.loginKey(c)
	if err != nil {
		return "", err
	}
	now := s.now()
	return s.signed(logoutType, key, map[string]any{
		"iss": s.Issuer, "sub": l.Subject, "aud": l.Client, "iat": now.Unix(), "exp": now.Add(logoutLife).Unix(),
		"jti": l.ID, "sid": l.SID, "events": map[string]any{logoutEvent: struct{}{}},
	})
}

// postLogout is Back-Channel Logout 1.0, 2.5: 200 says that it was done; 204 is what
// some frameworks say (2.8).
func (s *Server) postLogout(ctx context.Context, c registry.Client, l Logout) error {
	token, err := s.logoutToken(c, l)
	if err != nil {
		return err
	}
	body := strings.NewReader(url.Values{"logout_token": {token}}.Encode())
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.BackchannelLogoutURI, body)
	if err != nil {
		return errors.New("the address is no URL")
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := s.clients.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxText))
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusNoContent {
		return logoutSaid{response.StatusCode}
	}
	return nil
}
