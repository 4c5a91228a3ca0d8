package account_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/account/accounttest"
	"github.com/govmydata/mydata/pkg/consent/approval"
)

func refused(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, account.ErrAssertion) && !errors.Is(err, account.ErrCeremony) && !errors.Is(err, account.ErrCode) {
		t.Errorf("not refused, but: %v", err)
	}
}

// change is a change that waits for its signature: the addition of fresh, or the
// removal of second.
type change struct {
	*accounttest.Bench
	first, second, fresh *accounttest.Phone
	mine, other          account.Session
	options              json.RawMessage
}

func (c *change) active(t *testing.T) int {
	t.Helper()
	keys, err := c.Passkeys(t.Context(), c.mine.Citizen)
	is(t, "passkeys", err, nil)
	return len(keys)
}

func waiting(t *testing.T, op string) *change {
	t.Helper()
	c := &change{Bench: accounttest.New(t), fresh: accounttest.NewPhone()}
	ctx := t.Context()
	c.first, c.mine = c.Person(t, "resident-01", false)
	c.second = c.AddPhone(t, c.mine, c.first)
	_, c.other = c.Person(t, "resident-02", false)
	var err error
	if op == approval.OpRemove {
		c.options, err = c.BeginRemove(ctx, c.mine, c.second.ID())
		is(t, "begin remove", err, nil)
		return c
	}
	made, err := c.BeginAdd(ctx, c.mine)
	is(t, "begin add", err, nil)
	id, err := c.FinishAdd(ctx, c.mine, accounttest.UserAgent, c.fresh.Create(t, made))
	is(t, "finish add", err, nil)
	_, err = c.Change(ctx, c.other, id)
	is(t, "somebody else's look at the change", err, account.ErrCeremony)
	_, err = c.BeginConfirm(ctx, c.other, id)
	is(t, "somebody else's confirmation", err, account.ErrCeremony)
	c.options, err = c.BeginConfirm(ctx, c.mine, id)
	is(t, "begin confirm", err, nil)
	return c
}

//clause:passkeys adding and removing is signed by an existing one; the last stays
func TestChanges(t *testing.T) {
	cases := []struct {
		name string
		do   func(t *testing.T, c *change) error
		want error
	}{
		{"it makes the change that an existing passkey signed", func(t *testing.T, c *change) error {
			return c.FinishChange(t.Context(), c.mine, c.first.Get(t, c.options))
		}, nil},
		{"it refuses the passkey that is not the chosen signer", func(t *testing.T, c *change) error {
			return c.FinishChange(t.Context(), c.mine, c.second.Get(t, c.options))
		}, account.ErrAssertion},
		{"it refuses the new passkey as its own signer", func(t *testing.T, c *change) error {
			c.fresh.RP, c.fresh.Auth.Options.UserHandle = c.first.RP, c.first.Auth.Options.UserHandle
			if len(c.fresh.Cred.ID) == 0 {
				c.fresh.Cred = c.second.Cred
			}
			return c.FinishChange(t.Context(), c.mine, c.fresh.Get(t, c.options))
		}, account.ErrAssertion},
		{"it refuses another session", func(t *testing.T, c *change) error {
			return c.FinishChange(t.Context(), c.other, c.first.Get(t, c.options))
		}, account.ErrCeremony},
		{"it refuses another session of the same citizen", func(t *testing.T, c *change) error {
			_, later := c.SignIn(t, c.second)
			return c.FinishChange(t.Context(), later, c.first.Get(t, c.options))
		}, account.ErrCeremony},
		{"it refuses an unverified user", func(t *testing.T, c *change) error {
			c.first.Auth.Options.UserNotVerified = true
			return c.FinishChange(t.Context(), c.mine, c.first.Get(t, c.options))
		}, account.ErrAssertion},
		{"it refuses another origin", func(t *testing.T, c *change) error {
			c.first.RP.Origin = "http://localhost:9999"
			return c.FinishChange(t.Context(), c.mine, c.first.Get(t, c.options))
		}, account.ErrAssertion},
		{"it refuses an answer after five minutes", func(t *testing.T, c *change) error {
			c.Wait(5 * time.Minute)
			return c.FinishChange(t.Context(), c.mine, c.first.Get(t, c.options))
		}, account.ErrCeremony},
		{"it refuses a change that others have overtaken", func(t *testing.T, c *change) error {
			c.AddPhone(t, c.mine, c.first)
			return c.FinishChange(t.Context(), c.mine, c.first.Get(t, c.options))
		}, account.ErrConflict},
	}
	for _, op := range []string{approval.OpAdd, approval.OpRemove} {
		for _, tc := range cases {
			t.Run(op+": "+tc.name, func(t *testing.T) {
				c := waiting(t, op)
				before := c.active(t)
				is(t, "change", tc.do(t, c), tc.want)
				want := before
				switch {
				case errors.Is(tc.want, account.ErrConflict):
					want++ // the overtaker's
				case tc.want == nil && op == approval.OpAdd:
					want++
				case tc.want == nil:
					want--
				}
				if got := c.active(t); got != want {
					t.Errorf("%d passkeys, want %d", got, want)
				}
			})
		}
	}
}

