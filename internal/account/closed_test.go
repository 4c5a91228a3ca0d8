package account_test

import (
	"context"
	"crypto"
	"errors"
	"testing"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/account/accounttest"
	"github.com/govmydata/mydata/internal/death"
)

func TestAClosedAccount(t *testing.T) {
	b := accounttest.New(t)
	_, mine := b.Person(t, "resident-01", false)
	basis, err := b.Basis(t.Context(), mine.Citizen)
	if err != nil || basis == "" {
		t.Fatalf("%q, %v", basis, err)
	}
	if _, _, err := b.DB.Deaths().Close(t.Context(), death.Closed{Resident: "resident-01", Order: "x", At: b.Now()}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Admit(t.Context(), "resident-01"); !errors.Is(err, account.ErrClosed) {
		t.Errorf("it admits: %v", err)
	}
	if _, err := b.Resident(t.Context(), mine.Citizen); !errors.Is(err, account.ErrNotFound) || !errors.Is(err, account.ErrClosed) {
		t.Errorf("it tells what cards are made of: %v", err)
	}
	for _, replace := range []bool{false, true} {
		_, order, err := account.SignedOrder("resident-01", replace, b.Now(), [2]crypto.Signer{b.Signers[0], b.Signers[1]})
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Enrol(t.Context(), order); !errors.Is(err, account.ErrClosed) {
			t.Errorf("it takes an order to enrol, replace=%v: %v", replace, err)
		}
	}
	if got, err := b.Admit(t.Context(), "resident-02"); err != nil || got.ID == "" {
		t.Errorf("it closes others: %+v, %v", got, err)
	}
}

// A basis differs when anything in an entry does, and between two with one entry.
func TestBasis(t *testing.T) {
	b := accounttest.New(t)
	one, err := b.Admit(t.Context(), "resident-01")
	if err != nil {
		t.Fatal(err)
	}
	first, err := b.Basis(t.Context(), one.ID)
	if err != nil {
		t.Fatal(err)
	}
	again, err := b.Basis(t.Context(), one.ID)
	if err != nil || again != first {
		t.Errorf("%q, %q, %v", first, again, err)
	}
	other, err := b.Admit(t.Context(), "resident-02")
	if err != nil {
		t.Fatal(err)
	}
	if second, err := b.Basis(t.Context(), other.ID); err != nil || second == first {
		t.Errorf("%q, %v", second, err)
	}
	if _, err := b.Basis(t.Context(), "nobody"); !errors.Is(err, account.ErrNotFound) {
		t.Error(err)
	}
}

// unread cannot tell which accounts are closed.
type unread struct{ account.Store }

func (unread) Living(context.Context, string) (account.CitizenRow, error) {
	return account.CitizenRow{}, errBroken
}

func TestAnUnreadAccountIsNotClosed(t *testing.T) {
	b := accounttest.New(t)
	_, mine := b.Person(t, "resident-01", false)
	a, err := account.New(account.Options{
		Store: unread{b.Store}, Register: accounttest.Register(t), RP: accounttest.RP, Officers: b.Officers, PairwiseSecret: make([]byte, 32),
		Now: b.Now, Development: true, Replaced: func(context.Context, string) error { return nil },
	})
	is(t, "accounts", err, nil)
	if _, err := a.Resident(t.Context(), mine.Citizen); !errors.Is(err, errBroken) || errors.Is(err, account.ErrNotFound) {
		t.Errorf("it could not be read whether the account is closed: %v", err)
	}
}
