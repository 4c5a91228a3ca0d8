package credential

import (
	"context"
	"slices"
	"time"

	"github.com/govmydata/mydata/pkg/credential/statuslist"
)

// StatusTokenAt is the Status List Token of a list as it was at a time
// (draft-ietf-oauth-status-list, 8.4): its iat is that time, and it expires when
// the list changed next, at the latest after ListLife, and never after now, so
// that nobody can take it for a list of now. ErrNoHistory when none are given
// out, ErrHistory for a second that is not kept or has not passed.
func (i *Issuer) StatusTokenAt(ctx context.Context, id, media string, at time.Time) ([]byte, error) {
	row, err := i.Store.List(ctx, id)
	if err != nil {
		return nil, err
	}
	now := i.Now()
	switch {
	case i.History <= 0:
		return nil, ErrNoHistory
	case at.Add(time.Second).After(now) || at.Before(now.Add(-i.History)) || at.Before(row.Created.Truncate(time.Second)):
		return nil, ErrHistory
	}
	changes, err := i.Store.ListChanges(ctx, id)
	if err != nil {
		return nil, err
	}
	row, until, err := row.at(at, changes)
	if err != nil {
		return nil, err
	}
	for _, end := range []time.Time{at.Add(ListLife), now} {
		if until.IsZero() || end.Before(until) {
			until = end
		}
	}
	if until.Sub(at) < time.Second { // whole seconds are told
		until = at.Add(time.Second)
	}
	return i.signList(row, media, at, until)
}

// at undoes the changes, newest first, that came after a time; next is when the
// first of them did. A list from before changes were kept is known from the
// first that was.
func (l List) at(then time.Time, changes []Change) (was List, next time.Time, err error) {
	l.Data = slices.Clone(l.Data)
	list, err := statuslist.FromBytes(l.Bits, l.Data)
	if err != nil {
		return l, next, err
	}
	kept := l.oldestKept(changes)
	for _, c := range changes {
		if c.Version < kept {
			break
		}
		if !c.At.After(then) {
			return l, next, nil
		}
		if err := list.Set(c.Index, c.Was); err != nil {
			return l, next, err
		}
		next = c.At.Truncate(time.Second)
	}
	if kept > 2 {
		return l, next, ErrHistory
	}
	return l, next, nil
}

// oldestKept is the oldest version whose change is known, and that of all after
// it; 2 when that is all of them, since version 1 is the list as it began.
func (l List) oldestKept(changes []Change) int64 {
	known := map[int64]bool{}
	for _, c := range changes {
		known[c.Version] = true
	}
	version := l.Version
	for version > 1 && known[version] {
		version--
	}
	return version + 1
}