func TestChangeOnce(t *testing.T) {
	c := waiting(t, approval.OpAdd)
	answer := c.first.Get(t, c.options)
	is(t, "once", c.FinishChange(t.Context(), c.mine, answer), nil)
	is(t, "twice", c.FinishChange(t.Context(), c.mine, answer), account.ErrCeremony)
}

//clause:passkeys adding and removing is signed by an existing one; the last stays
func TestRemoveRefuses(t *testing.T) {
	b := accounttest.New(t)
	ctx := t.Context()
	p, s := b.Person(t, "resident-01", false)
	hers, _ := b.Person(t, "resident-02", false)
	for name, c := range map[string]struct {
		id   string
		want error
	}{
		"it keeps the last passkey":             {p.ID(), account.ErrLastPasskey},
		"it does not know others' passkeys":     {hers.ID(), account.ErrNotFound},
		"it does not know unknown passkeys":     {"unknown", account.ErrNotFound},
		"it does not take an empty id for none": {"", account.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := b.BeginRemove(ctx, s, c.id)
			is(t, "begin remove", err, c.want)
		})
	}
}

// Ten minutes after it was made, a passkey that waits can no longer be signed in,
// though the signature was asked for just before.
func TestChangesEnd(t *testing.T) {
	b, fresh := accounttest.New(t), accounttest.NewPhone()
	ctx := t.Context()
	p, s := b.Person(t, "resident-01", false)
	made, err := b.BeginAdd(ctx, s)
	is(t, "begin add", err, nil)
	id, err := b.FinishAdd(ctx, s, accounttest.UserAgent, fresh.Create(t, made))
	is(t, "finish add", err, nil)
	b.Wait(8 * time.Minute)
	options, err := b.BeginConfirm(ctx, s, id)
	is(t, "begin confirm", err, nil)
	b.Wait(3 * time.Minute)
	is(t, "finish", b.FinishChange(ctx, s, p.Get(t, options)), account.ErrCeremony)
	keys, err := b.Passkeys(ctx, s.Citizen)
	if err != nil || len(keys) != 1 {
		t.Errorf("%d passkeys, %v", len(keys), err)
	}
}

// Who has no passkey has none that signs.
func TestNobodySignsForNobody(t *testing.T) {
	b := accounttest.New(t)
	_, err := b.Remover(t.Context(), account.Session{Citizen: "nobody"}, "")
	is(t, "remover", err, account.ErrNotFound)
}

// The waiting passkey is used up, and only the chosen signer is asked.
func TestConfirmAsksOneAndOnce(t *testing.T) {
	b := accounttest.New(t)
	ctx := t.Context()
	p, s := b.Person(t, "resident-01", false)
	b.AddPhone(t, s, p)
	fresh := accounttest.NewPhone()
	options, err := b.BeginAdd(ctx, s)
	is(t, "begin add", err, nil)
	id, err := b.FinishAdd(ctx, s, "", fresh.Create(t, options))
	is(t, "finish add", err, nil)
	options, err = b.BeginConfirm(ctx, s, id)
	is(t, "begin confirm", err, nil)
	o, err := virtualwebauthn.ParseAssertionOptions(string(options))
	is(t, "options", err, nil)
	if len(o.AllowCredentials) != 1 || o.AllowCredentials[0] != p.ID() {
		t.Errorf("asked: %v", o.AllowCredentials)
	}
	is(t, "change", b.FinishChange(ctx, s, p.Get(t, options)), nil)
	_, err = b.Change(ctx, s, id)
	is(t, "the waiting passkey afterwards", err, account.ErrCeremony)
}

