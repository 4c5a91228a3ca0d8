package admit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

var releaseCases = []check{
	{partRelease, "releases what was granted, signed for this consumer, grant and use", "허용된 항목을 이 기관·동의·회차에 대해 서명하여 제공한다", "docs/agencies.md, Release 3", func(ctx context.Context, b *Bench) error {
		return b.releases(ctx, b.plan.People.One, nil)
	}},
	{partRelease, "releases nothing that was unticked", "선택 해제된 항목은 제공하지 않는다", "docs/agencies.md, Release 3", func(ctx context.Context, b *Bench) error {
		if len(b.plan.Optional) == 0 {
			return skip("the plan has nothing optional")
		}
		return b.releases(ctx, b.plan.People.One, nil, b.plan.Optional...)
	}},
	{partRelease, "derives facts, and sends no value that they come from", "사실만 도출하고 원래 값은 보내지 않는다", "docs/agencies.md, Release 3", deriving},
	{partRelease, "drops every field that was not granted", "허용되지 않은 필드는 모두 버린다", "docs/agencies.md, Release 3", func(ctx context.Context, b *Bench) error {
		field := b.field()
		if field == "" {
			return skip("the plan gives no value of a field")
		}
		return b.releases(ctx, b.plan.People.One, func(c *consent.RequestClaims) {
			c.Details[0].Actions, c.Details[0].Claims = []string{consent.ActionRelease}, []consent.RequestedClaim{{Name: field}}
		})
	}},
	{partRelease, "releases about the person whom the token names", "토큰이 지정한 사람에 대해서만 제공한다", "docs/agencies.md, Whose data", func(ctx context.Context, b *Bench) error {
		return b.releases(ctx, b.plan.People.Other, nil)
	}},
	{partRelease, "answers the second use of a grant", "같은 동의의 두 번째 사용에 응답한다", "docs/agencies.md, Release 1", func(ctx context.Context, b *Bench) error {
		a, err := b.ask(ctx, b.plan.People.One.ID, nil)
		if err != nil {
			return err
		}
		for range 2 {
			if err := a.next(ctx); err != nil {
				return err
			}
			if _, _, err := a.must(ctx); err != nil {
				return err
			}
		}
		return nil
	}},
	{partRelease, "is reached by https, or on this machine alone", "https 또는 이 컴퓨터에서만 접속된다", "docs/operations.md", func(_ context.Context, b *Bench) error { return secure(b.options.URL) }},
}

// field is one that the plan knows a value of.
func (b *Bench) field() string {
	for _, f := range b.plan.DataSet.Fields {
		if _, known := b.plan.People.One.Values[f.Name]; known && !slices.Contains(b.all(), f.Name) {
			return f.Name
		}
	}
	return ""
}

// releases asks about a person and compares what came with what must come.
func (b *Bench) releases(ctx context.Context, who Person, bend func(*consent.RequestClaims), unticked ...string) error {
	a, err := b.ask(ctx, who.ID, bend, unticked...)
	if err != nil {
		return err
	}
	got, _, err := a.must(ctx) // its claims are the granted ones and no others
	if err != nil {
		return err
	}
	for name, value := range got.Claims {
		if want, known := who.Values[name]; known && !reflect.DeepEqual(value, want) {
			return fmt.Errorf("%s is not the value that the plan names", name)
		}
	}
	return nil
}

func deriving(ctx context.Context, b *Bench) error {
	a, err := b.ask(ctx, b.plan.People.One.ID, nil)
	if err != nil {
		return err
	}
	if a.Terms.Action != consent.ActionDerive {
		return skip("the plan asks for fields")
	}
	got, _, err := a.must(ctx)
	if err != nil {
		return err
	}
	for _, secret := range b.plan.People.One.Secrets {
		for _, value := range got.Claims {
			if fmt.Sprint(value) == secret {
				return errors.New("a value of the record left")
			}
		}
	}
	return nil
}

