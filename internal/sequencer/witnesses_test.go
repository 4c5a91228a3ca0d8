package sequencer_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/sequencer"
	"github.com/govmydata/mydata/pkg/tlog"
)

// ahead is a witness that says it knows a much greater tree.
func ahead(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusConflict)
	fmt.Fprintln(w, int64(1)<<40)
}

func TestALyingWitnessDoesNotStopTheLog(t *testing.T) {
	for name, lie := range map[string]http.HandlerFunc{
		"it says it knows a greater tree": ahead,
		"it refuses every proof":          func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnprocessableEntity) },
		"it answers nonsense":             func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "— x") },
		"it answers a wrong signature under the name of an honest one": func(w http.ResponseWriter, _ *http.Request) {
			key := ed25519.NewKeyFromSeed([]byte("0123456789abcdef0123456789abcdef"))
			s, _ := tlog.NewCosigner("witness.example/w1", key, time.Now)
			note, _ := tlog.NewCheckpoint(s, 1, tlog.Hash{})
			lines, _ := tlog.Cosign(s, note)
			_, _ = w.Write(lines)
		},
		"it answers as many signatures of strangers as a checkpoint holds": func(w http.ResponseWriter, _ *http.Request) {
			for i := range 99 { // note.Open takes a hundred
				fmt.Fprintf(w, "— stranger.example/%d %s\n", i, base64.StdEncoding.EncodeToString(make([]byte, 80)))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, 3, 2)
			h.witnesses[1].Config.Handler = lie
			db := open(t, filepath.Join(t.TempDir(), "db"))
			log, _ := h.run(t, db.Log())
			commit(t, db, 0, 2)
			h.proven(t, log, 0, 2)
		})
	}
}

// A witness does not send the hub elsewhere, as into a network that it cannot reach
// itself.
func TestAWitnessThatSendsOn(t *testing.T) {
	for _, status := range []int{http.StatusFound, http.StatusTemporaryRedirect} {
		h := newHouse(t, 3, 2)
		var reached atomic.Bool
		var asked atomic.Int32
		inner := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Store(true) }))
		defer inner.Close()
		h.witnesses[1].Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, inner.URL+"/secret", status)
			asked.Add(1)
		})
		db := open(t, filepath.Join(t.TempDir(), "db"))
		log, _ := h.run(t, db.Log())
		commit(t, db, 0, 2)
		h.proven(t, log, 0, 2)
		eventually(t, func() bool { return asked.Load() > 1 }) // the first is behind us
		if reached.Load() {
			t.Errorf("%d: it went where a witness sent it", status)
		}
	}
}

// A liar does not stop the log while an honest witness is out of reach either: it
// waits for that one.
func TestALyingWitnessBesideOneOutOfReach(t *testing.T) {
	h := newHouse(t, 3, 2)
	h.witnesses[1].Config.Handler = http.HandlerFunc(ahead)
	honest := h.witnesses[2].Config.Handler
	var back atomic.Bool
	h.witnesses[2].Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !back.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		honest.ServeHTTP(w, r)
	})
	db := open(t, filepath.Join(t.TempDir(), "db"))
	log, _ := h.run(t, db.Log())
	commit(t, db, 0, 2)
	eventually(t, func() bool {
		_, err := log.Delayed()
		return errors.Is(err, sequencer.ErrNoQuorum) && strings.Contains(err.Error(), "503") && strings.Contains(err.Error(), "the witness is at size")
	})
	back.Store(true)
	h.proven(t, log, 0, 2)
}

// Witnesses that answer with much beside their cosignatures do not crowd out one
// that comes later: five of these are too many for a checkpoint.
func TestWordyWitnesses(t *testing.T) {
	h := newHouse(t, 6, 5)
	wordy := "— a.example " + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1}, 11<<10)) + "\n"
	for i, w := range h.witnesses {
		cosign := w.Config.Handler
		w.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if i == 5 {
				time.Sleep(300 * time.Millisecond)
			}
			cosign.ServeHTTP(rw, r)
			if i < 5 {
				_, _ = rw.Write([]byte(strings.Replace(wordy, "AQEB", fmt.Sprintf("AQE%d", i), 1)))
			}
		})
	}
	db := open(t, filepath.Join(t.TempDir(), "db"))
	log, _ := h.run(t, db.Log())
	commit(t, db, 0, 2)
	h.proven(t, log, 0, 2)
}

func TestAWitnessThatNamesNoSize(t *testing.T) {
	for _, text := range []string{"x", "-5", ""} {
		h := newHouse(t, 1, 1)
		h.witnesses[0].Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusConflict)
			fmt.Fprintln(w, text)
		})
		log, _ := h.run(t, open(t, filepath.Join(t.TempDir(), "db")).Log())
		eventually(t, func() bool {
			_, err := log.Delayed()
			return errors.Is(err, sequencer.ErrNoQuorum) && strings.Contains(err.Error(), "409 without a size")
		})
	}
}

// A witness that answers with strangers' signatures alone is said to have answered so.
func TestAWitnessThatDoesNotCosign(t *testing.T) {
	h := newHouse(t, 1, 1)
	h.witnesses[0].Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "— stranger.example %s\n", base64.StdEncoding.EncodeToString(make([]byte, 80)))
	})
	log, _ := h.run(t, open(t, filepath.Join(t.TempDir(), "db")).Log())
	eventually(t, func() bool {
		_, err := log.Delayed()
		return errors.Is(err, sequencer.ErrNoQuorum) && strings.Contains(err.Error(), "no cosignature of the policy's")
	})
}
