package oauth_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/oauth"
)

func (f *faulty) UnseenLogins(ctx context.Context, before, now time.Time, most int) (all []oauth.Login, err error) {
	err = f.do("UnseenLogins", func() (err error) { all, err = f.Store.UnseenLogins(ctx, before, now, most); return err })
	return all, err
}

func (f *faulty) MoveLogins(ctx context.Context, from, to string) error {
	return f.do("MoveLogins", func() error { return f.Store.MoveLogins(ctx, from, to) })
}

func (f *faulty) EndSession(ctx context.Context, session string, now time.Time) error {
	return f.do("EndSession", func() error { return f.Store.EndSession(ctx, session, now) })
}

func (f *faulty) EndCitizen(ctx context.Context, citizen string, now time.Time) error {
	return f.do("EndCitizen", func() error { return f.Store.EndCitizen(ctx, citizen, now) })
}

func (f *faulty) DueLogouts(ctx context.Context, now, until time.Time, most int) (all []oauth.Logout, err error) {
	err = f.do("DueLogouts", func() (err error) { all, err = f.Store.DueLogouts(ctx, now, until, most); return err })
	if err != nil {
		all = nil
	}
	return all, err
}

func (f *faulty) LogoutTold(ctx context.Context, id string) error {
	return f.do("LogoutTold", func() error { return f.Store.LogoutTold(ctx, id) })
}

func (f *faulty) LogoutLater(ctx context.Context, id string, tries int, next time.Time) error {
	return f.do("LogoutLater", func() error { return f.Store.LogoutLater(ctx, id, tries, next) })
}

// TestLogoutFaults breaks each write on the way from a session's end to the
// clients' hearing of it: they hear, in the end, at least once.
//
//clause:as Back-Channel Logout 1.0, 2.1 to 2.5: discovery; `sid` in id_tokens; the logout token's typ, claims and life; POST, 200 and 204, retries with backoff from rows, no redirect followed
func TestLogoutFaults(t *testing.T) {
	for _, kept := range []bool{false, true} {
		way := map[bool]string{false: "lost", true: "kept although it failed"}[kept]
		for _, c := range []struct {
			name, op string
			status   int // of the client, at first
			do       func(h *hub) error
			most     int // times that the client hears
		}{
			{"a session's end", "EndSession", 200, func(h *hub) error { return h.oauth.EndSession(h.t.Context(), "s") }, 1},
			{"the end of a citizen's sessions", "EndCitizen", 200, func(h *hub) error { return h.oauth.RevokeCitizen(h.t.Context(), "ada") }, 1},
			{"a session's going on in another", "MoveLogins", 200, func(h *hub) error {
				return errors.Join(h.oauth.Replaced(h.t.Context(), "s", "t"), h.oauth.EndSession(h.t.Context(), "t"))
			}, 1},
			{"the look at logins", "UnseenLogins", 200, func(h *hub) error { h.pass(time.Hour); return h.oauth.TellLogouts(h.t.Context()) }, 1},
			{"the end of what ended unnoticed", "EndSession", 200, func(h *hub) error { h.pass(time.Hour); return h.oauth.TellLogouts(h.t.Context()) }, 1},
			{"the lease of what is due", "DueLogouts", 200, func(h *hub) error {
				return errors.Join(h.oauth.EndSession(h.t.Context(), "s"), h.oauth.TellLogouts(h.t.Context()))
			}, 1},
			{"the note that a client heard", "LogoutTold", 200, func(h *hub) error {
				return errors.Join(h.oauth.EndSession(h.t.Context(), "s"), h.oauth.TellLogouts(h.t.Context()))
			}, 2},
			{"the note that a client did not hear", "LogoutLater", 503, func(h *hub) error {
				return errors.Join(h.oauth.EndSession(h.t.Context(), "s"), h.oauth.TellLogouts(h.t.Context()))
			}, 2},
		} {
			t.Run(c.name+" "+way+": it says that it failed, and the client hears at the next try", func(t *testing.T) {
				f, l := &faulty{}, newListener(t)
				h := newHub(t, func(o *oauth.Config) {
					f.Store = o.Store
					o.Store = f
					o.SessionLives = func(context.Context, string) (bool, error) { return false, nil }
				})
				h.sessionID = "s"
				h.party("one", l).login(t)
				l.answers(c.status)
				f.fail(c.op, kept)
				if err := c.do(h); !errors.Is(err, errDisk) {
					t.Errorf("it said %v", err)
				}
				f.fail("", false)
				l.answers(http.StatusOK)
				_ = c.do(h)
				for range 3 {
					h.pass(11 * time.Minute)
					check(t, h.oauth.TellLogouts(t.Context()))
				}
				if n := len(l.heard()); n < 1 || n > c.most {
					t.Errorf("the client heard %d times", n)
				}
			})
		}
	}
}
