package abuse_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/govmydata/mydata/conformance/citizen"
	"github.com/govmydata/mydata/conformance/figure"
	"github.com/govmydata/mydata/conformance/stage"
)

// outages that this file makes; each is recovered from without a restart.
const outages = 8

// patience is the hub's --request-time here, and margin what an answer may take
// above it.
const (
	patience = 1500 * time.Millisecond
	margin   = 2 * time.Second
)

var impatient = map[string][]string{stage.IDP: {"--request-time", patience.String()}}

func TestOutageOfPostgreSQL(t *testing.T) {
	server, err := stage.StartPostgres(t.Context())
	must(t, err)
	defer server.Close()
	database, err := server.Database(t.Context(), "abuse")
	must(t, err)
	w := newWorld(t, stage.Options{Database: database, Flags: impatient})
	defer w.tail(t, stage.IDP)
	for _, tt := range []struct {
		name, cause string
		onlyWrites  bool
		out, back   func() error
	}{
		{"it outlives a database that is gone", "the database does not answer", false,
			func() error { server.Kill(); return nil }, func() error { return server.Start(t.Context()) }},
		{"it outlives a database that takes no writes", "the database is read-only", true,
			func() error { return readOnly(t, server, "on") }, func() error { return readOnly(t, server, "off") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			must(t, tt.out())
			until(t, "readiness", func() error {
				if status, cause, _ := w.ready(t, stage.IDP); status != http.StatusServiceUnavailable || !strings.Contains(cause, tt.cause) {
					return fmt.Errorf("readiness %d %q, want %q", status, cause, tt.cause)
				}
				return nil
			})
			w.out(t, tt.onlyWrites, patience+margin)
			w.licenceSaysSo(t)
			must(t, tt.back())
			w.backToWork(t)
		})
	}
	t.Run("it outlives a table that is locked", func(t *testing.T) {
		release, err := server.Lock("abuse", "sessions")
		must(t, err)
		for _, a := range w.doors() {
			if a.path != "/me" {
				continue
			}
			got, err := send(t.Context(), from("127.0.0.3"), w.hub, a)
			must(t, err)
			if got.status != http.StatusServiceUnavailable || got.took < patience || got.took > patience+margin {
				t.Errorf("%s: %d after %s", a.name, got.status, got.took)
			}
		}
		release()
		w.backToWork(t)
	})
}

func readOnly(t *testing.T, server *stage.Postgres, mode string) error {
	return errors.Join(
		server.SQL(t.Context(), "postgres", "ALTER SYSTEM SET default_transaction_read_only = "+mode),
		server.SQL(t.Context(), "postgres", "SELECT pg_reload_conf()"))
}

// licenceSaysSo: an agency whose hub cannot answer says so in words.
func (w *world) licenceSaysSo(t *testing.T) {
	t.Helper()
	for lang, words := range map[string]string{"ko": "잠시 후", "en": "again"} {
		got, err := send(t.Context(), from("127.0.0.3"), w.licence, ask{method: "POST", path: "/renew",
			header: []string{"Accept", "text/html", "Accept-Language", lang, "Sec-Fetch-Site", "same-origin", "Content-Type", "application/x-www-form-urlencoded"}})
		must(t, err)
		if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" || !strings.Contains(got.body, words) {
			t.Errorf("the licence office in %s: %d, Retry-After %q: %.600s", lang, got.status, got.header.Get("Retry-After"), got.body)
		}
	}
}

