package admit

import (
	"context"
	"time"

	"github.com/govmydata/mydata/conformance/report"
)

// What a run says.
type (
	Report = report.Report
	Result = report.Result
)

// check is one case: what an agency must do, in both languages, and who says so.
type check struct {
	part, name, korean, clause string
	run                        func(ctx context.Context, b *Bench) error
}

func skip(reason string) error { return report.Skip(reason) }

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
		one := r.Add(report.Case{Part: c.part, Name: c.name, Korean: c.korean, Clause: c.clause}, began, err)
		b.reset()
		if b.options.Seen != nil {
			b.options.Seen(one)
		}
	}
	r.Gather()
	return r, nil
}
