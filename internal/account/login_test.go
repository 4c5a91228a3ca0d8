package account_test

import (
	"encoding/base64"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/account/accounttest"
)

//clause:passkeys 7.1, 7.2: ceremonies, user verification, challenges once
func TestFinishLogin(t *testing.T) {
	cases := []struct {
		name   string
		change func(t *testing.T, b *accounttest.Bench, p *accounttest.Phone)
		twice  bool
		want   error
	}{
		{"it lets the citizen in", func(*testing.T, *accounttest.Bench, *accounttest.Phone) {}, false, nil},
		{"it takes a challenge once", func(*testing.T, *accounttest.Bench, *accounttest.Phone) {}, true, account.ErrCeremony},
		{"it refuses another browser", func(_ *testing.T, _ *accounttest.Bench, p *accounttest.Phone) { p.Browser = "another" }, false, account.ErrCeremony},
		{"it refuses an answer after five minutes", func(_ *testing.T, b *accounttest.Bench, _ *accounttest.Phone) { b.Wait(5 * time.Minute) }, false, account.ErrCeremony},
		{"it refuses an unverified user", func(_ *testing.T, _ *accounttest.Bench, p *accounttest.Phone) { p.Auth.Options.UserNotVerified = true }, false, account.ErrAssertion},
		{"it refuses an absent user", func(_ *testing.T, _ *accounttest.Bench, p *accounttest.Phone) { p.Auth.Options.UserNotPresent = true }, false, account.ErrAssertion},
		{"it refuses another origin", func(_ *testing.T, _ *accounttest.Bench, p *accounttest.Phone) { p.RP.Origin = "http://localhost:9999" }, false, account.ErrAssertion},
		{"it refuses another RP ID", func(_ *testing.T, _ *accounttest.Bench, p *accounttest.Phone) { p.RP.ID = "evil.example" }, false, account.ErrAssertion},
		{"it refuses an unknown passkey", func(_ *testing.T, _ *accounttest.Bench, p *accounttest.Phone) { p.Cred.ID = []byte("0123456789abcdef") }, false, account.ErrAssertion},
		{"it refuses a known passkey under another handle", func(t *testing.T, b *accounttest.Bench, p *accounttest.Phone) {
			other, _ := b.Person(t, "resident-02", false)
			p.Auth.Options.UserHandle = other.Auth.Options.UserHandle
		}, false, account.ErrAssertion},
		{"it refuses a passkey without a handle", func(_ *testing.T, _ *accounttest.Bench, p *accounttest.Phone) { p.Auth.Options.UserHandle = nil }, false, account.ErrAssertion},
		{"it refuses another key under a known id", func(t *testing.T, b *accounttest.Bench, p *accounttest.Phone) {
			other, _ := b.Person(t, "resident-02", false)
			p.Cred.Key = other.Cred.Key
		}, false, account.ErrAssertion},
		{"it refuses a passkey that claims to be synced now", func(_ *testing.T, _ *accounttest.Bench, p *accounttest.Phone) { p.Auth.Options.BackupEligible = true }, false, account.ErrAssertion},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := accounttest.New(t)
			p, s := b.Person(t, "resident-01", false)
			options, err := b.BeginLogin(t.Context(), p.Browser)
			is(t, "begin", err, nil)
			c.change(t, b, p)
			answer := p.Get(t, options)
			finish := func() error {
				token, got, err := b.FinishLogin(t.Context(), p.Browser, answer)
				if err == nil && (token == "" || got.Citizen != s.Citizen || got.Passkey != p.ID()) {
					t.Errorf("session %+v", got)
				}
				return err
			}
			if c.twice {
				is(t, "the first time", finish(), nil)
			}
			is(t, "finish", finish(), c.want)
		})
	}
}

// A ceremony without an owner would be anybody's, and what the library found
// wrong is kept for the log.
func TestLoginSaysWhy(t *testing.T) {
	b := accounttest.New(t)
	p, _ := b.Person(t, "resident-01", false)
	if options, err := b.BeginLogin(t.Context(), ""); err == nil {
		t.Errorf("it asks for nobody's browser: %s", options)
	}
	options, err := b.BeginLogin(t.Context(), p.Browser)
	is(t, "begin", err, nil)
	p.RP.Origin = "http://localhost:9999"
	_, _, err = b.FinishLogin(t.Context(), p.Browser, p.Get(t, options))
	is(t, "finish", err, account.ErrAssertion)
	if !strings.Contains(err.Error(), "localhost:9999") {
		t.Errorf("it does not say what was wrong: %v", err)
	}
}

