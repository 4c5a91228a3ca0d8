package account_test

import (
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/account/accounttest"
)

// TestClockJumps sets the clock an hour forward and back: what was given out by
// the wrong clock does not live on by the right one, and everybody can go on.
func TestClockJumps(t *testing.T) {
	b := accounttest.New(t)
	ctx := t.Context()
	p, _ := b.Person(t, "resident-01", false)
	token, s := b.SignIn(t, p)
	mine, err := b.BeginLogin(ctx, p.Browser)
	is(t, "begin", err, nil)
	answer := p.Get(t, mine)
	code := b.Letter(t, "resident-02", false)

	b.Wait(time.Hour) // forward
	_, _, err = b.FinishLogin(ctx, p.Browser, answer)
	is(t, "a challenge of before", err, account.ErrCeremony)
	_, err = b.Session(ctx, token)
	is(t, "a session of before", err, nil)
	ahead, _ := b.SignIn(t, p)
	theirs, err := b.BeginLogin(ctx, p.Browser)
	is(t, "begin ahead", err, nil)
	second := b.AddPhone(t, s, p)

	b.Wait(-time.Hour) // and back
	_, err = b.Session(ctx, ahead)
	is(t, "a session that would live thirteen hours", err, account.ErrNotFound)
	_, err = b.Session(ctx, token)
	is(t, "the session of before", err, nil)
	_, _, err = b.FinishLogin(ctx, p.Browser, p.Get(t, theirs))
	is(t, "a challenge that would live an hour", err, account.ErrCeremony)
	b.SignIn(t, p)
	b.SignIn(t, second)
	b.AddPhone(t, s, p) // the history of passkeys goes on
	history, err := b.History(ctx, s.Citizen)
	is(t, "history", err, nil)
	for i := 1; i < len(history); i++ {
		if history[i].Event.At.Before(history[i-1].Event.At) {
			t.Error("the history of passkeys runs backwards")
		}
	}

	b.Wait(8 * 24 * time.Hour) // a letter's end
	phone := accounttest.NewPhone()
	_, err = b.BeginEnrolment(ctx, phone.Browser, "192.0.2.7", code)
	is(t, "a letter after its end", err, account.ErrCode)
	b.Wait(-8 * 24 * time.Hour)
	_, err = b.BeginEnrolment(ctx, phone.Browser, "192.0.2.8", code)
	is(t, "the letter, by the right clock", err, nil)
}
