package account_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/account/accounttest"
)

// A confirmation holds once, in one session, for one thing, with a passkey that
// may approve.
func TestStep(t *testing.T) {
	for _, c := range []struct {
		name  string
		cheat func(t *testing.T, b *accounttest.Bench, phone *accounttest.Phone, s account.Session, options json.RawMessage) error
		want  error
	}{
		{"it takes the passkey's answer", func(t *testing.T, b *accounttest.Bench, p *accounttest.Phone, s account.Session, o json.RawMessage) error {
			return b.FinishStep(t.Context(), s, "resume g1", p.Get(t, o))
		}, nil},
		{"it takes it once", func(t *testing.T, b *accounttest.Bench, p *accounttest.Phone, s account.Session, o json.RawMessage) error {
			answer := p.Get(t, o)
			if err := b.FinishStep(t.Context(), s, "resume g1", answer); err != nil {
				t.Fatal(err)
			}
			return b.FinishStep(t.Context(), s, "resume g1", answer)
		}, account.ErrCeremony},
		{"it takes it for that thing alone", func(t *testing.T, b *accounttest.Bench, p *accounttest.Phone, s account.Session, o json.RawMessage) error {
			return b.FinishStep(t.Context(), s, "resume g2", p.Get(t, o))
		}, account.ErrCeremony},
		{"it takes it in that session alone", func(t *testing.T, b *accounttest.Bench, p *accounttest.Phone, _ account.Session, o json.RawMessage) error {
			_, again := b.SignIn(t, p)
			return b.FinishStep(t.Context(), again, "resume g1", p.Get(t, o))
		}, account.ErrCeremony},
		{"it waits not for ever", func(t *testing.T, b *accounttest.Bench, p *accounttest.Phone, s account.Session, o json.RawMessage) error {
			b.Wait(time.Hour)
			return b.FinishStep(t.Context(), s, "resume g1", p.Get(t, o))
		}, account.ErrCeremony},
		{"it takes no passkey of somebody else", func(t *testing.T, b *accounttest.Bench, _ *accounttest.Phone, s account.Session, o json.RawMessage) error {
			other, _ := b.Person(t, "resident-07", false)
			return b.FinishStep(t.Context(), s, "resume g1", other.Get(t, o))
		}, account.ErrAssertion},
		{"it wants the verified user", func(t *testing.T, b *accounttest.Bench, p *accounttest.Phone, s account.Session, o json.RawMessage) error {
			p.Auth.Options.UserNotVerified = true
			return b.FinishStep(t.Context(), s, "resume g1", p.Get(t, o))
		}, account.ErrAssertion},
		{"it takes no login's answer", func(t *testing.T, b *accounttest.Bench, p *accounttest.Phone, s account.Session, _ json.RawMessage) error {
			o, err := b.BeginLogin(t.Context(), p.Browser)
			if err != nil {
				t.Fatal(err)
			}
			return b.FinishStep(t.Context(), s, "resume g1", p.Get(t, o))
		}, account.ErrCeremony},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := accounttest.New(t)
			phone, s := b.Person(t, "resident-01", false)
			options, err := b.BeginStep(t.Context(), s, "resume g1")
			if err != nil {
				t.Fatal(err)
			}
			if err := c.cheat(t, b, phone, s, options); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
	t.Run("it waits until the passkey may approve", func(t *testing.T) {
		b := accounttest.NewStrict(t)
		phone, s := b.Person(t, "resident-01", false)
		if _, err := b.BeginStep(t.Context(), s, "x"); !errors.Is(err, account.ErrYoung) || !errors.Is(b.Mature(t.Context(), s.Citizen), account.ErrYoung) {
			t.Errorf("too early: %v", err)
		}
		b.Wait(73 * time.Hour)
		_, s = b.SignIn(t, phone)
		options, err := b.BeginStep(t.Context(), s, "x")
		if err != nil {
			t.Fatal(err)
		}
		if err := b.FinishStep(t.Context(), s, "x", phone.Get(t, options)); err != nil || b.Mature(t.Context(), s.Citizen) != nil {
			t.Error(err)
		}
	})
}
