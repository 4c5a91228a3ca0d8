package receipt

import (
	"errors"
	"fmt"

	"github.com/govmydata/mydata/pkg/consent"
)

// checkDeletion: where the events tell of a deletion, the consumer signed it.
func (v *verification) checkDeletion() {
	told := false
	for e := range v.of(consent.KindDeleted) {
		told = true
		v.report.add("statement of deletion", v.deletion(v.receipt.Deletion, e), v.receipt.Terms.Controller)
	}
	if !told && v.receipt.Deletion != "" {
		v.report.add("statement of deletion", errors.New("no event tells of it"), "")
	}
}

func (v *verification) deletion(jws string, e consent.Event) error {
	if consent.DigestOf(jws) != e.Deletion {
		return errors.New("the event names another statement")
	}
	c, err := consent.OpenDeleted(jws, v.trust.AgencyRoots)
	switch {
	case err != nil:
		return err
	case c.Issuer != v.receipt.Terms.Controller:
		return fmt.Errorf("signed by %q", c.Issuer)
	case c.Audience != v.trust.Issuer:
		return fmt.Errorf("addressed to %q", c.Audience)
	case c.GrantID != e.Grant || c.Uses != e.Use:
		return errors.New("it is for another grant or other uses")
	}
	return nil
}
