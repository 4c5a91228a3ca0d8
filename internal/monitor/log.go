package monitor

import (
	"context"
	"errors"
	"fmt"

	"github.com/govmydata/mydata/pkg/audit"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/tlog"
)

// last is the checkpoint remembered; it was opened when it was, and the tree
// beside it is its own.
func (m *Monitor) last() (tlog.Checkpoint, bool) {
	if m.memory.Note == "" {
		return tlog.Checkpoint{}, false
	}
	c, err := m.o.Policy.Ever().Open([]byte(m.memory.Note)) // a key that was retired since signed it
	return c, err == nil && m.memory.Edge.Size == c.Size-c.Size%tlog.TileWidth
}

func (m *Monitor) size() int64 {
	c, _ := m.last()
	return c.Size
}

// log opens the checkpoint, compares it with the last and reads what is new.
func (r *round) log(ctx context.Context) {
	note, err := r.o.Log.Checkpoint(ctx)
	if err != nil {
		r.find("log unreadable", audit.Finding{Check: audit.Unreadable, Detail: fmt.Sprintf("checkpoint: %v", err)})
		return
	}
	now, err := r.o.Policy.Open(note)
	unwitnessed := errors.Is(err, tlog.ErrUnwitnessed)
	if err == nil || unwitnessed {
		r.report.Witnesses = now.Witnesses
	}
	switch {
	case unwitnessed:
		r.find("log unwitnessed", audit.Finding{Check: audit.Unwitnessed,
			Detail: fmt.Sprintf("size %d cosigned only by %d witnesses %v", now.Size, len(now.Witnesses), now.Witnesses), Evidence: []string{string(note)}})
	case err != nil:
		r.find("log checkpoint", audit.Finding{Check: audit.Checkpoint, Detail: err.Error(), Evidence: []string{string(note)}})
		return
	}
	if now.Origin != r.origin {
		r.find("log checkpoint", audit.Finding{Check: audit.Checkpoint, Detail: "it is of " + now.Origin, Evidence: []string{string(note)}})
		return
	}
	r.shown = now.Size
	if !r.continues(ctx, now) || !r.read(ctx, now, unwitnessed) {
		return
	}
	r.stale(now)
}

// continues compares with the checkpoint remembered. What contradicts it is told
// once, however often the log then moves.
func (r *round) continues(ctx context.Context, now tlog.Checkpoint) bool {
	if r.memory.Note == "" {
		return true
	}
	last, ok := r.last()
	if !ok {
		r.find("log remembered", audit.Finding{Check: audit.Remembered, Detail: "the remembered checkpoint is not one that the policy takes, or not that of the remembered tree"})
		return false
	}
	f := audit.Continues(ctx, r.o.Log, last, now)
	if f == nil {
		return true
	}
	key := "log unreadable"
	if f.Check != audit.Unreadable {
		key = fmt.Sprintf("log %s %d %s", f.Check, last.Size, last.Root)
	}
	r.find(key, *f)
	return false
}

// read walks over the new entries, and moves what is remembered once all of it
// was checked and witnesses vouch for it.
func (r *round) read(ctx context.Context, now tlog.Checkpoint, unwitnessed bool) bool {
	if r.memory.Note != "" && r.size() == now.Size {
		return true
	}
	var from *tlog.Edge
	if r.memory.Edge != nil {
		var err error
		if from, err = r.memory.Edge.At(); err != nil { // it was checked when it was read
			return false
		}
	}
	heard := &hearing{since: r.size()}
	walk := audit.Walk{Log: r.o.Log, To: now, From: from, Each: heard.entry}
	edge, found, err := walk.Run(ctx)
	switch {
	case err != nil:
		return false // the context ended
	case found != nil && found.Check == audit.Unreadable:
		r.find("log unreadable", *found)
		return false
	case found != nil:
		found.Evidence = []string{string(now.Note)}
		r.find(fmt.Sprintf("log %s %s", found.Check, found.Detail), *found)
		return false
	}
	if unwitnessed {
		return false
	}
	for _, f := range heard.wrong {
		r.find("log entry "+f.Detail, f)
	}
	for _, f := range audit.KeyChanges(r.o.Policy, heard.keys) {
		r.find("log key "+f.Detail, f)
	}
	r.hear(heard.lists)
	r.hearDocuments(heard.documents)
	progress := audit.NewProgress(edge, now.Note)
	r.memory.Note, r.memory.At, r.memory.Edge = string(now.Note), r.now, &progress
	return true
}

// stale compares the time of the newest cosignature, which is a witness's word,
// with our own clock.
func (r *round) stale(now tlog.Checkpoint) {
	at := now.Cosigned
	if at.IsZero() {
		at = r.memory.At // a policy without witnesses: since when we know it
	}
	if age := r.now.Sub(at); r.o.StaleAfter > 0 && age.Abs() > r.o.StaleAfter {
		r.find("log stale", audit.Finding{Check: audit.Stale,
			Detail: fmt.Sprintf("the checkpoint of size %d was cosigned last at %s", now.Size, at.UTC().Format("2006-01-02T15:04:05Z")), Evidence: []string{string(now.Note)}})
	}
}

// hearing collects what new entries say to everybody.
type hearing struct {
	since     int64
	lists     []said
	documents []credential.DIDDocument
	keys      []tlog.KeyChange
	wrong     []audit.Finding
}

// maxWrong bounds what is listed of one walk; more of the same adds nothing.
const maxWrong = 20

func (h *hearing) entry(index int64, entry []byte, _ tlog.Hash) error {
	if index < h.since || tlog.IsCommitment(entry) {
		return nil
	}
	kind, body, err := tlog.ParseStatement(entry)
	if err == nil && kind == credential.StatementStatusList {
		var s said
		if s, err = parseSaid(body); err == nil {
			h.lists = append(h.lists, s)
		}
	}
	if err == nil && kind == credential.StatementDID {
		var d credential.DIDDocument
		if d, err = credential.ParseDIDDocument(entry); err == nil {
			h.documents = append(h.documents, d)
		}
	}
	if err == nil && kind == tlog.KindKeyChange && len(h.keys) < maxWrong {
		var c tlog.KeyChange
		if c, err = tlog.ParseKeyChangeEntry(entry); err == nil {
			h.keys = append(h.keys, c)
		}
	}
	if err != nil && len(h.wrong) < maxWrong {
		h.wrong = append(h.wrong, audit.Finding{Check: audit.Unsaid, Detail: short(fmt.Sprintf("entry %d: %v", index, err))})
	}
	return nil
}
