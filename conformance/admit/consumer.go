package admit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
)

// Consumer runs what an agency that asks for data must pass.
func (b *Bench) Consumer(ctx context.Context) (Report, error) {
	if err := b.serveAsProvider(); err != nil {
		return Report{}, err
	}
	var cases []check
	for _, part := range [][]check{firstCases, askCases, backCases, grantCases, evidenceCases, afterCases, pageCases} {
		cases = append(cases, part...)
	}
	return b.runAll(ctx, "consumer", b.plan.Consumer, cases)
}

var firstCases = []check{
	{partAsk, "walks from its first page to data taken", "첫 화면에서 데이터 수신까지 진행한다", "docs/design.md", func(ctx context.Context, b *Bench) error {
		v, err := b.good(ctx, hooks{silent: true}) // its promise is looked for last
		if err != nil {
			return err
		}
		b.hub.mu.Lock()
		defer b.hub.mu.Unlock()
		b.unproven = b.hub.leaves[len(b.hub.leaves)-1]
		_ = v
		return nil
	}},
	{partAsk, "takes a grant with what is optional unticked", "선택 항목이 해제된 동의를 받아들인다", "docs/agencies.md, Terms", func(ctx context.Context, b *Bench) error {
		_, err := b.good(ctx, hooks{least: true})
		return err
	}},
}

// flawless is a case that reports what the hub noted.
func flawless(name, korean, clause string, kinds ...string) check {
	return check{partAsk, name, korean, clause, func(_ context.Context, b *Bench) error {
		b.hub.mu.Lock()
		defer b.hub.mu.Unlock()
		for _, kind := range kinds {
			if cause, there := b.hub.flaws[kind]; there {
				return fmt.Errorf("%s: %s", kind, cause)
			}
		}
		if len(b.hub.pushes) == 0 {
			return errors.New("it never pushed a request")
		}
		return nil
	}}
}

var askCases = []check{
	flawless("pushes its request, and sends nothing but its name through the browser", "요청을 직접 제출하고 브라우저로는 이름만 보낸다", "RFC 9126, 4", flawAuthorize),
	flawless("authenticates with a key, for this hub, once", "키로, 이 허브에 대해, 한 번만 인증한다", "RFC 7523, 3", flawClient),
	flawless("signs its request object for this hub", "요청 객체를 이 허브에 대해 서명한다", "RFC 9101, 4", flawObject),
	flawless("uses PKCE with S256", "PKCE(S256)를 쓴다", "RFC 7636, 4", flawPKCE),
	flawless("binds its tokens to a key (DPoP)", "토큰을 키에 묶는다(DPoP)", "RFC 9449, 5 and 10", flawBinding),
	flawless("uses a state that nobody guesses, once", "추측할 수 없는 state를 한 번만 쓴다", "RFC 6749, 10.12", flawState),
	flawless("uses a nonce that nobody guesses, once", "추측할 수 없는 nonce를 한 번만 쓴다", "OpenID Connect Core 1.0, 15.5.2", flawNonce),
	flawless("signs what it asks for by the key of its certificate", "요청 내용을 인증서의 키로 서명한다", "docs/agencies.md, Who signs", flawConsumer),
	flawless("names the person who is logged in, with a fresh salt", "로그인한 사람을 새 솔트로 지정한다", "docs/agencies.md, Whose data", flawSubject),
	{partAsk, "makes a fresh recipient key for each grant", "동의마다 새 수신 키를 만든다", "docs/agencies.md, Terms", func(_ context.Context, b *Bench) error {
		b.hub.mu.Lock()
		defer b.hub.mu.Unlock()
		var keys []string
		for _, p := range b.hub.pushes {
			if p.recipient == "" {
				continue
			}
			if slices.Contains(keys, p.recipient) {
				return errors.New("two requests have one key")
			}
			keys = append(keys, p.recipient)
		}
		if len(keys) < 2 {
			return errors.New("there were not two requests to compare")
		}
		return nil
	}},
	flawless("sends the provider a token with a proof of its own, request and terms", "제공 기관에 토큰과 증명, 요청서와 조건을 보낸다", "docs/agencies.md, Release 1", flawRelease),
	{partAsk, "uses an idempotency key of its own for each use", "회차마다 다른 멱등 키를 쓴다", "docs/agencies.md, Release 1", func(_ context.Context, b *Bench) error {
		b.hub.mu.Lock()
		defer b.hub.mu.Unlock()
		uses := map[string]string{}
		for _, s := range b.hub.sent {
			id := fmt.Sprintf("%s/%d", s.grant, s.use)
			if was, there := uses[s.key]; there && was != id {
				return errors.New("two uses have one key")
			}
			uses[s.key] = id
		}
		return nil
	}},
	{partAsk, "lets no other site press its button", "다른 사이트가 버튼을 누르지 못하게 한다", "RFC 6265bis, 8.8.2", foreignPress},
}

