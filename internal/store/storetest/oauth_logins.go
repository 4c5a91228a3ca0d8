package storetest

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/oauth"
)

// oauthLogins is what every oauth.LogoutStore must do.
func oauthLogins(t *testing.T, s oauth.Store) {
	ctx := t.Context()
	login := loginOf
	put := func(l oauth.Login, grant string) { putLogin(t, s, l, grant) }
	due := func(at time.Time) []oauth.Logout {
		all, err := s.DueLogouts(ctx, at, at.Add(time.Minute), 10)
		is(t, "due", err, nil)
		return all
	}
	t.Run("it keeps a login with its grant, once, and looks at each in turn", func(t *testing.T) {
		put(login("sid1", "s1", "eve"), "login1")
		put(login("sid1", "s1", "eve"), "login2") // the same again
		put(login("sid2", "s1", "eve"), "login3")
		put(login("sid3", "s2", "eve"), "login4")
		all, err := s.Logins(ctx, "eve")
		is(t, "logins", err, nil)
		same(t, "logins", all, []oauth.Login{login("sid1", "s1", "eve"), login("sid2", "s1", "eve"), login("sid3", "s2", "eve")})
		none, err := s.Logins(ctx, "nobody")
		is(t, "of nobody", err, nil)
		same(t, "of nobody", len(none), 0)
		first, err := s.UnseenLogins(ctx, oauthTime.Add(time.Second), oauthTime.Add(time.Second), 2)
		is(t, "unseen", err, nil)
		rest, err := s.UnseenLogins(ctx, oauthTime.Add(time.Second), oauthTime.Add(time.Second), 2)
		is(t, "unseen", err, nil)
		same(t, "looked at", []int{len(first), len(rest)}, []int{2, 1})
	})
	t.Run("it ends a session once, into what is due to one teller at a time", func(t *testing.T) {
		is(t, "move", s.MoveLogins(ctx, "s2", "s1"), nil)
		is(t, "move nothing", s.MoveLogins(ctx, "none", "s1"), nil)
		is(t, "end nothing", s.EndSession(ctx, "s2", oauthTime), nil)
		same(t, "due before", len(due(oauthTime)), 0)
		atOnce(t, nil, func(int) error { return s.EndSession(ctx, "s1", oauthTime) })
		var told atomic.Int64
		atOnce(t, nil, func(int) error {
			all, err := s.DueLogouts(ctx, oauthTime, oauthTime.Add(time.Minute), 10)
			told.Add(int64(len(all)))
			return err
		})
		same(t, "told", told.Load(), int64(3))
		same(t, "within the lease", len(due(oauthTime.Add(time.Second))), 0)
		again := due(oauthTime.Add(time.Minute))
		same(t, "after it", len(again), 3)
		for i, l := range again {
			same(t, "logout", []any{l.Client, l.Subject, l.Tries, l.Ended.Equal(oauthTime)}, []any{"client", "sub", 0, true})
			if i > 0 {
				is(t, "told", s.LogoutTold(ctx, l.ID), nil)
			}
		}
		is(t, "later", s.LogoutLater(ctx, again[0].ID, 4, oauthTime.Add(time.Hour)), nil)
		same(t, "too early", len(due(oauthTime.Add(59*time.Minute))), 0)
		last := due(oauthTime.Add(time.Hour))
		same(t, "later", []any{len(last), last[0].ID, last[0].Tries}, []any{1, again[0].ID, 4})
		is(t, "told", s.LogoutTold(ctx, last[0].ID), nil)
		is(t, "told twice", s.LogoutTold(ctx, last[0].ID), nil)
		same(t, "nothing is left", len(due(oauthTime.Add(24*time.Hour))), 0)
	})
	oauthLoginsOf(t, s, due)
}

func loginOf(sid, session, citizen string) oauth.Login {
	return oauth.Login{SID: sid, Session: session, Citizen: citizen, Client: "client", Subject: "sub"}
}

func putLogin(t *testing.T, s oauth.Store, l oauth.Login, grant string) {
	t.Helper()
	g := grantOf(grant, l.Citizen)
	g.Session, g.SID = l.Session, l.SID
	is(t, "put", s.PutGrant(t.Context(), g, tokensOf(grant)), nil)
}

func oauthLoginsOf(t *testing.T, s oauth.Store, due func(time.Time) []oauth.Logout) {
	ctx := t.Context()
	t.Run("it ends all logins of a citizen, and nobody else's", func(t *testing.T) {
		putLogin(t, s, loginOf("sid4", "s4", "eve"), "login5")
		putLogin(t, s, loginOf("sid5", "s5", "eve"), "login6")
		putLogin(t, s, loginOf("sid6", "s6", "mallory"), "login7")
		is(t, "end", s.EndCitizen(ctx, "eve", oauthTime), nil)
		all := due(oauthTime)
		same(t, "due", len(all), 2)
		for _, l := range all {
			is(t, "told", s.LogoutTold(ctx, l.ID), nil)
		}
		left, err := s.Logins(ctx, "mallory")
		is(t, "logins", err, nil)
		same(t, "another's", len(left), 1)
	})
}
