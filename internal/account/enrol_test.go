package account_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/pkg/consent/approval"
)

const somewhere = "192.0.2.7"

func TestOrders(t *testing.T) {
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name   string
		change func(b *bench, o *account.EnrolmentOrder)
		want   error
	}{
		{"it takes an order of two officers", func(*bench, *account.EnrolmentOrder) {}, nil},
		{"it refuses one officer's word", func(_ *bench, o *account.EnrolmentOrder) { o.Orders = o.Orders[:1] }, account.ErrOrder},
		{"it refuses one officer signing twice", func(_ *bench, o *account.EnrolmentOrder) { o.Orders[1] = o.Orders[0] }, account.ErrOrder},
		{"it refuses a stranger's signature", func(b *bench, o *account.EnrolmentOrder) {
			_, salt, order := account.PrepareOrder(o.Resident, false, b.now)
			o.Salt, o.Orders = salt, nil
			for _, key := range []crypto.Signer{b.officers[0], stranger} {
				jws, err := approval.SignOrder(order, key)
				if err != nil {
					t.Fatal(err)
				}
				o.Orders = append(o.Orders, jws)
			}
		}, account.ErrOrder},
		{"it refuses an order turned to somebody else", func(_ *bench, o *account.EnrolmentOrder) { o.Resident = "resident-02" }, account.ErrOrder},
		{"it refuses an order with another salt", func(_ *bench, o *account.EnrolmentOrder) { o.Salt[0] ^= 1 }, account.ErrOrder},
		{"it refuses an expired order", func(b *bench, _ *account.EnrolmentOrder) { b.now = b.now.Add(account.CodeLife) }, account.ErrOrder},
		{"it refuses an order from the future", func(b *bench, _ *account.EnrolmentOrder) { b.now = b.now.Add(-time.Hour) }, account.ErrOrder},
		{"it refuses a resident whom the register does not know", func(b *bench, o *account.EnrolmentOrder) {
			_, other, err := account.SignedOrder("resident-99", false, b.now, b.officers)
			if err != nil {
				t.Fatal(err)
			}
			*o = other
		}, account.ErrNotFound},
		{"it refuses a long-lived order", func(b *bench, o *account.EnrolmentOrder) {
			_, salt, order := account.PrepareOrder(o.Resident, false, b.now)
			order.Expires++
			o.Salt, o.Orders = salt, nil
			for _, key := range b.officers {
				jws, err := approval.SignOrder(order, key)
				if err != nil {
					t.Fatal(err)
				}
				o.Orders = append(o.Orders, jws)
			}
		}, account.ErrOrder},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			_, o, err := account.SignedOrder("resident-01", false, b.now, b.officers)
			if err != nil {
				t.Fatal(err)
			}
			c.change(b, &o)
			is(t, "enrol", b.Enrol(t.Context(), o), c.want)
		})
	}
}

func TestReplacing(t *testing.T) {
	b := newBench(t)
	p, s := b.enrol(t, "resident-01", false)
	token, _ := b.login(t, p)
	_, o, err := account.SignedOrder("resident-01", false, b.now, b.officers)
	is(t, "order", err, nil)
	is(t, "enrolling twice without replacing", b.Enrol(t.Context(), o), account.ErrEnrolled)

	b.broken = errors.New("issuer is away")
	code, o, err := account.SignedOrder("resident-01", true, b.now, b.officers)
	is(t, "order", err, nil)
	is(t, "an order whose revocations fail", b.Enrol(t.Context(), o), b.broken)
	_, err = b.Session(t.Context(), token)
	is(t, "the lost device's session", err, account.ErrNotFound)
	options, err := b.BeginLogin(t.Context(), p.browser)
	is(t, "begin login", err, nil)
	_, _, err = b.FinishLogin(t.Context(), p.browser, p.get(t, options))
	is(t, "the lost device's login", err, account.ErrAssertion)

	fresh := newPhone()
	finish := func() error {
		options, err := b.BeginEnrolment(t.Context(), fresh.browser, somewhere, code)
		is(t, "begin", err, nil)
		_, got, err := b.FinishEnrolment(t.Context(), fresh.browser, code, userAgent, fresh.create(t, options))
		if err == nil && got.Citizen != s.Citizen {
			t.Error("another citizen after the loss")
		}
		return err
	}
	is(t, "a new passkey before the revocations", finish(), b.broken)
	b.broken = nil
	is(t, "a new passkey after them", finish(), nil)
}

