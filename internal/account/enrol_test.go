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
	"github.com/govmydata/mydata/internal/account/accounttest"
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
		change func(b *accounttest.Bench, o *account.EnrolmentOrder)
		want   error
	}{
		{"it takes an order of two officers", func(*accounttest.Bench, *account.EnrolmentOrder) {}, nil},
		{"it refuses one officer's word", func(_ *accounttest.Bench, o *account.EnrolmentOrder) { o.Orders = o.Orders[:1] }, account.ErrOrder},
		{"it refuses one officer signing twice", func(_ *accounttest.Bench, o *account.EnrolmentOrder) { o.Orders[1] = o.Orders[0] }, account.ErrOrder},
		{"it refuses a stranger's signature", func(b *accounttest.Bench, o *account.EnrolmentOrder) {
			_, salt, order := account.PrepareOrder(o.Resident, false, b.Now())
			o.Salt, o.Orders = salt, nil
			for _, key := range []crypto.Signer{b.Signers[0], stranger} {
				jws, err := approval.SignOrder(order, key)
				if err != nil {
					t.Fatal(err)
				}
				o.Orders = append(o.Orders, jws)
			}
		}, account.ErrOrder},
		{"it refuses an order turned to somebody else", func(_ *accounttest.Bench, o *account.EnrolmentOrder) { o.Resident = "resident-02" }, account.ErrOrder},
		{"it refuses an order with another salt", func(_ *accounttest.Bench, o *account.EnrolmentOrder) { o.Salt[0] ^= 1 }, account.ErrOrder},
		{"it refuses an expired order", func(b *accounttest.Bench, _ *account.EnrolmentOrder) { b.Wait(account.CodeLife) }, account.ErrOrder},
		{"it refuses an order from the future", func(b *accounttest.Bench, _ *account.EnrolmentOrder) { b.Wait(-time.Hour) }, account.ErrOrder},
		{"it refuses a resident whom the register does not know", func(b *accounttest.Bench, o *account.EnrolmentOrder) {
			_, other, err := account.SignedOrder("resident-99", false, b.Now(), b.Signers)
			if err != nil {
				t.Fatal(err)
			}
			*o = other
		}, account.ErrNotFound},
		{"it refuses a long-lived order", func(b *accounttest.Bench, o *account.EnrolmentOrder) {
			_, salt, order := account.PrepareOrder(o.Resident, false, b.Now())
			order.Expires++
			o.Salt, o.Orders = salt, nil
			for _, key := range b.Signers {
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
			b := accounttest.New(t)
			_, o, err := account.SignedOrder("resident-01", false, b.Now(), b.Signers)
			if err != nil {
				t.Fatal(err)
			}
			c.change(b, &o)
			is(t, "enrol", b.Enrol(t.Context(), o), c.want)
		})
	}
}

func TestReplacing(t *testing.T) {
	b := accounttest.New(t)
	p, s := b.Person(t, "resident-01", false)
	token, _ := b.SignIn(t, p)
	_, o, err := account.SignedOrder("resident-01", false, b.Now(), b.Signers)
	is(t, "order", err, nil)
	is(t, "enrolling twice without replacing", b.Enrol(t.Context(), o), account.ErrEnrolled)

	b.Broken = errors.New("issuer is away")
	code, o, err := account.SignedOrder("resident-01", true, b.Now(), b.Signers)
	is(t, "order", err, nil)
	is(t, "an order whose revocations fail", b.Enrol(t.Context(), o), b.Broken)
	_, err = b.Session(t.Context(), token)
	is(t, "the lost device's session", err, account.ErrNotFound)
	options, err := b.BeginLogin(t.Context(), p.Browser)
	is(t, "begin login", err, nil)
	_, _, err = b.FinishLogin(t.Context(), p.Browser, p.Get(t, options))
	is(t, "the lost device's login", err, account.ErrAssertion)

	fresh := accounttest.NewPhone()
	finish := func() error {
		options, err := b.BeginEnrolment(t.Context(), fresh.Browser, somewhere, code)
		is(t, "begin", err, nil)
		_, got, err := b.FinishEnrolment(t.Context(), fresh.Browser, code, accounttest.UserAgent, fresh.Create(t, options))
		if err == nil && got.Citizen != s.Citizen {
			t.Error("another citizen after the loss")
		}
		return err
	}
	is(t, "a new passkey before the revocations", finish(), b.Broken)
	b.Broken = nil
	is(t, "a new passkey after them", finish(), nil)
}