var commitCases = []check{
	{partRelease, "has the hub commit before the first byte", "첫 바이트 전에 허브의 확정을 받는다", "docs/agencies.md, Release 4", beforeFirstByte},
	{partRelease, "sends nothing when the citizen withdrew between check and commit", "검사와 확정 사이에 철회되면 아무것도 보내지 않는다", "docs/agencies.md, Release 4", func(ctx context.Context, b *Bench) error {
		return b.nothing(ctx, func(ctx context.Context, a *asked) hooks {
			return hooks{commit: func(ctx context.Context, _ string, use func() (string, error)) (string, bool, error) {
				if _, err := b.world.Ledger.Withdraw(ctx, a.record.Grant, a.person); err != nil {
					return "", false, err
				}
				promise, err := use()
				return promise, false, err
			}}
		}, false)
	}},
	{partRelease, "sends nothing while the hub does not answer, and does later", "허브가 응답하지 않으면 보내지 않고 나중에 이어 간다", "docs/agencies.md, Release 4", func(ctx context.Context, b *Bench) error {
		return b.nothing(ctx, func(context.Context, *asked) hooks {
			return hooks{commit: func(context.Context, string, func() (string, error)) (string, bool, error) { return "", false, errBusy }}
		}, true)
	}},
	{partRelease, "finishes a release whose commit was kept and whose answer was lost", "확정 응답이 유실된 제공을 마무리한다", "docs/agencies.md, Release 4", func(ctx context.Context, b *Bench) error {
		return b.nothing(ctx, func(context.Context, *asked) hooks {
			return hooks{commit: func(_ context.Context, _ string, use func() (string, error)) (string, bool, error) {
				promise, err := use()
				return promise, true, err
			}}
		}, true)
	}},
	promised("sends nothing for a promise that another key signed", "다른 키가 서명한 약속에는 보내지 않는다", func(b *Bench, jws string) (string, error) {
		return b.promise(jws, consenttest.NewKey(), nil)
	}),
	promised("sends nothing for a promise that echoes another nonce", "다른 nonce를 돌려준 약속에는 보내지 않는다", func(b *Bench, jws string) (string, error) {
		return b.promise(jws, b.world.Hub, func(p *consent.PromiseClaims) { p.Nonce = consent.Encode(make([]byte, 32)) })
	}),
	promised("sends nothing for a promise of another commit", "다른 확정에 대한 약속에는 보내지 않는다", func(b *Bench, jws string) (string, error) {
		return b.promise(jws, b.world.Hub, func(p *consent.PromiseClaims) { p.Commit = consent.DigestOf("another") })
	}),
	promised("sends nothing for a promise without a near deadline", "기한이 먼 약속에는 보내지 않는다", func(b *Bench, jws string) (string, error) {
		return b.promise(jws, b.world.Hub, func(p *consent.PromiseClaims) { p.Deadline += 3600 })
	}),
}

// beforeFirstByte holds the commit for a moment: nothing may have come by then.
func beforeFirstByte(ctx context.Context, b *Bench) error {
	a, err := b.ask(ctx, b.plan.People.One.ID, nil)
	if err != nil {
		return err
	}
	early, asked := false, 0
	b.hub.with(hooks{commit: func(_ context.Context, _ string, use func() (string, error)) (string, bool, error) {
		asked++
		time.Sleep(200 * time.Millisecond)
		early = a.began.Load()
		promise, err := use()
		return promise, false, err
	}})
	_, _, err = a.must(ctx)
	switch {
	case early:
		return errors.New("a byte came before the hub had committed")
	case asked == 0:
		return errors.New("it never asked the hub to commit")
	}
	return err
}

// nothing has the hub fail at the commit: no data may come. later says that the
// same request must be answered once the hub is well.
func (b *Bench) nothing(ctx context.Context, how func(context.Context, *asked) hooks, later bool) error {
	a, err := b.ask(ctx, b.plan.People.One.ID, nil)
	if err != nil {
		return err
	}
	if err := a.freeze(ctx); err != nil {
		return err
	}
	b.hub.with(how(ctx, a))
	got, err := a.send(ctx)
	if err != nil {
		return err
	}
	switch {
	case got.released() || got.status < 400:
		return errors.New("it sent data that the hub had not committed: " + got.String())
	case later && got.status != http.StatusServiceUnavailable:
		return errors.New("it does not say that the same request may come again (503): " + got.String())
	case !later && got.status >= 500:
		return errors.New("a plain no of the hub is no fault: " + got.String())
	case !later:
		return nil
	}
	b.hub.reset()
	if _, _, err := a.must(ctx); err != nil {
		return fmt.Errorf("the same request afterwards: %w", err)
	}
	return nil
}