// What agencies would refuse is not committed: here a history whose first event
// no officer known to this hub has ordered.
func TestChangesAreReplayed(t *testing.T) {
	b := accounttest.New(t)
	ctx := t.Context()
	p, s := b.Person(t, "resident-01", false)
	second := b.AddPhone(t, s, p)
	others, err := account.New(account.Options{
		Store: b.Store, Register: accounttest.Register(t), RP: accounttest.RP, PairwiseSecret: make([]byte, 32), Now: b.Now,
		Replaced: func(context.Context, string) error { return nil },
	})
	is(t, "accounts", err, nil)
	options, err := others.BeginRemove(ctx, s, second.ID())
	is(t, "begin remove", err, nil)
	is(t, "change", others.FinishChange(ctx, s, p.Get(t, options)), account.ErrAssertion)
}

// A device that holds a passkey already is told so.
func TestAddExcludes(t *testing.T) {
	b := accounttest.New(t)
	p, s := b.Person(t, "resident-01", false)
	options, err := b.BeginAdd(t.Context(), s)
	is(t, "begin add", err, nil)
	o, err := virtualwebauthn.ParseAttestationOptions(string(options))
	is(t, "options", err, nil)
	if !p.Cred.IsExcludedForAttestation(*o) {
		t.Errorf("not excluded: %s", options)
	}
}

// Two removals at once, of two passkeys by one another, leave one.
func TestRemoveRace(t *testing.T) {
	b := accounttest.New(t)
	ctx := t.Context()
	p1, s1 := b.Person(t, "resident-01", false)
	p2 := b.AddPhone(t, s1, p1)
	_, s2 := b.SignIn(t, p2)
	o1, err := b.BeginRemove(ctx, s1, p2.ID())
	is(t, "begin", err, nil)
	o2, err := b.BeginRemove(ctx, s2, p1.ID())
	is(t, "begin", err, nil)
	is(t, "the first", b.FinishChange(ctx, s1, p1.Get(t, o1)), nil)
	if err := b.FinishChange(ctx, s2, p2.Get(t, o2)); err == nil {
		t.Error("the second removal went through")
	}
	keys, err := b.Passkeys(ctx, s1.Citizen)
	if err != nil || len(keys) != 1 {
		t.Errorf("%d passkeys, %v", len(keys), err)
	}
}

// The passkey of the session that goes is signed out by another one.
func TestRemoveOwn(t *testing.T) {
	b := accounttest.New(t)
	ctx := t.Context()
	p1, s := b.Person(t, "resident-01", false)
	p2 := b.AddPhone(t, s, p1)
	signer, err := b.Remover(ctx, s, p1.ID())
	if err != nil || signer.ID != p2.ID() {
		t.Fatalf("signer %s, %v", signer.ID, err)
	}
	token, s2 := b.SignIn(t, p1)
	options, err := b.BeginRemove(ctx, s2, p1.ID())
	is(t, "begin", err, nil)
	is(t, "by itself", b.FinishChange(ctx, s2, p1.Get(t, options)), account.ErrAssertion)
	options, err = b.BeginRemove(ctx, s2, p1.ID())
	is(t, "begin", err, nil)
	is(t, "by the other", b.FinishChange(ctx, s2, p2.Get(t, options)), nil)
	_, err = b.Session(ctx, token)
	is(t, "its session", err, account.ErrNotFound)
}

func TestApprovals(t *testing.T) {
	b := accounttest.New(t)
	ctx := t.Context()
	p, s := b.Person(t, "resident-01", false)
	hers, other := b.Person(t, "resident-02", false)
	challenge := [32]byte{1, 2, 3}
	options, err := b.AssertionOptions(ctx, s.Citizen, challenge)
	is(t, "options", err, nil)
	var o struct {
		UserVerification string           `json:"userVerification"`
		Allow            []map[string]any `json:"allowCredentials"`
	}
	is(t, "json", json.Unmarshal(options, &o), nil)
	if o.UserVerification != "required" || len(o.Allow) != 1 || o.Allow[0]["id"] != p.ID() {
		t.Errorf("options %s", options)
	}
	assertion, err := account.Assertion(p.Get(t, options))
	is(t, "assertion", err, nil)
	key, history, err := b.PasskeyKey(ctx, s.Citizen, assertion.CredentialID)
	is(t, "key", err, nil)
	if want, err := b.History(ctx, s.Citizen); err != nil || len(want) == 0 || !reflect.DeepEqual(history, want) {
		t.Errorf("history %v, want %v, %v", history, want, err)
	}
	is(t, "verify", accounttest.RP.Verify(assertion, key, challenge), nil)
	if err := accounttest.RP.Verify(assertion, key, [32]byte{9}); err == nil {
		t.Error("it verifies for another challenge")
	}
	_, _, err = b.PasskeyKey(ctx, s.Citizen, hers.Cred.ID)
	is(t, "somebody else's passkey", err, account.ErrNotFound)
	_, _, err = b.PasskeyKey(ctx, other.Citizen, p.Cred.ID)
	is(t, "for somebody else", err, account.ErrNotFound)
	_, err = b.AssertionOptions(ctx, "bm9ib2R5", challenge)
	is(t, "nobody", err, account.ErrNotFound)
	b.Letter(t, "resident-01", true)
	_, _, err = b.PasskeyKey(ctx, s.Citizen, assertion.CredentialID)
	is(t, "after a loss", err, account.ErrNotFound)
}