// An answer that says a thing twice is refused before its challenge is spent.
func TestAnswersAreUnambiguous(t *testing.T) {
	b := accounttest.New(t)
	p, _ := b.Person(t, "resident-01", false)
	options, err := b.BeginLogin(t.Context(), p.Browser)
	is(t, "begin", err, nil)
	answer := string(p.Get(t, options))
	twice := strings.Replace(answer, `"type":`, `"type":"public-key","type":`, 1)
	_, _, err = b.FinishLogin(t.Context(), p.Browser, json.RawMessage(twice))
	is(t, "a name twice", err, account.ErrAssertion)
	signed := regexp.MustCompile(`"clientDataJSON":"([^"]*)"`).ReplaceAllStringFunc(answer, func(field string) string {
		text, err := base64.RawURLEncoding.DecodeString(strings.Split(field, `"`)[3])
		is(t, "client data", err, nil)
		return `"clientDataJSON":"` + base64.RawURLEncoding.EncodeToString(append([]byte(`{"type":"x",`), text[1:]...)) + `"`
	})
	_, _, err = b.FinishLogin(t.Context(), p.Browser, json.RawMessage(signed))
	is(t, "a name twice in the client data", err, account.ErrAssertion)
	// what password managers report unasked
	chatty := strings.Replace(answer, `"type":`, `"clientExtensionResults":{"credProps":{"rk":true}},"type":`, 1)
	_, _, err = b.FinishLogin(t.Context(), p.Browser, json.RawMessage(chatty))
	is(t, "an extension's result", err, nil)
}

// So is a new passkey.
func TestCreationsAreUnambiguous(t *testing.T) {
	b, p := accounttest.New(t), accounttest.NewPhone()
	code := b.Letter(t, "resident-01", false)
	options, err := b.BeginEnrolment(t.Context(), p.Browser, somewhere, code)
	is(t, "begin", err, nil)
	made := p.Create(t, options)
	twice := strings.Replace(string(made), `"type":`, `"type":"public-key","type":`, 1)
	_, _, err = b.FinishEnrolment(t.Context(), p.Browser, code, "", json.RawMessage(twice))
	is(t, "a name twice", err, account.ErrAssertion)
	_, _, err = b.FinishEnrolment(t.Context(), p.Browser, code, "", made)
	is(t, "the passkey itself", err, nil)
}

// A challenge of one ceremony is worth nothing in another.
//
//clause:passkeys 7.1, 7.2: ceremonies, user verification, challenges once
func TestCeremoniesAreNotMixed(t *testing.T) {
	b := accounttest.New(t)
	ctx := t.Context()
	p, s := b.Person(t, "resident-01", false)
	b.AddPhone(t, s, p)

	options, err := b.BeginRemove(ctx, s, p.ID())
	is(t, "begin remove", err, nil)
	_, _, err = b.FinishLogin(ctx, p.Browser, p.Get(t, options))
	is(t, "a removal's challenge as a login", err, account.ErrCeremony)

	options, err = b.BeginLogin(ctx, p.Browser)
	is(t, "begin login", err, nil)
	is(t, "a login's challenge as a change", b.FinishChange(ctx, s, p.Get(t, options)), account.ErrCeremony)

	options, err = b.BeginAdd(ctx, s)
	is(t, "begin add", err, nil)
	code := b.Letter(t, "resident-02", false)
	_, _, err = b.FinishEnrolment(ctx, p.Browser, code, "", accounttest.NewPhone().Create(t, options))
	is(t, "an addition's challenge as an enrolment", err, account.ErrCeremony)
}

func TestSessions(t *testing.T) {
	b := accounttest.New(t)
	ctx := t.Context()
	p, _ := b.Person(t, "resident-01", false)
	token, s := b.SignIn(t, p)
	got, err := b.Session(ctx, token)
	if err != nil || got.Citizen != s.Citizen || got.ID != s.ID || !got.AuthTime.Equal(b.Now()) {
		t.Errorf("session %+v, %v", got, err)
	}
	if strings.Contains(s.ID, token) {
		t.Error("the store keeps the token")
	}
	for name, bad := range map[string]string{"no token": "", "a guess": "guess", "the stored hash": s.ID} {
		_, err := b.Session(ctx, bad)
		is(t, name, err, account.ErrNotFound)
	}
	second, _ := b.SignIn(t, p)
	if second == token {
		t.Error("two logins share a token")
	}
	is(t, "logout", b.Logout(ctx, second), nil)
	_, err = b.Session(ctx, second)
	is(t, "after logout", err, account.ErrNotFound)
	_, err = b.Session(ctx, token)
	is(t, "the other session", err, nil)
	b.Wait(12 * time.Hour)
	_, err = b.Session(ctx, token)
	is(t, "after twelve hours", err, account.ErrNotFound)
}

// What is posted by anybody must never be an internal error.
func FuzzAnswers(f *testing.F) {
	b := accounttest.New(f)
	p, s := b.Person(f, "resident-01", false)
	options, err := b.BeginLogin(f.Context(), p.Browser)
	if err != nil {
		f.Fatal(err)
	}
	good := string(p.Get(f, options))
	f.Add(good)
	f.Add(strings.Replace(good, `"id"`, `"id":"x","id"`, 1))
	f.Add(`{}`)
	f.Add(`[]`)
	f.Add(`null`)
	f.Add(``)
	f.Add(`{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"e30","authenticatorData":"","signature":""}}`)
	f.Fuzz(func(t *testing.T, answer string) {
		raw := json.RawMessage(answer)
		_, _, err := b.FinishLogin(t.Context(), "another browser", raw)
		refused(t, err)
		_, _, err = b.FinishEnrolment(t.Context(), "another browser", "AAAABBBBCCCC", "", raw)
		refused(t, err)
		_, err = b.FinishAdd(t.Context(), s, "", raw)
		refused(t, err)
		refused(t, b.FinishChange(t.Context(), s, raw))
	})
}
