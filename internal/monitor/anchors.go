package monitor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/govmydata/mydata/pkg/audit"
	"github.com/govmydata/mydata/pkg/tlog"
)

// Anchor is a checkpoint that others keep, verified.
type Anchor = audit.Anchored

// ErrUnproven says that something claims to be an anchor and does not verify.
var ErrUnproven = errors.New("the anchor does not verify")

// Anchors gives the newest anchor; fs.ErrNotExist: there is none, ErrUnproven:
// what there is does not verify. Any other error: it could not be read.
type Anchors interface {
	Latest(ctx context.Context) (Anchor, error)
}

// grown is a size that was published, and when it was seen first.
type grown struct {
	Size int64     `json:"size"`
	At   time.Time `json:"at"`
}

// maxGrown bounds the sizes that wait: the oldest and the newest matter.
const maxGrown = 256

// anchors checks that the newest anchor is a beginning of the log, and that no
// checkpoint waits longer for one than it may.
func (r *round) anchors(ctx context.Context) {
	if r.o.Anchors == nil {
		return
	}
	last, ok := r.last()
	if !ok {
		return
	}
	waiting := r.memory.Grown
	if last.Size > 0 && (len(waiting) == 0 || waiting[len(waiting)-1].Size < last.Size) {
		waiting = append(waiting, grown{last.Size, r.memory.At})
	}
	if len(waiting) > maxGrown {
		waiting = append(waiting[:maxGrown/2], waiting[len(waiting)-maxGrown/2:]...)
	}
	anchored, ok := r.anchored(ctx, last)
	if !ok {
		anchored = min(r.memory.Ahead, last.Size) // what was anchored before stays so
	} else {
		r.report.Anchored = anchored
	}
	var left []grown
	for _, g := range waiting {
		if g.Size > anchored || g.Size == last.Size { // the last tells growth from rest
			left = append(left, g)
		}
	}
	r.memory.Grown = left
	if anchored < last.Size {
		r.missed(left)
	}
}

// anchored is the size of the newest anchor, once it was compared.
func (r *round) anchored(ctx context.Context, last tlog.Checkpoint) (int64, bool) {
	a, err := r.o.Anchors.Latest(ctx)
	switch {
	case errors.Is(err, fs.ErrNotExist): // what was anchored before stays so
		return min(r.memory.Ahead, last.Size), true
	case errors.Is(err, ErrUnproven):
		r.find("anchor unproven", audit.Finding{Check: audit.Anchor, Detail: err.Error()})
		return 0, false
	case err != nil:
		r.find("anchor unreadable", audit.Finding{Check: audit.Unreadable, Detail: fmt.Sprintf("anchors: %v", err)})
		return 0, false
	case a.Origin != r.origin:
		r.find("anchor origin", audit.Finding{Check: audit.Anchor, Detail: "the anchor is of " + a.Origin})
		return 0, false
	}
	at := tlog.Checkpoint{Origin: a.Origin, Size: a.Size, Root: a.Root, Note: fmt.Appendf(nil, "%s\n%d\n%s\n", a.Origin, a.Size, a.Root)}
	if r.shown >= 0 && r.shown < r.memory.Ahead {
		r.find("anchor ahead", audit.Finding{Check: audit.Anchor, Detail: fmt.Sprintf(
			"the log shows size %d, and size %d was anchored before: it was set back", r.shown, r.memory.Ahead)})
	}
	before, now := at, last
	if at.Size > last.Size {
		before, now = last, at
	}
	f := audit.Continues(ctx, r.o.Log, before, now)
	switch {
	case f == nil:
		r.memory.Ahead = max(r.memory.Ahead, a.Size)
		return a.Size, true
	case f.Check == audit.Unreadable && at.Size > last.Size:
		// Published after we read the checkpoint, or set back since: the next
		// round tells.
		r.memory.Ahead = max(r.memory.Ahead, a.Size)
		return last.Size, true
	case f.Check == audit.Unreadable:
		r.find("anchor unreadable", *f)
		return 0, false
	}
	f.Detail = fmt.Sprintf("%s: the anchor of size %d is not of this log: %s", f.Check, a.Size, f.Detail)
	f.Check = audit.Anchor
	r.find(fmt.Sprintf("anchor %d %s", a.Size, a.Root), *f)
	return 0, false
}

func (r *round) missed(waiting []grown) {
	if len(waiting) == 0 || r.o.Within <= 0 || r.now.Sub(waiting[0].At) <= r.o.Within {
		return
	}
	r.find("anchor missed", audit.Finding{Check: audit.Missed, Detail: fmt.Sprintf(
		"size %d, seen at %s, is not anchored after %s", waiting[0].Size, waiting[0].At.UTC().Format(time.RFC3339), r.o.Within)})
}
