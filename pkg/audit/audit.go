package audit

import (
	"context"
	"errors"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/tlog"
)

// Audit is one walk over a log.
type Audit struct {
	Log      Source // nil: the receipts alone
	Policy   tlog.Policy
	Before   []byte  // checkpoint seen last time, or nothing
	Events   Events  // nil: the log alone
	Receipts *Bundle // nil: none
	Anchors  Anchors // nil: none
	// RP and Officers are whom approvals and passkey histories are signed for
	// and by; without them these signatures are not checked, and the report
	// does not say they were.
	RP       approval.RelyingParty
	Officers []jose.JSONWebKey
	// Resume is where an earlier walk was interrupted; nil: begin at the first
	// entry. With Events the walk always begins there: it needs every leaf.
	Resume *Progress
	// Keep is called now and then with what Resume may be next time; nil: never.
	// An error ends the audit.
	Keep func(Progress) error
	// Moved hears how far the walk is, after each bundle; nil: nobody does.
	Moved func(done, size int64)
	// Now is the clock that promises are compared with; time.Now when nil.
	Now func() time.Time

	report Report
	now    tlog.Checkpoint
	before tlog.Checkpoint
	leaves leaves // those that are no statements, with Events alone
	said   []Statement
	lists  map[string]listed
	keys   []tlog.KeyChange
}

// Run makes every check and reports. The error says that the context ended, or
// that what Keep was given could not be kept.
func (a *Audit) Run(ctx context.Context) (_ Report, err error) {
	a.report, a.leaves, a.said, a.lists, a.keys = Report{Findings: []Finding{}}, leaves{}, nil, map[string]listed{}, nil
	defer func() { err = errors.Join(err, a.leaves.close()) }()
	walked := false
	if a.Log != nil {
		if walked, err = a.whole(ctx); err != nil {
			return a.report, err
		}
	}
	if a.Receipts != nil {
		a.receipts(ctx, walked)
	}
	return a.report, ctx.Err()
}

// whole walks the log and compares what else there is with it; true: entries,
// tiles and root are one tree.
func (a *Audit) whole(ctx context.Context) (bool, error) {
	if !a.checkpoint(ctx) || !a.remembered() {
		return false, nil
	}
	from, ok := a.resumed(ctx)
	if !ok {
		return false, nil
	}
	walked, err := a.walk(ctx, from)
	if err != nil {
		return false, err
	}
	if a.Anchors != nil && walked {
		a.anchors(ctx)
	}
	if a.Events != nil {
		err = a.events(ctx)
	}
	return walked, err
}

func (a *Audit) clock() time.Time {
	if a.Now != nil {
		return a.Now()
	}
	return time.Now()
}

// Seen is the checkpoint to remember, after a report without findings.
func (a *Audit) Seen() []byte { return a.now.Note }

// checkpoint opens the log's checkpoint. Without witnesses the walk goes on:
// a second lie may be found, but the first is said.
func (a *Audit) checkpoint(ctx context.Context) bool {
	note, err := a.Log.Checkpoint(ctx)
	if err != nil {
		a.report.find(Unreadable, "checkpoint: %v", err)
		return false
	}
	a.now, err = a.Policy.Open(note)
	if err != nil && !errors.Is(err, tlog.ErrUnwitnessed) {
		a.report.Findings = append(a.report.Findings, Finding{Checkpoint, err.Error(), []string{string(note)}})
		return false
	}
	a.report.Origin, a.report.Size, a.report.Root = a.now.Origin, a.now.Size, a.now.Root.String()
	a.report.Witnesses = a.now.Witnesses
	a.report.pass("checkpoint signed by the log")
	if err != nil {
		a.report.find(Unwitnessed, "cosigned only by %d witnesses %v", len(a.now.Witnesses), a.now.Witnesses)
	} else {
		a.report.pass("checkpoint cosigned by a quorum of witnesses")
	}
	return true
}

