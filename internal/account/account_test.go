package account_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/account/accounttest"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
)

func is(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) || want == nil && err != nil {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// TestLife walks a citizen through the whole life of passkeys, and holds the
// history against the rule of the agencies after each step.
func TestLife(t *testing.T) {
	b := accounttest.New(t)
	ctx := t.Context()
	history := func(active int) {
		t.Helper()
		c, err := b.CitizenOf(ctx, "resident-03")
		is(t, "citizen", err, nil)
		records, err := b.History(ctx, c.ID)
		is(t, "history", err, nil)
		keys, err := approval.VerifyHistory(records, accounttest.RP, b.Officers)
		if err != nil || len(keys) != active {
			t.Fatalf("history: %d active keys, %v; want %d", len(keys), err, active)
		}
		rows, err := b.Passkeys(ctx, c.ID)
		is(t, "passkeys", err, nil)
		for _, row := range rows {
			if _, ok := approval.ActiveKey(keys, row.Key.KeyID); !ok || len(rows) != active {
				t.Fatalf("passkeys and history disagree")
			}
		}
	}

	first, s := b.Person(t, "resident-03", false)
	history(1)
	_, s2 := b.SignIn(t, first)
	if s2.Citizen != s.Citizen || s2.ID == s.ID {
		t.Error("login: another citizen or the same session")
	}
	second := b.AddPhone(t, s, first)
	history(2)
	_, s3 := b.SignIn(t, second)

	options, err := b.BeginRemove(ctx, s3, first.ID())
	is(t, "begin remove", err, nil)
	is(t, "remove", b.FinishChange(ctx, s3, second.Get(t, options)), nil)
	history(1)
	_, err = b.BeginRemove(ctx, s3, second.ID())
	is(t, "removing the last", err, account.ErrLastPasskey)

	third, _ := b.Person(t, "resident-03", true)
	history(1)
	_, s4 := b.SignIn(t, third)
	if s4.Citizen != s.Citizen {
		t.Error("after a loss the citizen is somebody else")
	}
	if len(b.Ended) != 2 || b.Ended[0] != s.Citizen {
		t.Errorf("replaced: %v", b.Ended)
	}
}

func TestCitizensOfOneNameAreTwo(t *testing.T) {
	b := accounttest.New(t)
	_, a := b.Person(t, "resident-03", false)
	_, c := b.Person(t, "resident-07", false)
	ra, err := b.Resident(t.Context(), a.Citizen)
	is(t, "resident", err, nil)
	rc, err := b.Resident(t.Context(), c.Citizen)
	is(t, "resident", err, nil)
	if ra.NameKo != rc.NameKo || ra.ID == rc.ID || a.Citizen == c.Citizen {
		t.Errorf("the demo needs two people of one name: %+v, %+v", ra, rc)
	}
}

func TestPseudonymsAndSalts(t *testing.T) {
	b := accounttest.New(t)
	ctx := t.Context()
	_, x := b.Person(t, "resident-01", false)
	_, y := b.Person(t, "resident-02", false)
	sub, err := b.Pairwise(ctx, x.Citizen, "urn:a")
	is(t, "pairwise", err, nil)
	again, err := b.Pairwise(ctx, x.Citizen, "urn:a")
	is(t, "pairwise", err, nil)
	other, err := b.Pairwise(ctx, x.Citizen, "urn:b")
	is(t, "pairwise", err, nil)
	hers, err := b.Pairwise(ctx, y.Citizen, "urn:a")
	is(t, "pairwise", err, nil)
	if sub != again || sub == other || sub == hers || strings.Contains(sub, x.Citizen) {
		t.Errorf("pseudonyms: %s %s %s %s", sub, again, other, hers)
	}
	back, err := b.CitizenBySub(ctx, "urn:a", sub)
	if err != nil || back != x.Citizen {
		t.Errorf("the way back: %s, %v", back, err)
	}
	_, err = b.CitizenBySub(ctx, "urn:b", sub)
	is(t, "another sector", err, account.ErrNotFound)
	is(t, "another sector, to the ledger", err, consent.ErrNobody)
	_, err = b.Pairwise(ctx, x.Citizen, "")
	if err == nil {
		t.Error("an empty sector has a pseudonym")
	}
	_, err = b.Pairwise(ctx, "nobody", "urn:a")
	is(t, "nobody", err, account.ErrNotFound)

	s1, err := b.Salt(ctx, x.Citizen, "l")
	is(t, "salt", err, nil)
	s2, err := b.Salt(ctx, x.Citizen, "l")
	is(t, "salt", err, nil)
	s3, err := b.Salt(ctx, x.Citizen, "m")
	is(t, "salt", err, nil)
	s4, err := b.Salt(ctx, y.Citizen, "l")
	is(t, "salt", err, nil)
	if s1 != s2 || s1 == s3 || s1 == s4 {
		t.Error("salts: not stable, or not different")
	}
}

func TestNewRefuses(t *testing.T) {
	b := accounttest.New(t)
	good := account.Options{Store: b.Store, Register: accounttest.Register(t), RP: accounttest.RP, PairwiseSecret: make([]byte, 32), Replaced: func(context.Context, string) error { return nil }}
	if _, err := account.New(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*account.Options){
		"it refuses a short secret":         func(o *account.Options) { o.PairwiseSecret = make([]byte, 31) },
		"it refuses to lose credentials":    func(o *account.Options) { o.Replaced = nil },
		"it refuses to run without a store": func(o *account.Options) { o.Store = nil },
		"it refuses an RP without a name":   func(o *account.Options) { o.RP.ID = "" },
		"it refuses an RP without origin":   func(o *account.Options) { o.RP.Origin = "" },
		"it refuses another host's origin":  func(o *account.Options) { o.RP.Origin = "https://example.org" },
		"it refuses a lookalike host":       func(o *account.Options) { o.RP.Origin = "https://evil-localhost" },
		"it refuses plain http elsewhere": func(o *account.Options) {
			o.RP = approval.RelyingParty{ID: "example.org", Origin: "http://example.org"}
		},
		"it refuses an origin with a path": func(o *account.Options) { o.RP.Origin += "/" },
	} {
		t.Run(name, func(t *testing.T) {
			o := good
			change(&o)
			if _, err := account.New(o); err == nil {
				t.Error("it starts")
			}
		})
	}
}