// promised is a case whose hub answers a commit with a promise that is none.
func promised(name, korean string, make func(b *Bench, jws string) (string, error)) check {
	return check{partRelease, name, korean, "docs/agencies.md, Release 4", func(ctx context.Context, b *Bench) error {
		a, err := b.ask(ctx, b.plan.People.One.ID, nil)
		if err != nil {
			return err
		}
		b.hub.with(hooks{commit: func(_ context.Context, jws string, use func() (string, error)) (string, bool, error) {
			if _, err := use(); err != nil {
				return "", false, err
			}
			promise, err := make(b, jws)
			return promise, false, err
		}})
		got, err := a.send(ctx)
		if err != nil {
			return err
		}
		if got.released() || got.status < 400 {
			return errors.New("it sent: " + got.String())
		}
		return nil
	}}
}

var retryCases = []check{
	{partRelease, "answers a retry with identical bytes", "재요청에는 똑같은 바이트로 응답한다", "docs/agencies.md, Release 5", func(ctx context.Context, b *Bench) error {
		a, first, err := b.once(ctx)
		if err != nil {
			return err
		}
		again, err := a.send(ctx)
		if err != nil {
			return err
		}
		return alike(first, again)
	}},
	{partRelease, "takes no acknowledgement of another agency", "다른 기관의 수신 확인은 받지 않는다", "docs/agencies.md, Release 5", func(ctx context.Context, b *Bench) error {
		a, first, err := b.once(ctx)
		if err != nil {
			return err
		}
		status, err := a.acknowledge(ctx, first, b.world.Provider)
		if err != nil {
			return err
		}
		if status < 400 {
			return fmt.Errorf("it took it: status %d", status)
		}
		again, err := a.send(ctx)
		if err != nil {
			return err
		}
		return alike(first, again)
	}},
	{partRelease, "sends no more once it is acknowledged", "수신 확인 뒤에는 다시 보내지 않는다", "docs/agencies.md, Release 5", func(ctx context.Context, b *Bench) error {
		a, first, err := b.once(ctx)
		if err != nil {
			return err
		}
		if status, err := a.acknowledge(ctx, first, b.world.Consumer); err != nil || status >= 300 {
			return fmt.Errorf("it does not take the acknowledgement: status %d %w", status, err)
		}
		return ended(ctx, a)
	}},
	{partRelease, "sends no more after ten minutes", "10분이 지나면 다시 보내지 않는다", "docs/agencies.md, Release 5", func(ctx context.Context, b *Bench) error {
		if !b.options.Long {
			return skip("it takes ten minutes: --long")
		}
		a, first, err := b.once(ctx)
		if err != nil {
			return err
		}
		if err := b.pass(ctx, 9*time.Minute); err != nil {
			return err
		}
		again, err := a.send(ctx)
		if err != nil {
			return err
		}
		if err := alike(first, again); err != nil {
			return fmt.Errorf("after nine minutes: %w", err)
		}
		if err := b.pass(ctx, 90*time.Second); err != nil {
			return err
		}
		return ended(ctx, a)
	}},
}

// once makes one release, whose bytes can be sent again.
func (b *Bench) once(ctx context.Context) (*asked, answer, error) {
	a, err := b.ask(ctx, b.plan.People.One.ID, nil)
	if err != nil {
		return nil, answer{}, err
	}
	if err := a.freeze(ctx); err != nil {
		return nil, answer{}, err
	}
	_, got, err := a.must(ctx)
	return a, got, err
}

func alike(first, again answer) error {
	switch {
	case !again.released():
		return errors.New("a retry is refused: " + again.String())
	case !bytes.Equal(first.body, again.body):
		return errors.New("a retry gets other bytes")
	}
	return nil
}

func ended(ctx context.Context, a *asked) error {
	got, err := a.send(ctx)
	if err != nil {
		return err
	}
	if got.released() || got.status < 400 {
		return errors.New("it sends again: " + got.String())
	}
	return nil
}