// remembered compares with the checkpoint seen last time, as far as sizes and
// roots say; walk finds the rest.
func (a *Audit) remembered() bool {
	a.before = tlog.Checkpoint{Root: tlog.EmptyRoot}
	if len(a.Before) == 0 {
		return true
	}
	before, ok := a.recall(a.Before, "the remembered checkpoint")
	if !ok {
		return false
	}
	a.before, a.report.Since = before, before.Size
	if a.now.Size > before.Size {
		return true
	}
	return a.take(Continues(context.Background(), a.Log, before, a.now)) // sizes and roots alone: no tile is read
}

// recall opens a checkpoint that an earlier run kept, perhaps before its key was
// retired.
func (a *Audit) recall(note []byte, which string) (tlog.Checkpoint, bool) {
	c, err := a.Policy.Ever().Open(note)
	if err != nil && !errors.Is(err, tlog.ErrUnwitnessed) || c.Origin != a.now.Origin {
		a.report.find(Remembered, "%s is not one of this log", which)
		return tlog.Checkpoint{}, false
	}
	return c, true
}

// take adds a finding; true: there was none.
func (a *Audit) take(f *Finding) bool {
	if f != nil {
		a.report.Findings = append(a.report.Findings, *f)
	}
	return f == nil
}

// resumed is the edge to go on from, once the log has kept to the checkpoint
// that was being walked to then.
func (a *Audit) resumed(ctx context.Context) (*tlog.Edge, bool) {
	if a.Resume == nil {
		return nil, true
	}
	walking, ok := a.recall([]byte(a.Resume.Note), "the checkpoint of the interrupted walk")
	if !ok {
		return nil, false
	}
	edge, err := a.Resume.At()
	if err != nil || edge.Size() > walking.Size {
		a.report.find(Remembered, "%v", errProgress)
		return nil, false
	}
	if !a.take(Continues(ctx, a.Log, walking, a.now)) {
		return nil, false
	}
	if a.Events != nil {
		return nil, true
	}
	for _, note := range a.Resume.Keys {
		c, err := tlog.ParseKeyChange([]byte(note))
		if err != nil {
			a.report.find(Remembered, "%v: %v", errProgress, err)
			return nil, false
		}
		a.changes(c)
	}
	a.report.Resumed = edge.Size()
	return edge, true
}

// keepEvery is after how many entries progress is kept.
const keepEvery = 256 * tlog.TileWidth

// walk compares entries, tiles and root, and the root at the remembered size.
func (a *Audit) walk(ctx context.Context, from *tlog.Edge) (bool, error) {
	w := Walk{Log: a.Log, To: a.now, From: from, Kept: a.kept, Each: a.each}
	_, found, err := w.Run(ctx)
	if a.keeps() && w.agree() && (err != nil || found != nil) { // interrupted, or out of reach
		err = errors.Join(err, a.Keep(a.progress(w.entries)))
	}
	if err != nil || !a.take(found) {
		return false, err
	}
	a.report.pass("entries, tiles and root are one tree")
	a.report.Findings = append(a.report.Findings, KeyChanges(a.Policy, a.keys)...)
	if len(a.before.Note) > 0 && a.take(Continues(ctx, a.Log, a.before, a.now)) {
		a.report.pass("it continues the log seen before")
	}
	return true, nil
}

// each takes one entry: a statement explains itself.
func (a *Audit) each(_ int64, entry []byte, leaf tlog.Hash) error {
	if !tlog.IsCommitment(entry) {
		if c, err := tlog.ParseKeyChangeEntry(entry); err == nil {
			a.changes(c)
		}
	}
	if a.Events != nil && !a.hear(entry) {
		return a.leaves.add(isLeaf, leaf, row{})
	}
	return nil
}

func (a *Audit) kept(edge *tlog.Edge) error {
	if a.Moved != nil {
		a.Moved(edge.Size(), a.now.Size)
	}
	if !a.keeps() || edge.Size()%keepEvery != 0 {
		return nil
	}
	return a.Keep(a.progress(edge))
}

func (a *Audit) keeps() bool { return a.Keep != nil && a.Events == nil }