func TestCodes(t *testing.T) {
	begin := func(b *bench, address, code string) error {
		_, err := b.BeginEnrolment(t.Context(), "browser", address, code)
		return err
	}
	cases := []struct {
		name string
		try  func(t *testing.T, b *bench, code string) error
		want error
	}{
		{"it takes the code", func(_ *testing.T, b *bench, code string) error { return begin(b, somewhere, code) }, nil},
		{"it takes the code as people type it", func(_ *testing.T, b *bench, code string) error {
			code = strings.ToLower(code)
			return begin(b, somewhere, " "+code[:4]+"-"+code[4:8]+" "+code[8:])
		}, nil},
		{"it refuses an unknown code", func(_ *testing.T, b *bench, _ string) error { return begin(b, somewhere, "AAAABBBBCCCC") }, account.ErrCode},
		{"it refuses an empty code", func(_ *testing.T, b *bench, _ string) error { return begin(b, somewhere, "") }, account.ErrCode},
		{"it refuses a huge code", func(_ *testing.T, b *bench, code string) error {
			return begin(b, somewhere, code+strings.Repeat(" ", 1000))
		}, account.ErrCode},
		{"it refuses an expired code", func(_ *testing.T, b *bench, code string) error {
			b.now = b.now.Add(account.CodeLife)
			return begin(b, somewhere, code)
		}, account.ErrCode},
		{"it refuses a code that a newer letter replaced", func(t *testing.T, b *bench, code string) error {
			b.order(t, "resident-01", false)
			return begin(b, somewhere, code)
		}, account.ErrCode},
		{"it refuses a used code", func(t *testing.T, b *bench, code string) error {
			p := newPhone()
			options, err := b.BeginEnrolment(t.Context(), p.browser, somewhere, code)
			is(t, "begin", err, nil)
			_, _, err = b.FinishEnrolment(t.Context(), p.browser, code, "", p.create(t, options))
			is(t, "finish", err, nil)
			return begin(b, somewhere, code)
		}, account.ErrCode},
		{"it gives a code five tries", func(t *testing.T, b *bench, code string) error {
			for range 4 {
				is(t, "a try", begin(b, somewhere, code), nil)
			}
			return begin(b, somewhere, code)
		}, nil},
		{"it refuses a sixth try", func(t *testing.T, b *bench, code string) error {
			for range 5 {
				is(t, "a try", begin(b, somewhere, code), nil)
			}
			return begin(b, somewhere, code)
		}, account.ErrCode},
		{"it stops an address after five wrong codes, even with the right one", func(t *testing.T, b *bench, code string) error {
			for range 5 {
				is(t, "a guess", begin(b, somewhere, "AAAABBBBCCCC"), account.ErrCode)
			}
			is(t, "a sixth guess", begin(b, somewhere, "AAAABBBBCCCC"), account.ErrTooMany)
			return begin(b, somewhere, code)
		}, account.ErrTooMany},
		{"it lets the owner in while others guess", func(t *testing.T, b *bench, code string) error {
			for range 20 {
				_ = begin(b, somewhere, "AAAABBBBCCCC")
			}
			return begin(b, "198.51.100.9", code)
		}, nil},
		{"it forgives an address after a quarter of an hour", func(t *testing.T, b *bench, code string) error {
			for range 6 {
				_ = begin(b, somewhere, "AAAABBBBCCCC")
			}
			b.now = b.now.Add(15 * time.Minute)
			return begin(b, somewhere, code)
		}, nil},
		{"it does not charge the right code to the address", func(t *testing.T, b *bench, code string) error {
			for range 4 {
				is(t, "a try", begin(b, somewhere, code), nil)
			}
			for range 4 {
				is(t, "a guess", begin(b, somewhere, "AAAABBBBCCCC"), account.ErrCode)
			}
			return begin(b, somewhere, code)
		}, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			is(t, "begin", c.try(t, b, b.order(t, "resident-01", false)), c.want)
		})
	}
}

func TestCodeAlphabet(t *testing.T) {
	seen := map[string]bool{}
	for range 200 {
		code, _, _ := account.PrepareOrder("resident-01", false, time.Now())
		if len(code) != 12 || strings.ContainsAny(code, "0O1IL") || strings.ToUpper(code) != code || seen[code] {
			t.Fatalf("code %q", code)
		}
		seen[code] = true
	}
}

