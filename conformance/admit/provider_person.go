package admit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/consent/receipt"
)

var numberCases = []check{
	{partNumber, "refuses a use number that was taken by another request", "다른 요청이 쓴 회차를 거부한다", "docs/agencies.md, Release 4", func(ctx context.Context, b *Bench) error {
		a, _, err := b.once(ctx)
		if err != nil {
			return err
		}
		return again(ctx, a.clone(), func(c *asked) { c.raw, c.edit = nil, func(*http.Request) {} })
	}},
	{partNumber, "refuses an idempotency key that stood for another body", "다른 본문에 쓰인 멱등 키를 거부한다", "docs/agencies.md, Release 5", func(ctx context.Context, b *Bench) error {
		a, err := b.ask(ctx, b.plan.People.One.ID, nil)
		if err != nil {
			return err
		}
		if _, _, err := a.must(ctx); err != nil {
			return err
		}
		other, err := b.ask(ctx, b.plan.People.One.ID, nil)
		if err != nil {
			return err
		}
		bent := other.clone()
		bent.idem = a.idem
		return refused(ctx, bent, other)
	}},
	bend(partNumber, "refuses a use beyond the last", "마지막 회차를 넘는 사용을 거부한다", "docs/agencies.md, Release 2", func(a *asked) { a.Token.Details[0].Use = a.Terms.MaxUses + 1 }),
	{partNumber, "refuses a number again that a restored hub has forgotten", "복원된 허브가 잊은 회차를 다시 받지 않는다", "docs/agencies.md, Release 4", func(ctx context.Context, b *Bench) error {
		a, _, err := b.once(ctx)
		if err != nil {
			return err
		}
		// The hub has forgotten: it says yes to anything.
		b.hub.with(hooks{commit: func(_ context.Context, jws string, _ func() (string, error)) (string, bool, error) {
			promise, err := b.promise(jws, b.world.Hub, nil)
			return promise, false, err
		}})
		c := a.clone()
		c.raw, c.edit = nil, func(*http.Request) {}
		got, err := c.send(ctx)
		if err != nil {
			return err
		}
		if got.released() || got.status < 400 {
			return errors.New("it released one number twice")
		}
		return nil
	}},
	{partNumber, "refuses a use too soon after the last", "너무 이른 다음 사용을 거부한다", "docs/agencies.md, Terms", func(ctx context.Context, b *Bench) error {
		a, err := b.ask(ctx, b.plan.People.One.ID, func(c *consent.RequestClaims) { c.Details[0].Frequency = "PT1H" })
		if err != nil {
			return err
		}
		first, err := b.world.Ledger.NextUse(ctx, a.record.Grant, b.plan.Site.ClientID)
		if err != nil {
			return err
		}
		if _, _, err := a.must(ctx); err != nil {
			return err
		}
		first.Use = 2 // a hub that does not count the time
		if err := a.fill(ctx, first); err != nil {
			return err
		}
		return refused(ctx, a, nil)
	}},
}

// again sends a bent copy of what was released: it must be refused.
func again(ctx context.Context, c *asked, change func(*asked)) error {
	change(c)
	return refused(ctx, c, nil)
}

var personCases = []check{
	bend(partPerson, "refuses an approval by a passkey that the person does not have", "본인 것이 아닌 패스키의 승인을 거부한다", "docs/agencies.md, Who signs", func(a *asked) {
		a.reapproveBy(consenttest.NewPasskey(a.b.world.RP))
	}),
	bend(partPerson, "refuses another subject than the terms'", "조건과 다른 사람을 거부한다", "docs/agencies.md, Whose data", func(a *asked) { a.Sealed.Subject = "somebody-else" }),
	{partPerson, "refuses a person of whom it has no record", "기록이 없는 사람을 거부한다", "docs/agencies.md, Whose data", func(ctx context.Context, b *Bench) error {
		return b.nobody(ctx, b.plan.People.Nobody)
	}},
	{partPerson, "refuses a person of whom it has several records", "기록이 여러 건인 사람을 거부한다", "docs/agencies.md, Whose data", func(ctx context.Context, b *Bench) error {
		if b.plan.People.Several == "" {
			return skip("the plan names nobody with several records")
		}
		return b.nobody(ctx, b.plan.People.Several)
	}},
	{partPerson, "refuses one person's approval for another's record", "한 사람의 승인으로 다른 사람의 기록을 주지 않는다", "docs/agencies.md, Whose data", func(ctx context.Context, b *Bench) error {
		if !b.plan.Resident {
			return skip("the agency gets no resident identifier")
		}
		good, err := b.ask(ctx, b.plan.People.One.ID, nil)
		if err != nil {
			return err
		}
		bent := good.clone()
		bent.Sealed.ResidentID = b.plan.People.Other.ID
		return refused(ctx, bent, good)
	}},
	{partPerson, "refuses a passkey history that no witness has seen", "증인이 보지 못한 패스키 이력을 거부한다", "docs/agencies.md, The log", func(ctx context.Context, b *Bench) error {
		good, err := b.ask(ctx, b.plan.People.One.ID, nil)
		if err != nil {
			return err
		}
		bent := good.clone()
		if bent.Sealed.Approval, err = receipt.Prove(ctx, b.world.Log.Fork(), bent.Sealed.Approval); err != nil {
			return err
		}
		return refused(ctx, bent, good)
	}},
	{partPerson, "refuses a passkey that is not in the history it saw before", "이전에 본 이력에 없는 패스키를 거부한다", "docs/agencies.md, Whose data", pinning},
}

// pinning has officers and hub make up a second history for a person whom the
// provider knows.
func pinning(ctx context.Context, b *Bench) error {
	who := b.plan.People.One.ID
	known, err := b.ask(ctx, who, nil)
	if err != nil {
		return err
	}
	if _, _, err := known.must(ctx); err != nil {
		return err
	}
	good, err := b.ask(ctx, who, nil)
	if err != nil {
		return err
	}
	bent := good.clone()
	var invented *consenttest.Passkey
	b.shift(-passkeyAge + time.Hour)
	invented, bent.Sealed.Approval.History = b.world.People.Forge(who)
	b.shift(passkeyAge - time.Hour)
	bent.Sealed.Approval.Key = invented.JWK().KeyID
	bent.reapproveBy(invented)
	if bent.Sealed.Approval, err = receipt.Prove(ctx, b.world.Log, bent.Sealed.Approval); err != nil {
		return err
	}
	if bent.Sealed.OrderSalts, err = b.world.People.OrderSalts(ctx, bent.Sealed.Approval.History); err != nil {
		return err
	}
	return refused(ctx, bent, good)
}

func (b *Bench) nobody(ctx context.Context, id string) error {
	a, err := b.ask(ctx, id, nil)
	if err != nil {
		return err
	}
	if err := refused(ctx, a, nil); err != nil {
		return fmt.Errorf("%w", err)
	}
	return nil
}
