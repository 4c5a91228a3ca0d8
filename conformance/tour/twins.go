package main

import (
	"errors"
	"fmt"

	"github.com/govmydata/mydata/conformance/stage"
)

// The two residents of one name, and how many of the two answers are yes: the
// insurer knows that one of them sees too little to drive.
var (
	elder   = actor{"resident-03", "ko", true}
	younger = actor{"resident-07", "ko", true}
)

// twins walks as two residents of one name, side by side, in two windows.
func (s *show) twins(b *browser, out, axe string, say func(string, ...any)) error {
	visits := make([]*visit, 2)
	for i, a := range []actor{elder, younger} {
		p, err := b.person(a.lang)
		if err != nil {
			return err
		}
		defer p.cancel()
		visits[i] = &visit{show: s, actor: a, walk: &walk{person: p, lang: a.lang, out: out + "/" + a.resident, axe: axe, say: say}}
		if err := visits[i].enrol(); err != nil {
			return fmt.Errorf("%s: %w", a.resident, err)
		}
	}
	first, second := visits[0], visits[1]
	if err := all(first.asksToRenew, func() error { return second.barredFrom(first.here()) }, second.asksToRenew, second.approves, first.approves); err != nil {
		return err
	}
	for i, wanted := range []int{1, 2} {
		v := visits[i]
		if err := v.page("same-name-renewal"); err != nil {
			return err
		}
		yes, err := v.count("dl.facts .yes")
		if err != nil {
			return err
		}
		if yes != wanted {
			return v.trouble("read whose answers came", fmt.Errorf("%d answers are yes, wanted %d", yes, wanted))
		}
	}
	return nil
}

func (v *visit) asksToRenew() error {
	return all(v.to(stage.Licence, "/"), v.clicks("form[action='/renew'] button"), v.arrives(stage.IDP, "/approval/"))
}

func (v *visit) approves() error {
	return all(v.clicks("#approve button[type=submit]"), v.arrives(stage.Licence, "/renewal/"))
}

// barredFrom opens somebody else's approval page and must not get it.
func (v *visit) barredFrom(address string) error {
	if err := v.open(address); err != nil {
		return err
	}
	shown, err := v.count("#approve")
	if err == nil && shown > 0 {
		err = v.trouble("open another's approval page", errors.New("it was shown"))
	}
	return err
}
