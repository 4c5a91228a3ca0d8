package account_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/account/accounttest"
	"github.com/govmydata/mydata/pkg/consent/approval"
)

// The second officer signs what the first one did, for the person that is named.
func TestApproveOrder(t *testing.T) {
	b := accounttest.New(t)
	_, one, err := account.ProposeOrder("resident-01", true, b.Now(), b.Signers[0])
	is(t, "propose", err, nil)
	two, order, err := one.Approve(b.Signers[1])
	if err != nil || !order.Replace || len(two.Orders) != 2 || len(one.Orders) != 1 {
		t.Fatalf("%+v, %d and %d signatures, %v", order, len(one.Orders), len(two.Orders), err)
	}
	is(t, "the hub takes it", b.Enrol(t.Context(), two), nil)
	elsewhere, open, none := one, one, one
	elsewhere.Resident, open.Salt, none.Orders = "resident-02", open.Salt[:31], []string{"a.b.c"}
	for name, c := range map[string]struct {
		order account.EnrolmentOrder
		says  string
	}{
		"it adds no third":           {two, "2 signatures"},
		"it adds nothing to nothing": {account.EnrolmentOrder{Resident: "resident-01", Salt: one.Salt}, "0 signatures"},
		"it signs for nobody else":   {elsewhere, "somebody else"},
		"it signs for nobody":        {open, "somebody else"},
		"it signs no other text":     {none, "order:"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := c.order.Approve(b.Signers[1]); !errors.Is(err, account.ErrOrder) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v", err)
			}
		})
	}
	death, err := approval.Death.Propose("resident-01", "", b.Now(), b.Signers[0])
	is(t, "propose", err, nil)
	if _, _, err := approval.Countersign(death.Orders[0], b.Signers[1]); err == nil || !strings.Contains(err.Error(), "an order's typ is") {
		t.Errorf("it countersigns another measure: %v", err)
	}
}
