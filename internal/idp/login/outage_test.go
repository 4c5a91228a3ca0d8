package login_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/account/accounttest"
	"github.com/govmydata/mydata/internal/idp/login"
	"github.com/govmydata/mydata/internal/web"
)

type diskFull struct{}

func (diskFull) Error() string     { return "the disk is full" }
func (diskFull) Unavailable() bool { return true }

// dark is a store that cannot answer one kind of question.
type dark struct {
	account.Store
	op string
}

func (d *dark) Session(ctx context.Context, hash string, now time.Time) (account.SessionRow, error) {
	if d.op == "session" {
		return account.SessionRow{}, diskFull{}
	}
	return d.Store.Session(ctx, hash, now)
}

func (d *dark) Passkeys(ctx context.Context, citizen string) ([]account.PasskeyRow, error) {
	if d.op == "passkeys" {
		return nil, diskFull{}
	}
	return d.Store.Passkeys(ctx, citizen)
}

func (d *dark) PutCeremony(ctx context.Context, c account.CeremonyRow, now time.Time) error {
	if d.op == "ceremony" {
		return diskFull{}
	}
	return d.Store.PutCeremony(ctx, c, now)
}

func (d *dark) EndSession(ctx context.Context, hash string) error {
	if d.op == "end" {
		return diskFull{}
	}
	return d.Store.EndSession(ctx, hash)
}

// tight is a Limits of so much for each budget.
type tight struct{ each, taken map[string]int }

type usedUp struct{}

func (usedUp) Error() string             { return "used up" }
func (usedUp) RetryAfter() time.Duration { return 30 * time.Second }

func (l *tight) Take(_ context.Context, budget, whom string) error {
	if n, ok := l.each[budget]; ok && l.taken[budget] >= n || whom != "" {
		return usedUp{}
	}
	l.taken[budget]++
	return nil
}

func (l *tight) Return(_ context.Context, budget, _ string) { l.taken[budget]-- }

func newSiteOver(t *testing.T, limits login.Limits) (*site, *dark) {
	t.Helper()
	s := &site{Bench: accounttest.New(t), desk: &desk{}}
	d := &dark{Store: s.Store}
	var err error
	s.Accounts, err = account.New(account.Options{
		Store: d, Register: accounttest.Register(t), RP: accounttest.RP, Officers: s.Officers, PairwiseSecret: make([]byte, 32),
		Now: s.Now, Development: true, Replaced: func(context.Context, string) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	frame := web.New(web.Options{Service: "idp", Development: true, Logger: slog.New(slog.DiscardHandler)})
	mux := http.NewServeMux()
	(&login.Handler{Frame: frame, Accounts: s.Accounts, OAuth: s.desk, Limits: limits}).Mount(mux)
	s.server = httptest.NewServer(frame.Handler(mux))
	t.Cleanup(s.server.Close)
	return s, d
}

func TestOutage(t *testing.T) {
	s, d := newSiteOver(t, nil)
	p, _ := s.Person(t, "resident-01", false)
	b := s.open(t)
	if r := b.login(p, ""); r.status != 200 {
		t.Fatalf("login: %+v", r)
	}
	for _, tt := range []struct {
		name, op string
		ask      func() reply
	}{
		{"it does not take a session that cannot be read for none", "session", func() reply { return b.do("GET", "/login", "", "Accept", "text/html") }},
		{"it says so before the passkey is asked", "ceremony", func() reply { return b.do("POST", "/login/options", `{}`) }},
		{"it does not call the right passkey wrong", "passkeys", func() reply {
			d.op = ""
			o := b.do("POST", "/login/options", `{}`)
			d.op = "passkeys"
			return b.do("POST", "/login/finish", credential(p.Get(t, json.RawMessage(o.body))))
		}},
	} {
		d.op = tt.op
		if r := tt.ask(); r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" {
			t.Errorf("%s: %d %s", tt.name, r.status, r.body)
		}
		d.op = ""
	}
	before := b.cookie(web.SessionCookie)
	for name, fail := range map[string]func(bool){
		"it goes on with the session before where clients cannot be told of another": func(now bool) {
			if s.desk.fault = nil; now {
				s.desk.fault = diskFull{}
			}
		},
		"it goes on with the session before where that cannot be ended": func(now bool) {
			if d.op = ""; now {
				d.op = "end"
			}
		},
	} {
		fail(true)
		if r := b.login(p, ""); r.status != http.StatusServiceUnavailable || b.cookie(web.SessionCookie) != before {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
		fail(false)
	}
	if r := b.login(p, ""); r.status != 200 || b.cookie(web.SessionCookie) == before {
		t.Errorf("afterwards: %+v", r)
	}
}

func TestLimits(t *testing.T) {
	limited := func(t *testing.T, r reply) {
		t.Helper()
		if r.status != http.StatusTooManyRequests || r.header.Get("Retry-After") != "30" {
			t.Errorf("%d, Retry-After %q: %s", r.status, r.header.Get("Retry-After"), r.body)
		}
	}
	t.Run("it bounds the logins that are begun", func(t *testing.T) {
		s, _ := newSiteOver(t, &tight{map[string]int{"login": 2}, map[string]int{}})
		b := s.open(t)
		for range 2 {
			if r := b.do("POST", "/login/options", `{}`); r.status != 200 {
				t.Fatal(r.body)
			}
		}
		limited(t, b.do("POST", "/login/options", `{}`))
	})
	t.Run("it bounds wrong answers, and charges nothing for right ones", func(t *testing.T) {
		l := &tight{map[string]int{"login_fail": 2}, map[string]int{}}
		s, d := newSiteOver(t, l)
		p, _ := s.Person(t, "resident-01", false)
		b := s.open(t)
		for range 3 {
			if r := b.login(p, ""); r.status != 200 {
				t.Fatal(r.body)
			}
		}
		o := b.do("POST", "/login/options", `{}`)
		d.op = "passkeys" // nor for what is not the person's fault
		if r := b.do("POST", "/login/finish", credential(p.Get(t, json.RawMessage(o.body)))); r.status != 503 {
			t.Error(r.status)
		}
		d.op = ""
		if n := l.taken["login_fail"]; n != 0 {
			t.Errorf("%d were charged", n)
		}
		p.Auth.Options.UserNotVerified = true
		for range 2 {
			if r := b.login(p, ""); r.status != 400 {
				t.Fatal(r.body)
			}
		}
		p.Auth.Options.UserNotVerified = false
		limited(t, b.login(p, "")) // the right one, unheard
	})
}
