package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/govmydata/mydata/internal/idp/public"
	"github.com/govmydata/mydata/internal/sequencer"
	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/audit"
	"github.com/govmydata/mydata/pkg/tlog"
)

// published serves the log of a hub that does not run, and counts what is read
// of it; stop is called before the third bundle is answered.
func (h *auditedHub) published(t *testing.T, stop func()) (string, *[]string) {
	t.Helper()
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(h.data, "idp.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	log, err := sequencer.New(sequencer.Options{Storage: db.Log()})
	if err != nil {
		t.Fatal(err)
	}
	frame := web.New(web.Options{Service: "idp", Development: true, Logger: slog.New(slog.DiscardHandler)})
	mux := http.NewServeMux()
	(&public.Handler{Log: log, Frame: frame}).Mount(mux)
	face, read := frame.Handler(mux), &[]string{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*read = append(*read, r.URL.Path)
		if strings.HasPrefix(r.URL.Path, "/log/tile/entries/002") {
			stop()
		}
		r.Host = "localhost"
		face.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, read
}

// TestAuditGoesOn interrupts an audit, damages what it kept, puts it right, and
// lets it go on.
func TestAuditGoesOn(t *testing.T) {
	h := newAuditedHub(t)
	var entries [][]byte
	for n := range 700 {
		var salt [32]byte
		binary.BigEndian.PutUint32(salt[:], uint32(n))
		entries = append(entries, tlog.Commitment("test", salt, [32]byte{}))
	}
	h.commit(t, "many", entries...)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	url, _ := h.published(t, cancel)
	root := newRootCommand()
	root.SetArgs([]string{"audit", "--data", h.data, "--log", url})
	if err := root.ExecuteContext(ctx); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "goes on where it stopped") {
		t.Fatalf("interrupted: %v", err)
	}
	file := filepath.Join(h.data, "audit-checkpoint.progress")
	kept, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(kept, ' '), 0o600); err != nil {
		t.Fatal(err)
	}
	url, read := h.published(t, func() {})
	if _, err := h.audit(t, "--log", url); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("damaged: %v", err)
	}
	if err := os.WriteFile(file, kept, 0o600); err != nil {
		t.Fatal(err)
	}
	var progress bytes.Buffer
	root = newRootCommand()
	out := new(bytes.Buffer)
	root.SetOut(out)
	root.SetErr(&progress)
	root.SetArgs([]string{"audit", "--data", h.data, "--log", url, "--progress"})
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(strings.Join(*read, " "), "entries/000") || !strings.Contains(out.String(), "before it was interrupted 512") && !strings.Contains(out.String(), "before it was interrupted 256") {
		t.Errorf("read %v; says %s", *read, out)
	}
	if progress.String() != "" && !strings.Contains(progress.String(), " of 700 entries") {
		t.Errorf("progress %q", progress.String())
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the progress outlives the audit: %v", err)
	}
	out.Reset()
	progress.Reset()
	root = newRootCommand()
	root.SetOut(out)
	root.SetErr(&progress)
	root.SetArgs([]string{"audit", "--data", h.data, "--log", url, "--progress"})
	if err := root.ExecuteContext(t.Context()); err != nil || !strings.Contains(progress.String(), "256 of 700 entries, 36%") {
		t.Errorf("progress %q, %v", progress.String(), err)
	}
	if !strings.Contains(out.String(), "seen before: 700") {
		t.Errorf("it says %s", out)
	}
}

// TestAuditOfReceiptsNeedsTrust: a policy alone does not say who signs.
func TestAuditOfReceiptsNeedsTrust(t *testing.T) {
	h := newAuditedHub(t)
	if _, err := h.audit(t, "--receipts", t.TempDir()); err == nil || !strings.Contains(err.Error(), "whole trust folder") {
		t.Errorf("%v", err)
	}
}

// TestExitCodes keeps the numbers that scripts rely on: each check has its own.
func TestExitCodes(t *testing.T) {
	want := map[audit.Check]int{
		audit.Unreadable: 2, audit.Remembered: 3, audit.Checkpoint: 10, audit.Unwitnessed: 11, audit.RolledBack: 12, audit.TwoLogs: 13,
		audit.Entry: 14, audit.Tile: 15, audit.Root: 16, audit.Event: 17, audit.Unexplained: 18, audit.Illegal: 19, audit.Evidence: 20,
		audit.Public: 21, audit.Approval: 22, audit.Passkeys: 23, audit.Promise: 24, audit.Receipt: 25, audit.Anchor: 26, audit.Key: 32, audit.Stale: 27,
		audit.StatusList: 28, audit.Unsaid: 29, audit.Missed: 30, audit.Document: 31,
	}
	help := newAuditCommand().Long
	for check, code := range want {
		if check.ExitCode() != code {
			t.Errorf("%s exits with %d", check, check.ExitCode())
		}
		if code != 2 && !strings.Contains(strings.Join(strings.Fields(help), " "), fmt.Sprintf(" %d ", code)) {
			t.Errorf("the help does not name exit code %d", code)
		}
	}
}