func TestOutageOfSQLite(t *testing.T) {
	w := newWorld(t, stage.Options{Flags: impatient})
	defer w.tail(t, stage.IDP)
	file := w.Path("idp.db")
	t.Run("it outlives a database file that is moved away", func(t *testing.T) {
		must(t, os.Rename(file, file+".away"))
		until(t, "readiness", func() error {
			if status, cause, _ := w.ready(t, stage.IDP); status != http.StatusServiceUnavailable || !strings.Contains(cause, "the database is gone") {
				return fmt.Errorf("readiness %d %q", status, cause)
			}
			return nil
		})
		w.out(t, false, patience+margin)
		must(t, os.Rename(file+".away", file))
		w.backToWork(t)
	})
	t.Run("it outlives a disk that takes no more", func(t *testing.T) {
		limit := func(bytes uint64) error { // as if no byte were left beyond
			var before unix.Rlimit
			if err := unix.Prlimit(w.PID(stage.IDP), unix.RLIMIT_FSIZE, nil, &before); err != nil {
				return err
			}
			return unix.Prlimit(w.PID(stage.IDP), unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: min(bytes, before.Max), Max: before.Max}, nil)
		}
		must(t, limit(4096))
		defer func() { must(t, limit(1<<63-1)) }()
		until(t, "readiness", func() error {
			if status, cause, _ := w.ready(t, stage.IDP); status != http.StatusServiceUnavailable || !strings.Contains(cause, "the database has a fault") {
				return fmt.Errorf("readiness %d %q", status, cause)
			}
			return nil
		})
		w.out(t, true, patience+margin)
		must(t, limit(1<<63-1))
		w.backToWork(t)
	})
	t.Run("it outlives witnesses that are gone", func(t *testing.T) { w.witnessesGone(t) })
	t.Run("agencies and verifier outlive a hub that is gone", func(t *testing.T) { w.hubGone(t) })
	if !t.Failed() {
		figure.Hold(t, "outages", outages, "outages of database, disk, witnesses and hub, each named, answered and recovered from without a restart")
	}
}

// witnessesGone: without a quorum releases go on, with promises; checkpoints are
// late, and readiness says so; with it back the proofs follow.
func (w *world) witnessesGone(t *testing.T) {
	ctx := t.Context()
	must(t, w.Kill(stage.Witness(1)))
	if _, err := w.kim.Renew(ctx, w.licence); err != nil {
		t.Errorf("with one witness gone: %v", err)
	}
	must(t, w.Kill(stage.Witness(2)))
	must(t, w.Kill(stage.Witness(3)))
	w.kim.Forget()
	if err := w.kim.Login(ctx); err != nil {
		t.Errorf("login: %v", err)
	}
	grant, err := w.kim.Renew(ctx, w.licence)
	if err != nil {
		t.Errorf("renewal: %v", err)
	}
	until(t, "readiness", func() error {
		if status, _, late := w.ready(t, stage.IDP); status != http.StatusOK || !strings.Contains(late, "too few witnesses") {
			return fmt.Errorf("readiness %d, late %q", status, late)
		}
		return nil
	})
	var refused *citizen.Answer
	if _, err := w.kim.Receipt(ctx, grant); !errors.As(err, &refused) || refused.Status != http.StatusServiceUnavailable {
		t.Errorf("a receipt before its proofs: %v", err)
	}
	for n := 1; n <= 3; n++ {
		must(t, w.Start(stage.Witness(n)))
		must(t, w.Wait(ctx, stage.Witness(n)))
	}
	until(t, "a receipt", func() error { _, err := w.kim.Receipt(ctx, grant); return err })
	until(t, "readiness", func() error {
		if _, _, late := w.ready(t, stage.IDP); late != "" {
			return errors.New(late)
		}
		return nil
	})
}

func (w *world) hubGone(t *testing.T) {
	ctx := t.Context()
	page, err := w.kim.BeginProof(ctx, w.verifier)
	must(t, err)
	asked, err := w.wallet.ReadRequest(ctx, citizen.ProofLink(page))
	must(t, err)
	must(t, w.Kill(stage.IDP))
	w.licenceSaysSo(t)
	if _, err := w.kim.BeginProof(ctx, w.verifier); err != nil {
		t.Errorf("the verifier asks: %v", err)
	}
	if back, err := w.wallet.Present(ctx, asked, asked.Least()); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("a card whose status nobody can tell: %q, %v", back, err)
	}
	must(t, w.Start(stage.IDP))
	must(t, w.Wait(ctx, stage.IDP))
	// The verifier does not ask again at once for a list that it could not have.
	until(t, "the same card again", func() error { _, err := w.wallet.Present(ctx, asked, asked.Least()); return err })
	w.backToWork(t)
}
