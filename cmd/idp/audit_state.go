package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/govmydata/mydata/internal/durable"
	"github.com/govmydata/mydata/pkg/audit"
)

// auditState is the file that remembers, or nothing.
func auditState(flag, data string) string {
	info, err := os.Stat(data)
	switch {
	case flag == "-":
		return ""
	case flag != "":
		return flag
	case err != nil || !info.IsDir():
		return ""
	}
	return filepath.Join(data, "audit-checkpoint")
}

// progressOf is the file beside the remembered checkpoint in which an audit that
// is interrupted says how far it came.
func progressOf(state string) string { return state + ".progress" }

// recallAudit reads what an earlier audit kept, and has this one keep the same.
func recallAudit(a *audit.Audit, state string) error {
	if state == "" || a.Log == nil {
		return nil
	}
	var err error
	if a.Before, err = os.ReadFile(state); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("audit: %w", err)
	}
	text, err := os.ReadFile(progressOf(state))
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return fmt.Errorf("audit: %w", err)
	default:
		p, err := audit.ParseProgress(text)
		if err != nil {
			return fmt.Errorf("audit: %s: %w: look at the checkpoint in it, then put it aside to begin anew", progressOf(state), err)
		}
		a.Resume = &p
	}
	a.Keep = func(p audit.Progress) error {
		text, err := p.Marshal()
		if err == nil {
			err = durable.Replace(progressOf(state), text)
		}
		if err != nil {
			return fmt.Errorf("audit: keep progress: %w", err)
		}
		return nil
	}
	return nil
}

// rememberAudit replaces the checkpoint, durably, and then forgets the progress
// towards it.
func rememberAudit(state string, note []byte) error {
	if err := durable.Replace(state, note); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	if err := os.Remove(progressOf(state)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("audit: %w", err)
	}
	return nil
}

// showProgress writes how far the walk is to standard error, when that is a
// terminal or it was asked for; what it gives ends the line.
func showProgress(cmd *cobra.Command, a *audit.Audit, asked bool) func() {
	w := cmd.ErrOrStderr()
	file, ok := w.(*os.File)
	terminal := false
	if ok {
		info, err := file.Stat()
		terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	if !terminal && !asked {
		return func() {}
	}
	begin, end := "", "\n"
	if terminal { // one line, written over
		begin, end = "\r", ""
	}
	began, last := time.Now(), time.Time{}
	a.Moved = func(done, size int64) {
		if now := time.Now(); now.Sub(last) >= time.Second || done == size {
			last = now
			fmt.Fprintf(w, "%s%d of %d entries, %d%%, %s%s", begin, done, size, done*100/max(size, 1), now.Sub(began).Round(time.Second), end)
		}
	}
	return func() {
		if terminal && !last.IsZero() {
			fmt.Fprintln(w)
		}
	}
}

func printReport(w io.Writer, r audit.Report) {
	if r.Origin != "" {
		fmt.Fprintf(w, "log %s\nsize %d (seen before: %d)\nroot %s\nwitnesses %s\n",
			r.Origin, r.Size, r.Since, r.Root, strings.Join(r.Witnesses, ", "))
	}
	if r.Events > 0 {
		fmt.Fprintf(w, "events %d, of these %d not published yet; erased %d\n", r.Events, r.Pending, r.Erased)
	}
	if r.Lost > 0 {
		fmt.Fprintf(w, "leaves whose events were lost with a database %d\n", r.Lost)
	}
	if r.Resumed > 0 {
		fmt.Fprintf(w, "entries verified before it was interrupted %d\n", r.Resumed)
	}
	if r.Receipts > 0 || r.Anchors > 0 {
		fmt.Fprintf(w, "receipts %d; anchors %d, the newest of size %d\n", r.Receipts, r.Anchors, r.Anchored)
	}
	for _, check := range r.Passed {
		fmt.Fprintln(w, "  ok    "+check)
	}
	printFindings(w, r.Findings)
}

func printFindings(w io.Writer, all []audit.Finding) {
	for _, f := range all {
		fmt.Fprintf(w, "  LIE   %s: %s\n", f.Check, f.Detail)
		for _, note := range f.Evidence {
			fmt.Fprintln(w, "        | "+strings.ReplaceAll(strings.TrimSpace(note), "\n", "\n        | "))
		}
	}
}
