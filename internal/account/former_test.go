package account_test

import (
	"context"
	"crypto"
	"slices"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/account/accounttest"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

// An officer who left orders nothing more; what she ordered stands.
func TestFormerOfficer(t *testing.T) {
	b := accounttest.New(t)
	p, s := b.Person(t, "resident-01", false)
	joined := consenttest.NewKey()
	all := slices.Concat(b.Officers, []jose.JSONWebKey{{Key: joined.Public()}})
	now, err := account.New(account.Options{
		Store: b.Store, Register: accounttest.Register(t), Officers: all, Former: all[:1], RP: accounttest.RP,
		PairwiseSecret: make([]byte, 32), Now: b.Now, Development: true, Replaced: func(context.Context, string) error { return nil },
	})
	is(t, "accounts", err, nil)
	order := func(one, other crypto.Signer) error {
		_, o, err := account.SignedOrder("resident-02", false, b.Now(), [2]crypto.Signer{one, other})
		is(t, "order", err, nil)
		return now.Enrol(t.Context(), o)
	}
	is(t, "an order by who left", order(b.Signers[0], b.Signers[1]), account.ErrOrder)
	is(t, "an order by who stayed and who joined", order(b.Signers[1], joined), nil)
	b.Accounts = now
	b.AddPhone(t, s, p) // signed by a passkey that she ordered, after the whole history was held against the rules
}