// foreignPress posts the form as a page of another site would.
func foreignPress(ctx context.Context, b *Bench) error {
	v := b.browser()
	if err := v.open(ctx, b.options.URL); err != nil {
		return err
	}
	form, ok := v.form(b.plan.Site.Form)
	if !ok {
		return errors.New("the page has no form")
	}
	before := b.hub.counted()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, form.Action.String(), strings.NewReader(form.Fields.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "https://other.invalid")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if _, err := v.who.Send(r); err != nil {
		return err
	}
	if b.hub.counted().pushes > before.pushes {
		return errors.New("it began a request for another site: look at Sec-Fetch-Site or Origin (in Go http.CrossOriginProtection)")
	}
	return nil
}

// returned is a case that changes what the browser brings back.
func returned(name, korean, clause string, change func(q map[string]string)) check {
	return check{partBack, name, korean, clause, func(ctx context.Context, b *Bench) error {
		return b.lied(ctx, beforeToken, hooks{back: change})
	}}
}

var backCases = []check{
	returned("refuses an answer without iss", "iss 없는 응답을 거부한다", "RFC 9207, 2.4", func(q map[string]string) { delete(q, "iss") }),
	returned("refuses an answer of another issuer (mix-up)", "다른 발급자의 응답을 거부한다(mix-up)", "RFC 9207, 2.4", func(q map[string]string) { q["iss"] = "https://hub.invalid" }),
	returned("refuses an answer without state", "state 없는 응답을 거부한다", "RFC 6749, 10.12", func(q map[string]string) { delete(q, "state") }),
	returned("refuses an answer with another state", "다른 state의 응답을 거부한다", "RFC 6749, 10.12", func(q map[string]string) { q["state"] = "another-state-0123456789" }),
	{partBack, "refuses an answer in another browser, and takes it in its own", "다른 브라우저의 응답은 거부하고 자기 브라우저에서는 받는다", "RFC 6749, 10.12", otherBrowser},
	{partBack, "takes an answer once", "응답을 한 번만 받는다", "RFC 6749, 10.5", func(ctx context.Context, b *Bench) error {
		v, err := b.good(ctx, hooks{})
		if err != nil {
			return err
		}
		before, to := b.hub.counted(), b.hub.sentBack()
		if err := v.open(ctx, to); err != nil {
			return err
		}
		if after := b.hub.counted(); after.attempts > before.attempts || after.tried > before.tried {
			return errors.New("it took it twice")
		}
		return nil
	}},
	{partBack, "shows a clear page when the citizen says no, and asks for no token", "시민이 거부하면 분명한 화면을 보이고 토큰을 요청하지 않는다", "RFC 6749, 4.1.2.1", denied},
}

func (h *hub) sentBack() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.callback
}

func otherBrowser(ctx context.Context, b *Bench) error {
	mine, err := b.walk(ctx, hooks{stay: true})
	if err != nil {
		return err
	}
	to := b.hub.sentBack()
	theirs, err := b.walk(ctx, hooks{stay: true}) // has something under way as well
	if err != nil {
		return err
	}
	before := b.hub.counted()
	for _, v := range []*visit{b.browser(), theirs} {
		if err := v.open(ctx, to); err != nil {
			return err
		}
		if b.hub.counted().tokens > before.tokens {
			return errors.New("another browser's answer was taken")
		}
	}
	b.hub.with(hooks{})
	if err := mine.open(ctx, to); err != nil {
		return err
	}
	if !b.taken(ctx, before) {
		return errors.New("its own browser's answer was not taken afterwards")
	}
	return nil
}

func denied(ctx context.Context, b *Bench) error {
	before := b.hub.counted()
	v, err := b.walk(ctx, hooks{deny: true})
	if err != nil {
		return err
	}
	if b.hub.counted().tokens > before.tokens {
		return errors.New("it asked for a token")
	}
	return clear(v)
}

// clear is a page that a person can read: of the consumer's own, with a heading.
func clear(v *visit) error {
	text := strings.ToLower(string(v.page.Body))
	switch {
	case v.page.URL.Host != v.b.host():
		return fmt.Errorf("the browser ends at %s", v.page.URL.Host)
	case v.page.Status >= 500:
		return fmt.Errorf("a page of status %d: what a person or a party refuses is no fault of the agency's, and 4xx", v.page.Status)
	case !strings.HasPrefix(v.page.Header.Get("Content-Type"), "text/html"), !strings.Contains(text, "<h1"), !strings.Contains(text, "<html lang="):
		return errors.New("it is no page with a heading and a language")
	}
	return nil
}

