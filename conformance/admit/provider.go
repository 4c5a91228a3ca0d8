package admit

import (
	"context"
	"errors"
	"slices"
)

// The parts of a report.
const (
	partRelease = "release"
	partToken   = "token"
	partProof   = "proof"
	partRequest = "request and terms"
	partNumber  = "use numbers"
	partPerson  = "person"
	partInput   = "bad input"
	partAll     = "every answer"

	partAsk      = "asking"
	partBack     = "the browser's return"
	partGrant    = "grant and token"
	partEvidence = "evidence"
	partAfter    = "after a release"
)

// Provider runs what an agency that gives data must pass.
func (b *Bench) Provider(ctx context.Context) (Report, error) {
	slow := b.beginSlow(ctx)
	defer slow.end()
	var cases []check
	for _, part := range [][]check{releaseCases, commitCases, retryCases, tokenCases, proofCases, requestCases, hubCases, numberCases, personCases, inputCases} {
		cases = append(cases, part...)
	}
	cases = append(cases, check{partInput, "ends a connection that never finishes its request", "끝나지 않는 요청의 연결을 끊는다", "docs/operations.md, Too much at once", slow.check})
	cases = append(cases, check{partRelease, "asks the log for what the hub promised", "허브의 약속을 로그에서 확인한다", "docs/agencies.md, Release 4", func(ctx context.Context, b *Bench) error {
		b.hub.mu.Lock()
		leaves := b.hub.leaves
		b.hub.mu.Unlock()
		if len(leaves) == 0 {
			return skip("nothing was promised")
		}
		return b.asked(ctx, leaves[0])
	}})
	return b.runAll(ctx, "provider", b.plan.Provider, append(cases, allCases...))
}

// bend is a case that changes one thing of a good request; the provider must
// refuse it, ask the hub for nothing, and take the unchanged one afterwards.
func bend(part, name, korean, clause string, change func(*asked)) check {
	return check{part, name, korean, clause, func(ctx context.Context, b *Bench) error {
		good, err := b.ask(ctx, b.plan.People.One.ID, nil)
		if err != nil {
			return err
		}
		bent := good.clone()
		change(bent)
		return refused(ctx, bent, good)
	}}
}

// refused says why a bent request was not refused as it must be. good, if there
// is one, must pass afterwards.
func refused(ctx context.Context, bent, good *asked) error {
	before := bent.b.hub.asked()
	got, err := bent.send(ctx)
	if err != nil {
		return err
	}
	after := bent.b.hub.asked()
	switch {
	case got.released():
		return errors.New("it released")
	case got.status < 400:
		return errors.New("it did not refuse: " + got.String())
	case after != before:
		return errors.New("it refused only after it had asked the hub to commit")
	}
	if good == nil {
		return nil
	}
	if _, _, err := good.must(ctx); err != nil {
		return errors.New("the unchanged request is refused too: " + err.Error())
	}
	return nil
}

// all is what is asked for.
func (b *Bench) all() []string { return slices.Concat(b.plan.Claims, b.plan.Optional) }
