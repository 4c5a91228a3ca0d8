package tally

import (
	"cmp"
	"slices"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
)

// lateKey is an agency in a month.
type lateKey struct{ month, consumer string }

// keep follows a grant of the citizen at the cursor. What Apply refuses, as after
// an erasure in part, is followed no further and counted nowhere.
func (c *count) keep(e consent.Event) {
	r := c.records[e.Grant]
	next, err := consent.Apply(r, e)
	if err != nil {
		return
	}
	if e.Evidence.Terms != nil {
		next.Agreed = e.Evidence.Terms
	}
	c.records[e.Grant] = next
}

// settle counts what of a citizen's grants was overdue at the end of each month,
// and forgets him. Uses lengthen the time that something may be kept, and end with
// the grant: so a grant's last state says how it stood before.
func (c *count) settle() error {
	told := map[lateKey]bool{}
	for _, r := range c.records {
		for m := c.first; !m.After(c.last); m = m.AddDate(0, 1, 0) {
			if r.Consumer == "" || !r.Overdue(m.AddDate(0, 1, 0)) {
				continue
			}
			k := lateKey{m.Format(layout), r.Consumer}
			n := c.late[k]
			if n == nil {
				if len(c.late) >= maxCells {
					return ErrTooMany
				}
				n = &cell{}
				c.late[k] = n
			}
			if n.events++; !told[k] {
				told[k] = true
				n.people++
			}
		}
	}
	c.records = map[consent.GrantID]consent.Record{}
	return nil
}

// overdue is what may be known of the agencies that were late at a month's end.
func (c *count) overdue(month time.Time) (all []Late) {
	for k, n := range c.late {
		if k.month == month.Format(layout) && n.people >= Threshold {
			all = append(all, Late{Consumer: k.consumer, Grants: Number(n.events)})
		}
	}
	slices.SortFunc(all, func(a, b Late) int { return cmp.Compare(a.Consumer, b.Consumer) })
	return all
}
