package citizen_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/govmydata/mydata/conformance/citizen"
	"github.com/govmydata/mydata/conformance/stage"
	"github.com/govmydata/mydata/conformance/wallet"
)

func TestMain(m *testing.M) {
	code := m.Run()
	stage.RemovePrograms()
	os.Exit(code)
}

// TestWalk is the whole story without a browser.
func TestWalk(t *testing.T) {
	s := stage.Run(t, stage.Options{})
	ctx, licence := t.Context(), s.URL(stage.Licence)
	letter, err := s.Letter(ctx, "resident-01", false)
	if err != nil {
		t.Fatal(err)
	}
	config, err := citizen.WalletConfig(s.Path("trust"), s.URL(stage.Wallet))
	if err != nil {
		t.Fatal(err)
	}
	c, w := citizen.New(s.URL(stage.IDP), "resident-01"), wallet.New(config)
	var grant string
	var page citizen.Page
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"it enrols by the letter's link", func() error { return c.Enrol(ctx, letter.URL) }},
		{"it enrols again without harm", func() error { return c.Enrol(ctx, letter.Code) }},
		{"it receives a mobile ID by an offer", func() error { _, err := c.Receive(ctx, w); return err }},
		{"it receives a mobile ID by login, from another browser", func() error {
			c.Forget()
			_, err := c.ReceiveByLogin(ctx, w)
			return err
		}},
		{"it proves it", func() error {
			status, err := c.Prove(ctx, s.URL(stage.Verifier), w)
			if status != "verified" {
				t.Errorf("status %q", status)
			}
			return err
		}},
		{"it asks for a renewal", func() (err error) { page, err = c.Ask(ctx, licence); return err }},
		{"it signs twice and goes on once", func() error {
			first, err := c.Sign(ctx, page)
			if err != nil {
				return err
			}
			second, err := c.Sign(ctx, page)
			if err != nil {
				return err
			}
			if first != second {
				t.Errorf("%s, then %s", first, second)
			}
			page, err = c.Open(ctx, first)
			return err
		}},
		{"it has renewed", func() (err error) { grant, err = citizen.Grant(page); return err }},
		{"it renews with an optional claim", func() error { _, err := c.Renew(ctx, licence, "checked_on"); return err }},
		{"it uses the grant again", func() error { return c.Again(ctx, licence, grant) }},
		{"it renews once more", func() (err error) { grant, err = c.Renew(ctx, licence); return err }},
		{"it has a receipt", func() error {
			receipt, err := c.Receipt(ctx, grant)
			if !bytes.Contains(receipt, []byte(grant)) {
				t.Error("of another grant")
			}
			return err
		}},
		{"it withdraws", func() error { return c.Withdraw(ctx, grant) }},
		{"it withdraws again without harm", func() error { return c.Withdraw(ctx, grant) }},
		{"it adds a passkey", func() error { return c.AddPasskey(ctx) }},
		{"it removes a passkey", func() error { return c.RemovePasskey(ctx, citizen.ID(c.Phone.Keys[0])) }},
		{"it denies", func() error {
			if page, err = c.Ask(ctx, licence); err != nil {
				return err
			}
			if _, err = c.Deny(ctx, page); citizen.Refused(err, 409) {
				return nil
			}
			return err
		}},
		{"it logs out and in", func() error {
			if err := c.Logout(ctx); err != nil {
				return err
			}
			return c.Login(ctx)
		}},
	} {
		t.Run(step.name, func(t *testing.T) {
			if err := step.do(); err != nil {
				t.Fatal(err)
			}
		})
		if t.Failed() {
			return
		}
	}
	t.Run("it is refused the use of what was withdrawn", func(t *testing.T) {
		if err := c.Again(ctx, licence, grant); !citizen.Refused(err, 409) {
			t.Fatal(err)
		}
	})
	t.Run("it finds everything on its dashboard", func(t *testing.T) { shows(t, c, grant) })
	grants, err := c.Renewals(ctx, licence)
	if err != nil || len(grants) == 0 {
		t.Errorf("the agency shows %v, %v", grants, err)
	}
}

func shows(t *testing.T, c *citizen.Citizen, grant string) {
	ctx := t.Context()
	cards, err1 := c.Credentials(ctx)
	one, err2 := c.Consent(ctx, grant)
	history, err3 := c.History(ctx)
	keys, err4 := c.Passkeys(ctx)
	for _, err := range []error{err1, err2, err3, err4} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(cards) != 2 || cards[0].ID == "" || one.State != "withdrawn" || one.Withdrawable || len(history) == 0 || len(keys) != 1 {
		t.Errorf("cards %+v, consent %+v, %d events, passkeys %+v", cards, one, len(history), keys)
	}
	if err := c.Revoke(ctx, cards[0].ID); err != nil {
		t.Error(err)
	}
}