//clause:passkeys one-time codes: 12 characters, 7 days, 5 tries, one answer for every failure
func TestCodes(t *testing.T) {
	begin := func(b *accounttest.Bench, address, code string) error {
		_, err := b.BeginEnrolment(t.Context(), "browser", address, code)
		return err
	}
	cases := []struct {
		name string
		try  func(t *testing.T, b *accounttest.Bench, code string) error
		want error
	}{
		{"it takes the code", func(_ *testing.T, b *accounttest.Bench, code string) error { return begin(b, somewhere, code) }, nil},
		{"it takes the code as people type it", func(_ *testing.T, b *accounttest.Bench, code string) error {
			code = strings.ToLower(code)
			return begin(b, somewhere, " "+code[:4]+"-"+code[4:8]+" "+code[8:])
		}, nil},
		{"it refuses an unknown code", func(_ *testing.T, b *accounttest.Bench, _ string) error { return begin(b, somewhere, "AAAABBBBCCCC") }, account.ErrCode},
		{"it refuses an empty code", func(_ *testing.T, b *accounttest.Bench, _ string) error { return begin(b, somewhere, "") }, account.ErrCode},
		{"it refuses a huge code", func(_ *testing.T, b *accounttest.Bench, code string) error {
			return begin(b, somewhere, code+strings.Repeat(" ", 1000))
		}, account.ErrCode},
		{"it refuses an expired code", func(_ *testing.T, b *accounttest.Bench, code string) error {
			b.Wait(account.CodeLife)
			return begin(b, somewhere, code)
		}, account.ErrCode},
		{"it refuses a code that a newer letter replaced", func(t *testing.T, b *accounttest.Bench, code string) error {
			b.Letter(t, "resident-01", false)
			return begin(b, somewhere, code)
		}, account.ErrCode},
		{"it refuses a used code", func(t *testing.T, b *accounttest.Bench, code string) error {
			p := accounttest.NewPhone()
			options, err := b.BeginEnrolment(t.Context(), p.Browser, somewhere, code)
			is(t, "begin", err, nil)
			_, _, err = b.FinishEnrolment(t.Context(), p.Browser, code, "", p.Create(t, options))
			is(t, "finish", err, nil)
			return begin(b, somewhere, code)
		}, account.ErrCode},
		{"it gives a code five tries", func(t *testing.T, b *accounttest.Bench, code string) error {
			for range 4 {
				is(t, "a try", begin(b, somewhere, code), nil)
			}
			return begin(b, somewhere, code)
		}, nil},
		{"it refuses a sixth try", func(t *testing.T, b *accounttest.Bench, code string) error {
			for range 5 {
				is(t, "a try", begin(b, somewhere, code), nil)
			}
			return begin(b, somewhere, code)
		}, account.ErrCode},
		{"it stops an address after five wrong codes, even with the right one", func(t *testing.T, b *accounttest.Bench, code string) error {
			for range 5 {
				is(t, "a guess", begin(b, somewhere, "AAAABBBBCCCC"), account.ErrCode)
			}
			is(t, "a sixth guess", begin(b, somewhere, "AAAABBBBCCCC"), account.ErrTooMany)
			return begin(b, somewhere, code)
		}, account.ErrTooMany},
		{"it lets the owner in while others guess", func(t *testing.T, b *accounttest.Bench, code string) error {
			for range 20 {
				_ = begin(b, somewhere, "AAAABBBBCCCC")
			}
			return begin(b, "198.51.100.9", code)
		}, nil},
		{"it forgives an address after a quarter of an hour", func(t *testing.T, b *accounttest.Bench, code string) error {
			for range 6 {
				_ = begin(b, somewhere, "AAAABBBBCCCC")
			}
			b.Wait(15 * time.Minute)
			return begin(b, somewhere, code)
		}, nil},
		{"it does not charge a spent code to the address, however often it comes", func(t *testing.T, b *accounttest.Bench, code string) error {
			newer := b.Letter(t, "resident-01", false)
			for range 20 {
				is(t, "a spent code", begin(b, somewhere, code), account.ErrCode)
			}
			return begin(b, somewhere, newer)
		}, nil},
		{"it does not charge the right code to the address", func(t *testing.T, b *accounttest.Bench, code string) error {
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
			b := accounttest.New(t)
			is(t, "begin", c.try(t, b, b.Letter(t, "resident-01", false)), c.want)
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

//clause:passkeys 7.1, 7.2: ceremonies, user verification, challenges once
func TestFinishEnrolment(t *testing.T) {
	cases := []struct {
		name   string
		change func(b *accounttest.Bench, p *accounttest.Phone, code *string)
		twice  bool
		want   error
	}{
		{"it makes the first passkey", func(*accounttest.Bench, *accounttest.Phone, *string) {}, false, nil},
		{"it takes a challenge once", func(*accounttest.Bench, *accounttest.Phone, *string) {}, true, account.ErrCeremony},
		{"it refuses another browser", func(_ *accounttest.Bench, p *accounttest.Phone, _ *string) { p.Browser = "another" }, false, account.ErrCeremony},
		{"it refuses a browser without its cookie", func(_ *accounttest.Bench, p *accounttest.Phone, _ *string) { p.Browser = "" }, false, account.ErrCeremony},
		{"it refuses another code", func(_ *accounttest.Bench, _ *accounttest.Phone, code *string) { *code = "AAAABBBBCCCC" }, false, account.ErrCode},
		{"it refuses an answer after five minutes", func(b *accounttest.Bench, _ *accounttest.Phone, _ *string) { b.Wait(5 * time.Minute) }, false, account.ErrCeremony},
		{"it refuses an unverified user", func(_ *accounttest.Bench, p *accounttest.Phone, _ *string) { p.Auth.Options.UserNotVerified = true }, false, account.ErrAssertion},
		{"it refuses an absent user", func(_ *accounttest.Bench, p *accounttest.Phone, _ *string) { p.Auth.Options.UserNotPresent = true }, false, account.ErrAssertion},
		{"it refuses another origin", func(_ *accounttest.Bench, p *accounttest.Phone, _ *string) { p.RP.Origin = "http://evil.example" }, false, account.ErrAssertion},
		{"it refuses another port", func(_ *accounttest.Bench, p *accounttest.Phone, _ *string) { p.RP.Origin = "http://localhost:9999" }, false, account.ErrAssertion},
		{"it refuses another RP ID", func(_ *accounttest.Bench, p *accounttest.Phone, _ *string) { p.RP.ID = "evil.example" }, false, account.ErrAssertion},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b, p := accounttest.New(t), accounttest.NewPhone()
			code := b.Letter(t, "resident-01", false)
			options, err := b.BeginEnrolment(t.Context(), p.Browser, somewhere, code)
			is(t, "begin", err, nil)
			c.change(b, p, &code)
			made := p.Create(t, options)
			finish := func() error {
				_, _, err := b.FinishEnrolment(t.Context(), p.Browser, code, accounttest.UserAgent, made)
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
	b := accounttest.New(t)
	code := b.Letter(t, "resident-01", false)
	phones := []*accounttest.Phone{accounttest.NewPhone(), accounttest.NewPhone()}
	var made []json.RawMessage
	for _, p := range phones {
		options, err := b.BeginEnrolment(t.Context(), p.Browser, somewhere, code)
		is(t, "begin", err, nil)
		made = append(made, p.Create(t, options))
	}
	_, s, err := b.FinishEnrolment(t.Context(), phones[0].Browser, code, "", made[0])
	is(t, "the first", err, nil)
	_, _, err = b.FinishEnrolment(t.Context(), phones[1].Browser, code, "", made[1])
	is(t, "the second", err, account.ErrCode)
	keys, err := b.Passkeys(t.Context(), s.Citizen)
	if err != nil || len(keys) != 1 {
		t.Errorf("%d passkeys, %v", len(keys), err)
	}
}

// A code that ends between the two halves of the ceremony has ended.
func TestCodeEndsDuringCeremony(t *testing.T) {
	for name, end := range map[string]func(b *accounttest.Bench){
		"it refuses a code that expired":           func(b *accounttest.Bench) { b.Wait(time.Minute) },
		"it refuses a code that a letter replaced": func(b *accounttest.Bench) { b.Letter(t, "resident-01", false) },
	} {
		t.Run(name, func(t *testing.T) {
			b, p := accounttest.New(t), accounttest.NewPhone()
			code := b.Letter(t, "resident-01", false)
			b.Wait(account.CodeLife - time.Minute)
			options, err := b.BeginEnrolment(t.Context(), p.Browser, somewhere, code)
			is(t, "begin", err, nil)
			end(b)
			_, _, err = b.FinishEnrolment(t.Context(), p.Browser, code, "", p.Create(t, options))
			is(t, "finish", err, account.ErrCode)
		})
	}
}

// A provider that may know the resident checks by the salts that officers ordered
// each passkey for this resident and nobody else.
func TestOrderSaltsOpenTheHistory(t *testing.T) {
	b := accounttest.New(t)
	ctx := t.Context()
	p, s := b.Person(t, "resident-01", false)
	b.AddPhone(t, s, p)
	b.Person(t, "resident-01", true)
	history, err := b.History(ctx, s.Citizen)
	is(t, "history", err, nil)
	salts, err := b.OrderSalts(ctx, history)
	is(t, "salts", err, nil)
	if len(history) != 3 || len(salts) != 2 {
		t.Fatalf("%d events, %d salts", len(history), len(salts))
	}
	is(t, "this resident", approval.VerifySubject(history, b.Officers, "resident-01", salts), nil)
	for name, err := range map[string]error{
		"another resident": approval.VerifySubject(history, b.Officers, "resident-03", salts),
		"a salt too few":   approval.VerifySubject(history, b.Officers, "resident-01", salts[:1]),
		"salts mixed up":   approval.VerifySubject(history, b.Officers, "resident-01", []approval.Bytes{salts[1], salts[0]}),
	} {
		var refused *approval.CheckError
		if !errors.As(err, &refused) || refused.Check != approval.CheckOfficers {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Should an order that does not replace outlive the enrolment it was for, it adds
// no passkey to the citizen that there is.
func TestOrderForEnrolledIsDead(t *testing.T) {
	b := accounttest.New(t)
	ctx := t.Context()
	code, _, order := account.PrepareOrder("resident-01", false, b.Now())
	put := func(id string) {
		row := account.OrderRow{CodeHash: order.Code, Resident: "resident-01", Expires: b.Now().Add(time.Hour)}
		is(t, "order", b.Store.Commit(ctx, account.Commit{ID: id, At: b.Now(), Order: &row}), nil)
	}
	late := accounttest.NewPhone()
	put("before")
	options, err := b.BeginEnrolment(ctx, late.Browser, somewhere, code)
	is(t, "begin", err, nil)
	made := late.Create(t, options)
	b.Person(t, "resident-01", false) // which ends the order above

	code2, _, order2 := account.PrepareOrder("resident-01", false, b.Now())
	order = order2
	put("after")
	_, err = b.BeginEnrolment(ctx, "browser", somewhere, code2)
	is(t, "begin on an enrolled resident", err, account.ErrCode)
	_, _, err = b.FinishEnrolment(ctx, late.Browser, code, "", made)
	is(t, "finish on an enrolled resident", err, account.ErrCode)
}

func TestAdmit(t *testing.T) {
	b := accounttest.New(t)
	ctx := t.Context()
	c, err := b.Admit(ctx, "resident-05")
	is(t, "admit", err, nil)
	again, err := b.Admit(ctx, "resident-05")
	if err != nil || again != c {
		t.Errorf("admitted again: %v, %v", again, err)
	}
	p := accounttest.NewPhone()
	code := b.Letter(t, "resident-06", false)
	options, err := b.BeginEnrolment(ctx, p.Browser, somewhere, code)
	is(t, "begin", err, nil)
	_, err = b.Admit(ctx, "resident-06")
	is(t, "admit during the ceremony", err, nil)
	_, _, err = b.FinishEnrolment(ctx, p.Browser, code, "", p.Create(t, options))
	is(t, "finish as somebody else", err, account.ErrConflict)
	options, err = b.BeginEnrolment(ctx, p.Browser, somewhere, code)
	is(t, "begin again", err, nil)
	_, _, err = b.FinishEnrolment(ctx, p.Browser, code, "", p.Create(t, options))
	is(t, "finish again", err, nil)
	_, err = b.Admit(ctx, "resident-99")
	is(t, "a stranger", err, account.ErrNotFound)
	on, err := b.Enrolled(ctx, "resident-05")
	if err != nil || on {
		t.Errorf("enrolled without a passkey: %v", err)
	}
	_, s := b.Person(t, "resident-05", false)
	if s.Citizen != c.ID {
		t.Error("enrolment made a second citizen")
	}
	on, err = b.Enrolled(ctx, "resident-05")
	if err != nil || !on {
		t.Errorf("not enrolled: %v", err)
	}
}