// Outside development a passkey that officers ordered, and those that it signed
// in, sign in at once and approve after 72 hours.
func TestYoungPasskeysDoNotApprove(t *testing.T) {
	b := accounttest.NewStrict(t)
	ctx := t.Context()
	p, s := b.Person(t, "resident-01", false)
	second := b.AddPhone(t, s, p)
	b.SignIn(t, second)
	b.Wait(72*time.Hour - time.Second)
	for _, phone := range []*accounttest.Phone{p, second} {
		_, err := b.AssertionOptions(ctx, s.Citizen, [32]byte{1})
		is(t, "options", err, account.ErrYoung)
		_, _, err = b.PasskeyKey(ctx, s.Citizen, phone.Cred.ID)
		is(t, "key", err, account.ErrYoung)
	}
	b.Wait(time.Second)
	_, err := b.AssertionOptions(ctx, s.Citizen, [32]byte{1})
	is(t, "options", err, nil)
	_, _, err = b.PasskeyKey(ctx, s.Citizen, p.Cred.ID)
	is(t, "key", err, nil)

	again, s := b.Person(t, "resident-01", true)
	_, _, err = b.PasskeyKey(ctx, s.Citizen, again.Cred.ID)
	is(t, "after a loss", err, account.ErrYoung)
}

func TestDeviceNames(t *testing.T) {
	b := accounttest.New(t)
	p, s := b.Person(t, "resident-01", false)
	keys, err := b.Passkeys(t.Context(), s.Citizen)
	if err != nil || keys[0].Device != "iPhone · Safari" {
		t.Errorf("%+v, %v", keys, err)
	}
	for _, want := range []string{"iPhone · Safari (2)", "iPhone · Safari (3)"} {
		options, err := b.BeginAdd(t.Context(), s)
		is(t, "begin add", err, nil)
		id, err := b.FinishAdd(t.Context(), s, accounttest.UserAgent, accounttest.NewPhone().Create(t, options))
		is(t, "finish add", err, nil)
		c, err := b.Change(t.Context(), s, id)
		if err != nil || c.Device != want {
			t.Errorf("%+v, %v", c, err)
		}
		options, err = b.BeginConfirm(t.Context(), s, id)
		is(t, "begin confirm", err, nil)
		is(t, "confirm", b.FinishChange(t.Context(), s, p.Get(t, options)), nil)
	}
}

// Who has to tell others of ended sessions hears of a removal, after it, and not of
// an addition.
func TestRemovalIsHeard(t *testing.T) {
	b := accounttest.New(t)
	ctx := t.Context()
	p, s := b.Person(t, "resident-01", false)
	second := b.AddPhone(t, s, p)
	_, with := b.SignIn(t, second)
	var heard []string
	var accounts *account.Accounts
	accounts, err := account.New(account.Options{
		Store: b.Store, Register: accounttest.Register(t), RP: accounttest.RP, Officers: b.Officers, PairwiseSecret: make([]byte, 32), Now: b.Now,
		Development: true, Replaced: func(context.Context, string) error { return nil },
		Ended: func(ctx context.Context, citizen string) {
			lives, err := accounts.Lives(ctx, with.ID)
			is(t, "lives", err, nil)
			if lives {
				t.Error("the session lives yet")
			}
			heard = append(heard, citizen)
		},
	})
	is(t, "accounts", err, nil)
	options, err := accounts.BeginRemove(ctx, s, second.ID())
	is(t, "begin", err, nil)
	is(t, "remove", accounts.FinishChange(ctx, s, p.Get(t, options)), nil)
	if len(heard) != 1 || heard[0] != s.Citizen {
		t.Errorf("heard %v", heard)
	}
}