var afterCases = []check{
	{partAfter, "posts the countersignature to the hub, and to the provider", "수신 서명을 허브와 제공 기관에 보낸다", "docs/agencies.md, Release 6", func(ctx context.Context, b *Bench) error {
		if _, err := b.good(ctx, hooks{}); err != nil {
			return err
		}
		b.hub.mu.Lock()
		defer b.hub.mu.Unlock()
		got := b.hub.received[len(b.hub.received)-1]
		if _, err := consent.OpenReceived(got, b.world.Trust.AgencyRoots); err != nil {
			return err
		}
		if !slices.Contains(b.hub.acked, got) {
			return errors.New("the provider was not told")
		}
		return nil
	}},
	{partAfter, "asks a busy provider again, with the same body", "바쁜 제공 기관에 같은 본문으로 다시 요청한다", "docs/agencies.md, Release 5", func(ctx context.Context, b *Bench) error {
		if _, err := b.good(ctx, hooks{busy: 1}); err != nil {
			return err
		}
		b.hub.mu.Lock()
		defer b.hub.mu.Unlock()
		n := len(b.hub.sent)
		if n < 2 || b.hub.sent[n-1].body != b.hub.sent[n-2].body {
			return errors.New("the second request is not the first's")
		}
		return nil
	}},
	{partAfter, "refuses the answer of an earlier use", "이전 회차의 응답을 거부한다", "docs/agencies.md, Release 6", func(ctx context.Context, b *Bench) error {
		var first *making
		v, err := b.good(ctx, hooks{release: func(step string, m *making) {
			if step == stepAnswer {
				first = m
			}
		}})
		if err != nil {
			return err
		}
		return b.anew(ctx, v, hooks{release: func(step string, m *making) {
			if step == stepAnswer {
				m.answer = first.answer
			}
		}}, false)
	}},
	{partAfter, "makes the next use of a grant", "동의의 다음 회차를 사용한다", "docs/agencies.md, Release 1", func(ctx context.Context, b *Bench) error {
		v, err := b.good(ctx, hooks{})
		if err != nil {
			return err
		}
		return b.anew(ctx, v, hooks{}, true)
	}},
	{partAfter, "shows that a grant was withdrawn", "동의가 철회되었음을 보여 준다", "docs/agencies.md, Release 6", func(ctx context.Context, b *Bench) error {
		v, err := b.good(ctx, hooks{})
		if err != nil {
			return err
		}
		if _, err := b.world.Ledger.Withdraw(ctx, b.hub.last().grant, b.plan.People.One.ID); errors.Is(err, consent.ErrConsumed) {
			return skip("the consumer asks for one use: nothing is left to withdraw")
		} else if err != nil {
			return err
		}
		if err := b.anew(ctx, v, hooks{}, false); err != nil {
			return err
		}
		if err := clear(v); err != nil {
			return err
		}
		for _, word := range b.plan.Site.Withdrawn {
			if strings.Contains(string(v.page.Body), word) {
				return nil
			}
		}
		return fmt.Errorf("the page has none of the words %q", b.plan.Site.Withdrawn)
	}},
	{partAfter, "asks the log for what the hub promised", "허브의 약속을 로그에서 확인한다", "docs/agencies.md, Release 4", func(ctx context.Context, b *Bench) error {
		return b.asked(ctx, b.unproven)
	}},
}

// anew presses the button of the next use.
func (b *Bench) anew(ctx context.Context, v *visit, k hooks, good bool) error {
	form, ok := v.form(b.plan.Site.Again)
	if b.plan.Site.Again == "" || !ok {
		return skip("the page has no form of the next use: site.again")
	}
	b.hub.with(k)
	before := b.hub.counted()
	if err := v.submit(ctx, form); err != nil {
		return err
	}
	switch after := b.hub.counted(); {
	case !good && after.tried > before.tried:
		return errors.New("it took it")
	case good && !b.taken(ctx, before):
		return fmt.Errorf("no countersignature came; the page has status %d", v.page.Status)
	}
	return nil
}

// asked waits until the agency has asked the log for a leaf.
func (b *Bench) asked(ctx context.Context, leaf string) error {
	if leaf == "" {
		return skip("nothing was promised")
	}
	over := time.After(b.options.ProofTime)
	for {
		b.hub.mu.Lock()
		there := b.hub.proofs[leaf]
		b.hub.mu.Unlock()
		if there {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.New("it did not ask in time")
		case <-over:
			return errors.New("it did not ask in time")
		case <-time.After(200 * time.Millisecond):
		}
	}
}
