package admit

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"
)

// check is one case: what an agency must do, in both languages, and who says so.
type check struct {
	part, name, korean, clause string
	run                        func(ctx context.Context, b *Bench) error
}

// skipped is why a case cannot run here.
type skipped struct{ reason string }

func (s skipped) Error() string { return s.reason }

func skip(reason string) error { return skipped{reason} }

// caseTime bounds one case.
const caseTime = 2 * time.Minute

func (b *Bench) runAll(ctx context.Context, role, id string, cases []check) (Report, error) {
	r := Report{Role: role, Agency: id, URL: b.options.URL, At: b.now().UTC().Truncate(time.Second)}
	for _, c := range cases {
		if err := ctx.Err(); err != nil {
			return r, err
		}
		began := time.Now()
		limited, cancel := context.WithTimeout(ctx, caseTime)
		err := c.run(limited, b)
		cancel()
		one := Result{Part: c.part, Name: c.name, Korean: c.korean, Clause: c.clause, Outcome: Passed, Took: time.Since(began)}
		if err != nil {
			one.Outcome, one.Detail = Failed, err.Error()
			if _, ok := errors.AsType[skipped](err); ok {
				one.Outcome = Skipped
			}
		}
		b.reset()
		r.Results = append(r.Results, one)
		if b.options.Seen != nil {
			b.options.Seen(one)
		}
	}
	r.gather()
	return r, nil
}

// gather puts together what belongs to one part, in the order of the parts'
// first cases.
func (r *Report) gather() {
	first := map[string]int{}
	for i, each := range r.Results {
		if _, there := first[each.Part]; !there {
			first[each.Part] = i
		}
	}
	slices.SortStableFunc(r.Results, func(a, b Result) int { return cmp.Compare(first[a.Part], first[b.Part]) })
}
