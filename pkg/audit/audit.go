package audit

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/tlog"
)

// Audit is one walk over a log.
type Audit struct {
	Log    Source
	Policy tlog.Policy
	Before []byte // checkpoint seen last time, or nothing
	Events Events // nil: the log alone
	// RP and Officers are whom approvals and passkey histories are signed for
	// and by; without them these signatures are not checked, and the report
	// does not say they were.
	RP       approval.RelyingParty
	Officers []jose.JSONWebKey

	report Report
	now    tlog.Checkpoint
	before tlog.Checkpoint
	leaves map[tlog.Hash]bool // those that are no statements; true: an event explains it
	said   []Statement
}

// Run makes every check and reports. The error says only that the context
// ended.
func (a *Audit) Run(ctx context.Context) (Report, error) {
	a.report, a.leaves, a.said = Report{Findings: []Finding{}}, map[tlog.Hash]bool{}, nil
	if a.checkpoint(ctx) && a.remembered() {
		a.walk(ctx)
		if a.Events != nil {
			a.events(ctx)
		}
	}
	return a.report, ctx.Err()
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
	before, err := a.Policy.Open(a.Before)
	if err != nil && !errors.Is(err, tlog.ErrUnwitnessed) || before.Origin != a.now.Origin {
		a.report.find(Remembered, "the remembered checkpoint is not one of this log")
		return false
	}
	a.before, a.report.Since = before, before.Size
	switch {
	case a.now.Size < before.Size:
		a.contradiction(RolledBack, "the log has %d entries, it had %d", a.now.Size, before.Size)
		return false
	case a.now.Size == before.Size && a.now.Root != before.Root:
		a.contradiction(TwoLogs, "two roots for size %d", a.now.Size)
		return false
	}
	return true
}

func (a *Audit) contradiction(c Check, format string, args ...any) {
	a.report.Findings = append(a.report.Findings,
		Finding{c, fmt.Sprintf(format, args...), []string{string(a.before.Note), string(a.now.Note)}})
}
