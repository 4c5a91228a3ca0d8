package store_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

// BenchmarkGrant has the ledger take a request, propose terms and grant them by a
// passkey, over SQLite. The ratio is to the signatures that this prescribes
// (request, assertion, two officers' orders) and to bare transactions with the
// same rows. BenchmarkUse has it commit a use and take its countersignature, of
// two signatures to check and one promise to sign. Both are CPU time of the whole
// process (modernc.org/sqlite is part of it), measured in turns; neither side
// holds HTTP.
func BenchmarkGrant(b *testing.B) {
	l := newLedgers(b)
	l.turns(b, func(n int) func() {
		asked := l.w.Request("ada", nil)
		return func() {
			r, err := l.w.Ledger.Request(b.Context(), asked)
			l.ok(b, err)
			p, err := l.w.Ledger.Propose(b.Context(), r.Grant, "ada", consent.Choice{Claims: []string{"vision_ok", "hearing_ok", "checked_on"}, Lang: "ko"})
			l.ok(b, err)
			digest, err := p.Terms.Digest()
			l.ok(b, err)
			l.pause(func() { l.signed = l.passkey.Sign(approval.Challenge([][32]byte{digest}, p.Nonce)) })
			_, err = l.w.Ledger.Grant(b.Context(), r.Grant, "ada", l.signed)
			l.ok(b, err)
			l.last = r.Grant
		}
	}, func() { l.verify(4); l.rows(b, true) })
}

func BenchmarkUse(b *testing.B) {
	l := newLedgers(b)
	l.turns(b, func(n int) func() {
		r := l.w.Granted(b.Context(), "ada", l.passkey)
		l.last = r.Grant
		commit := l.w.Commit(r, 1, nil)
		received := l.w.Received(r, 1, commit, nil)
		return func() {
			_, err := l.w.Ledger.Use(b.Context(), commit)
			l.ok(b, err)
			_, err = l.w.Ledger.Received(b.Context(), received)
			l.ok(b, err)
		}
	}, func() { l.verify(2); l.sign(); l.rows(b, false) })
}

// ledgers are the ledger's database and one that takes the same rows bare.
type ledgers struct {
	w         *consenttest.World
	db, bare  *store.DB
	passkey   *consenttest.Passkey
	last      consent.GrantID
	signed    approval.Assertion
	paused    time.Duration
	key       *ecdsa.PrivateKey
	sum       [32]byte
	signature []byte
}

func newLedgers(b *testing.B) *ledgers {
	b.Helper()
	open := func() *store.DB {
		db, err := store.Open(b.Context(), "sqlite:"+filepath.Join(b.TempDir(), "test.db"))
		if err == nil {
			err = db.Migrate(b.Context())
		}
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = db.Close() })
		return db
	}
	l := &ledgers{w: consenttest.New(), db: open(), bare: open(), key: consenttest.NewKey(), sum: sha256.Sum256(nil)}
	l.w.Ledger.Store = l.db.Consents()
	l.passkey = l.w.People.Enrol("ada")
	l.w.Pass(73 * time.Hour)
	l.sign()
	return l
}

func (l *ledgers) ok(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// pause is for what others do: its time is nobody's.
func (l *ledgers) pause(f func()) {
	began := cpu()
	f()
	l.paused += cpu() - began
}

// turns prepares, then has subject and floor take turns, and reports their ratio.
func (l *ledgers) turns(b *testing.B, prepare func(n int) func(), floor func()) {
	b.Helper()
	var spent, bare time.Duration
	n := 0
	for b.Loop() {
		subject := prepare(n)
		n++
		l.paused = 0
		began := cpu()
		subject()
		spent += cpu() - began - l.paused
		l.paused = 0
		began = cpu()
		floor()
		bare += cpu() - began - l.paused
	}
	b.ReportMetric(float64(spent.Microseconds())/float64(b.N), "cpu-µs")
	b.ReportMetric(float64(spent)/float64(bare), "x-floor")
}

func (l *ledgers) verify(n int) {
	for range n {
		if !ecdsa.VerifyASN1(&l.key.PublicKey, l.sum[:], l.signature) {
			panic("the floor fails")
		}
	}
}

func (l *ledgers) sign() {
	var err error
	if l.signature, err = l.key.Sign(rand.Reader, l.sum[:], nil); err != nil {
		panic(err)
	}
}

// rows writes what the ledger wrote of its last grant, a transaction an event,
// and the proposal.
func (l *ledgers) rows(b *testing.B, granting bool) {
	b.Helper()
	var events []consent.Event
	var rows [][]any
	var proposal []any
	l.pause(func() {
		var err error
		_, events, err = l.db.Consents().History(b.Context(), l.last)
		l.ok(b, err)
		if !granting {
			events = events[2:]
		}
		for _, e := range events {
			event, err := json.Marshal(e)
			l.ok(b, err)
			evidence, err := json.Marshal(e.Evidence)
			l.ok(b, err)
			rows = append(rows, []any{string(e.Grant), e.Seq, e.Citizen, e.CitizenSeq, event, e.Salt[:], evidence})
			if e.Evidence.Terms != nil {
				terms, err := e.Evidence.Terms.Canonical()
				l.ok(b, err)
				proposal = []any{string(e.Grant), e.Citizen, terms, make([]byte, 32), 1}
			}
		}
	})
	told, due := l.told(b, events), map[consent.Kind]bool{consent.KindRequested: true, consent.KindGranted: true}
	for i, row := range rows {
		id := fmt.Sprint("commit ", row[0], i)
		l.ok(b, store.InTx(l.bare, b.Context(), func(ctx context.Context, tx *sql.Tx) error {
			if err := store.Bulk(ctx, tx, `INSERT INTO commits (id, digest) VALUES `, 2, [][]any{{id, l.sum[:]}}); err != nil {
				return err
			}
			if err := store.Bulk(ctx, tx, `INSERT INTO consent_events (grant_id, seq, citizen, citizen_seq, event, salt, evidence) VALUES `, 7, [][]any{row}); err != nil {
				return err
			}
			if due[events[i].Kind] {
				if _, err := tx.ExecContext(ctx, `INSERT INTO consent_due (grant_id, due) VALUES ($1, $2) ON CONFLICT (grant_id) DO UPDATE SET due = excluded.due`, row[0], i); err != nil {
					return err
				}
			}
			if err := store.Bulk(ctx, tx, `INSERT INTO signals (id, audience, kind, grant_id, use_number, place, at, txn) VALUES `, 8, told[i]); err != nil {
				return err
			}
			return store.Bulk(ctx, tx, `INSERT INTO log_pending (commit_id, position, added, entry) VALUES `, 4, [][]any{{id, 0, 0, l.sum[:]}})
		}))
	}
	if granting {
		l.ok(b, store.InTx(l.bare, b.Context(), func(ctx context.Context, tx *sql.Tx) error {
			return store.Bulk(ctx, tx, `INSERT INTO consent_proposals (grant_id, citizen, terms, nonce, expires) VALUES `, 5, [][]any{proposal})
		}))
	}
}

// told are the rows of what each event had others told.
func (l *ledgers) told(b *testing.B, events []consent.Event) [][][]any {
	b.Helper()
	all := make([][][]any, len(events))
	l.pause(func() {
		for i, e := range events {
			var err error
			all[i], err = store.SignalRows(l.db, b.Context(), e.Grant, e.Seq)
			l.ok(b, err)
		}
	})
	return all
}

// cpu is the time that this process has had of the processors.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
