package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/sequencer"
	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/internal/witness"
	"github.com/govmydata/mydata/pkg/audit"
	"github.com/govmydata/mydata/pkg/tlog"
)

// auditedHub is a data folder with a database whose log a real witness
// cosigned, without the hub around it.
type auditedHub struct {
	data   string
	signer tlog.Signer
	policy tlog.Policy
}

func newAuditedHub(t *testing.T) auditedHub {
	t.Helper()
	h := auditedHub{data: t.TempDir()}
	private := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	log := tlog.LogKey("localhost:8080/log", private.Public().(ed25519.PublicKey))
	var err error
	if h.signer, err = tlog.NewSigner(log.Name, private); err != nil {
		t.Fatal(err)
	}
	h.forget(t, log)
	return h
}

// forget gives the log a witness that knows nothing of what it cosigned
// before: only with such witnesses can a log be set back at all.
func (h *auditedHub) forget(t *testing.T, log tlog.Key) {
	t.Helper()
	folder := filepath.Join(h.data, "witness")
	if err := os.RemoveAll(filepath.Join(folder, "state")); err != nil {
		t.Fatal(err)
	}
	if _, err := witness.Generate(folder, "localhost/witness"); err != nil {
		t.Fatal(err)
	}
	private, key, err := witness.Load(folder)
	if err != nil {
		t.Fatal(err)
	}
	cosigner, err := tlog.NewCosigner(key.Name, private, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	w, err := witness.New(log, cosigner, filepath.Join(folder, "state"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	policy := tlog.NewPolicy(tlog.Log{Key: log}, []tlog.Witness{{Name: "w", Key: key, URL: server.URL}}, 1)
	if h.policy, err = tlog.ParsePolicy(policy); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(h.data, "log-policy.txt"), policy, 0o600); err != nil {
		t.Fatal(err)
	}
}

// live commits one public statement and runs the log until it is published.
func (h *auditedHub) live(t *testing.T, what string) {
	t.Helper()
	entry, err := tlog.Statement("test", what)
	if err != nil {
		t.Fatal(err)
	}
	h.commit(t, what, entry)
}

// commit commits entries and runs the log until they are published.
func (h *auditedHub) commit(t *testing.T, id string, entries ...[]byte) {
	t.Helper()
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(h.data, "idp.db"))
	if err == nil {
		err = db.Migrate(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	log, err := sequencer.New(sequencer.Options{
		Storage: db.Log(), Signer: h.signer, Policy: h.policy, Interval: 5 * time.Millisecond, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := db.Log().Append(ctx, id, []byte{1}, entries); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- log.Run(ctx) }()
	if _, err := log.WaitProof(ctx, entries[len(entries)-1]); err != nil {
		t.Fatal(err)
	}
	cancel()
	<-ended
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func (h *auditedHub) audit(t *testing.T, args ...string) (string, error) {
	t.Helper()
	root := newRootCommand()
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetArgs(append([]string{"audit", "--data", h.data}, args...))
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

func (h *auditedHub) copy(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(h.data, from))
	if err == nil {
		err = os.WriteFile(filepath.Join(h.data, to), data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func expectExit(t *testing.T, err error, want audit.Check) {
	t.Helper()
	if want == "" && err == nil {
		return
	}
	found, ok := errors.AsType[audit.Finding](err)
	if !ok || found.Check != want || found.ExitCode() != want.ExitCode() {
		t.Fatalf("%v, want %q", err, want)
	}
}

func TestAuditCommand(t *testing.T) {
	h := newAuditedHub(t)
	h.live(t, "one")
	out, err := h.audit(t)
	expectExit(t, err, "")
	if !strings.Contains(out, "size 1 (seen before: 0)") || !strings.Contains(out, "entries, tiles and root are one tree") {
		t.Errorf("it says %s", out)
	}
	h.live(t, "two")
	out, err = h.audit(t, "--json")
	expectExit(t, err, "")
	var report audit.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil || report.Size != 2 || report.Since != 1 || strings.Count(out, "\n") != 1 {
		t.Errorf("it says %s, %v", out, err)
	}
	if _, err := h.audit(t, "--trust", t.TempDir()); err == nil || !strings.Contains(err.Error(), "log-policy.txt") {
		t.Errorf("without a policy: %v", err)
	}
	if _, err := h.audit(t, "--database", "sqlite:"+filepath.Join(h.data, "none")); err == nil || !strings.Contains(err.Error(), "no database") {
		t.Errorf("without a database: %v", err)
	}
	if _, err := h.audit(t, "--log", filepath.Join(h.data, "none")); err == nil || !strings.Contains(err.Error(), "no folder") {
		t.Errorf("without a log: %v", err)
	}
}

// TestAuditFindsWhatWasSetBack lets the operator and all witnesses forget:
// whoever has seen the log before still knows.
func TestAuditFindsWhatWasSetBack(t *testing.T) {
	h := newAuditedHub(t)
	log := h.policy.Logs[0].Key
	h.live(t, "one")
	h.copy(t, "idp.db", "old.db")
	h.live(t, "two")
	_, err := h.audit(t)
	expectExit(t, err, "")

	h.copy(t, "old.db", "idp.db")
	_, err = h.audit(t)
	expectExit(t, err, audit.RolledBack)

	h.forget(t, log)
	h.live(t, "another two")
	out, err := h.audit(t)
	expectExit(t, err, audit.TwoLogs)
	if strings.Count(out, "| — localhost:8080/log ") != 2 {
		t.Errorf("it does not show both signed checkpoints: %s", out)
	}
	h.live(t, "three")
	_, err = h.audit(t)
	expectExit(t, err, audit.TwoLogs)
	_, err = h.audit(t, "--state", "-") // whoever sees it first cannot know
	expectExit(t, err, "")
}

// TestAuditOfADatabaseInUse never opens it.
func TestAuditOfADatabaseInUse(t *testing.T) {
	h := newAuditedHub(t)
	h.live(t, "one")
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(h.data, "idp.db"))
	if err == nil {
		err = db.Hold()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := h.audit(t); !errors.Is(err, store.ErrHeld) || !strings.Contains(fmt.Sprint(err), "--log") {
		t.Errorf("%v", err)
	}
	// With an address in the policy, the log published there is read.
	text, err := os.ReadFile(filepath.Join(h.data, "log-policy.txt"))
	if err == nil {
		line, rest, _ := strings.Cut(string(text), "\n")
		err = os.WriteFile(filepath.Join(h.data, "log-policy.txt"), []byte(line+" http://127.0.0.1:1/log\n"+rest), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.audit(t)
	expectExit(t, err, audit.Unreadable)
}
