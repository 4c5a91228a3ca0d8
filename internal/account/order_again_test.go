package account_test

import (
	"testing"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/account/accounttest"
)

// An order whose letter was used has done its work: sent again, as after an answer
// that was lost, it takes nothing from who holds the new passkey.
func TestAnOrderThatWasUsedEndsNothingMore(t *testing.T) {
	b := accounttest.New(t)
	b.Person(t, "resident-01", false)
	code, order, err := account.SignedOrder("resident-01", true, b.Now(), b.Signers)
	is(t, "order", err, nil)
	is(t, "enrol", b.Enrol(t.Context(), order), nil)
	is(t, "enrol once more", b.Enrol(t.Context(), order), nil)
	if len(b.Ended) != 2 {
		t.Errorf("%d times what the lost phone may do ended: the first may have broken off", len(b.Ended))
	}
	p := accounttest.NewPhone()
	options, err := b.BeginEnrolment(t.Context(), p.Browser, somewhere, code)
	is(t, "begin", err, nil)
	_, _, err = b.FinishEnrolment(t.Context(), p.Browser, code, "", p.Create(t, options))
	is(t, "finish", err, nil)
	before := len(b.Ended)
	is(t, "the order again", b.Enrol(t.Context(), order), nil)
	if len(b.Ended) != before {
		t.Error("it ends what the new passkey's owner has")
	}
}