func TestFinishEnrolment(t *testing.T) {
	cases := []struct {
		name   string
		change func(b *bench, p *phone, code *string)
		twice  bool
		want   error
	}{
		{"it makes the first passkey", func(*bench, *phone, *string) {}, false, nil},
		{"it takes a challenge once", func(*bench, *phone, *string) {}, true, account.ErrCeremony},
		{"it refuses another browser", func(_ *bench, p *phone, _ *string) { p.browser = "another" }, false, account.ErrCeremony},
		{"it refuses a browser without its cookie", func(_ *bench, p *phone, _ *string) { p.browser = "" }, false, account.ErrCeremony},
		{"it refuses another code", func(_ *bench, _ *phone, code *string) { *code = "AAAABBBBCCCC" }, false, account.ErrCode},
		{"it refuses an answer after five minutes", func(b *bench, _ *phone, _ *string) { b.now = b.now.Add(5 * time.Minute) }, false, account.ErrCeremony},
		{"it refuses an unverified user", func(_ *bench, p *phone, _ *string) { p.auth.Options.UserNotVerified = true }, false, account.ErrAssertion},
		{"it refuses an absent user", func(_ *bench, p *phone, _ *string) { p.auth.Options.UserNotPresent = true }, false, account.ErrAssertion},
		{"it refuses another origin", func(_ *bench, p *phone, _ *string) { p.rp.Origin = "http://evil.example" }, false, account.ErrAssertion},
		{"it refuses another port", func(_ *bench, p *phone, _ *string) { p.rp.Origin = "http://localhost:9999" }, false, account.ErrAssertion},
		{"it refuses another RP ID", func(_ *bench, p *phone, _ *string) { p.rp.ID = "evil.example" }, false, account.ErrAssertion},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b, p := newBench(t), newPhone()
			code := b.order(t, "resident-01", false)
			options, err := b.BeginEnrolment(t.Context(), p.browser, somewhere, code)
			is(t, "begin", err, nil)
			c.change(b, p, &code)
			made := p.create(t, options)
			finish := func() error {
				_, _, err := b.FinishEnrolment(t.Context(), p.browser, code, userAgent, made)
				return err
			}
			if c.twice {
				is(t, "the first time", finish(), nil)
			}
			is(t, "finish", finish(), c.want)
			_, err = b.CitizenOf(t.Context(), "resident-01")
			if made := err == nil; made != (c.want == nil || c.twice) {
				t.Errorf("a citizen was made: %v", made)
			}
		})
	}
}

// Two browsers with one code: one wins, and there is one passkey.
func TestCodeRace(t *testing.T) {
	b := newBench(t)
	code := b.order(t, "resident-01", false)
	phones := []*phone{newPhone(), newPhone()}
	var made []json.RawMessage
	for _, p := range phones {
		options, err := b.BeginEnrolment(t.Context(), p.browser, somewhere, code)
		is(t, "begin", err, nil)
		made = append(made, p.create(t, options))
	}
	_, s, err := b.FinishEnrolment(t.Context(), phones[0].browser, code, "", made[0])
	is(t, "the first", err, nil)
	_, _, err = b.FinishEnrolment(t.Context(), phones[1].browser, code, "", made[1])
	is(t, "the second", err, account.ErrCode)
	keys, err := b.Passkeys(t.Context(), s.Citizen)
	if err != nil || len(keys) != 1 {
		t.Errorf("%d passkeys, %v", len(keys), err)
	}
}

func TestAdmit(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	c, err := b.Admit(ctx, "resident-05")
	is(t, "admit", err, nil)
	again, err := b.Admit(ctx, "resident-05")
	if err != nil || again != c {
		t.Errorf("admitted again: %v, %v", again, err)
	}
	_, err = b.Admit(ctx, "resident-99")
	is(t, "a stranger", err, account.ErrNotFound)
	on, err := b.Enrolled(ctx, "resident-05")
	if err != nil || on {
		t.Errorf("enrolled without a passkey: %v", err)
	}
	_, s := b.enrol(t, "resident-05", false)
	if s.Citizen != c.ID {
		t.Error("enrolment made a second citizen")
	}
	on, err = b.Enrolled(ctx, "resident-05")
	if err != nil || !on {
		t.Errorf("not enrolled: %v", err)
	}
}
