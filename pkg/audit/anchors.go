package audit

import (
	"context"
	"fmt"

	"github.com/govmydata/mydata/pkg/tlog"
)

// Anchored is a checkpoint that others keep, as a proof that was verified says.
type Anchored struct {
	Origin string
	Size   int64
	Root   tlog.Hash
}

// Anchors are proofs of anchors, verified by what the auditor was given.
type Anchors interface {
	// Each gives every proof there is, by a name, or why it does not verify. Its
	// own error says that they could not be read.
	Each(ctx context.Context, each func(name string, a Anchored, err error)) error
}

// anchors checks that each anchor is a beginning of the log that was walked.
func (a *Audit) anchors(ctx context.Context) {
	findings := len(a.report.Findings)
	err := a.Anchors.Each(ctx, func(name string, at Anchored, err error) {
		a.report.Anchors++
		switch {
		case err != nil:
			a.report.find(Anchor, "%s: %v", name, err)
		case at.Origin != a.now.Origin:
			a.report.find(Anchor, "%s: it is of the log %s", name, at.Origin)
		default:
			a.report.Anchored = max(a.report.Anchored, at.Size)
			a.take(a.anchor(ctx, name, at))
		}
	})
	if err != nil {
		a.report.find(Unreadable, "anchors: %v", err)
	}
	if len(a.report.Findings) == findings && a.report.Anchors > 0 {
		a.report.pass("every anchor is a beginning of the log")
	}
}

func (a *Audit) anchor(ctx context.Context, name string, at Anchored) *Finding {
	note := fmt.Appendf(nil, "%s\n%d\n%s\n", at.Origin, at.Size, at.Root)
	f := Continues(ctx, a.Log, tlog.Checkpoint{Origin: at.Origin, Size: at.Size, Root: at.Root, Note: note}, a.now)
	if f != nil && f.Check != Unreadable {
		f.Check, f.Detail = Anchor, fmt.Sprintf("%s: %s: %s", name, f.Check, f.Detail)
	}
	return f
}
