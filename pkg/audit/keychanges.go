package audit

import (
	"bytes"
	"fmt"
	"time"

	"github.com/govmydata/mydata/pkg/tlog"
)

// KeyChanges compares what a log said of changes of its key, oldest first, with
// the keys that a policy has: a change that the policy does not know of has to
// be taken in by a person before the old key ends; one between keys that lead to
// none of the policy's is somebody else's.
func KeyChanges(policy tlog.Policy, said []tlog.KeyChange) (found []Finding) {
	ends := map[string]time.Time{}
	for _, l := range policy.Logs {
		ends[l.Key.String()] = l.Until
	}
	find := func(c tlog.KeyChange, detail string) {
		found = append(found, Finding{Key, fmt.Sprintf("%s to %s: %s", c.Old, c.New, detail), []string{string(c.Note)}})
	}
	for i := len(said) - 1; i >= 0; i-- {
		c := said[i]
		until, old := ends[c.Old.String()]
		_, next := ends[c.New.String()]
		switch {
		case old && !next:
			find(c, "the policy does not know of it; the old key ends at "+c.Retired.Format(time.RFC3339)+" (idp log rekey takes it in)")
		case !old && !next:
			find(c, "the policy has neither key, nor one that followed")
		case old && !until.Equal(c.Retired):
			find(c, "the policy does not end the old key at "+c.Retired.Format(time.RFC3339))
		case !old:
			ends[c.Old.String()] = c.Retired // an older change leads to it
		}
	}
	return found
}

// changes takes a change of the log's key that an entry says; one that is said
// again, or read again after an interruption, once.
func (a *Audit) changes(c tlog.KeyChange) {
	size := len(c.Note)
	for _, known := range a.keys {
		if bytes.Equal(known.Note, c.Note) {
			return
		}
		size += len(known.Note)
	}
	if size <= maxKeys {
		a.keys = append(a.keys, c)
	}
}

// progress is what is kept of a walk: its edge, and what it heard of keys.
func (a *Audit) progress(edge *tlog.Edge) Progress {
	p := NewProgress(edge, a.now.Note)
	for _, c := range a.keys {
		p.Keys = append(p.Keys, string(c.Note))
	}
	return p
}
