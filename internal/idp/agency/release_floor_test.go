package agency_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/idp/agency"
	"github.com/govmydata/mydata/internal/store/storetest"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	storetest.StopPostgres()
	os.Exit(code)
}

// releaseFloor is what a release cannot do without.
type releaseFloor struct {
	r            *releases
	bare         *sql.DB
	address      string
	answers      [2][]byte
	key          *ecdsa.PrivateKey
	sum          [32]byte
	signature    []byte
	edwards      ed25519.PublicKey
	note         []byte
	mine, theirs *ecdh.PrivateKey
	sealed       []byte
	recipient    hpke.PublicKey
	journal      *os.File
}

func newReleaseFloor(b *testing.B, r *releases) *releaseFloor {
	b.Helper()
	r.ask()() // its sizes
	f := &releaseFloor{r: r, key: consenttest.NewKey(), sum: sha256.Sum256(nil), bare: bare(b), answers: [2][]byte{r.answer, r.yes}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, in *http.Request) {
		_, _ = io.Copy(io.Discard, in.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(f.answers[len(strings.TrimPrefix(in.URL.Path, "/"))])
	}))
	b.Cleanup(s.Close)
	f.address = s.URL
	f.sign()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	fine(b, err)
	f.edwards, f.note = public, ed25519.Sign(private, f.sum[:])
	f.mine, err = ecdh.P256().GenerateKey(rand.Reader)
	fine(b, err)
	f.theirs, err = ecdh.P256().GenerateKey(rand.Reader)
	fine(b, err)
	f.sealed = f.gcm().Seal(nil, make([]byte, 12), make([]byte, 4000), nil)
	key, err := hpke.MLKEM768X25519().GenerateKey()
	fine(b, err)
	f.recipient = key.PublicKey()
	f.journal, err = os.Create(filepath.Join(b.TempDir(), "bare"))
	fine(b, err)
	b.Cleanup(func() { _ = f.journal.Close() })
	return f
}

// bare is a database with the same tables, without the store.
func bare(b *testing.B) *sql.DB {
	b.Helper()
	driver, dsn, address := "sqlite", "", ""
	if strings.Contains(b.Name(), "postgres") {
		driver, dsn = "pgx", postgres(b, "bare")
		address = dsn
	} else {
		path := filepath.Join(b.TempDir(), "bare.db")
		dsn, address = "sqlite:"+path, "file:"+path+"?_txlock=immediate&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"
	}
	fine(b, opened(b, dsn).Close())
	db, err := sql.Open(driver, address)
	fine(b, err)
	b.Cleanup(func() { _ = db.Close() })
	return db
}

func postgres(b *testing.B, name string) string {
	b.Helper()
	return storetest.Postgres(b, fmt.Sprint(name, time.Now().UnixNano()), "template1")
}

func (f *releaseFloor) sign() {
	var err error
	f.signature, err = f.key.Sign(rand.Reader, f.sum[:], nil)
	fine(f.r.b, err)
}

func (f *releaseFloor) gcm() cipher.AEAD {
	secret, err := f.mine.ECDH(f.theirs.PublicKey())
	fine(f.r.b, err)
	key := sha256.Sum256(secret)
	block, err := aes.NewCipher(key[:])
	fine(f.r.b, err)
	aead, err := cipher.NewGCM(block)
	fine(f.r.b, err)
	return aead
}

// release pays for all that is prescribed, once each.
func (f *releaseFloor) release(write func()) {
	b := f.r.b
	f.r.post(f.address+"/", f.r.header, f.r.body)
	f.r.post(f.address+"/c", http.Header{"Content-Type": {agency.MediaType}}, f.r.commit)
	for range 8 { // token, proof, request, assertion, two orders; commit; promise
		if !ecdsa.VerifyASN1(&f.key.PublicKey, f.sum[:], f.signature) {
			b.Fatal("the floor fails")
		}
	}
	for range 4 { // log and witnesses
		if !ed25519.Verify(f.edwards, f.sum[:], f.note) {
			b.Fatal("the floor fails")
		}
	}
	for range 3 { // evidence, commit, promise
		f.sign()
	}
	_, err := f.gcm().Open(nil, make([]byte, 12), f.sealed, nil)
	fine(b, err)
	_, sender, err := hpke.NewSender(f.recipient, hpke.HKDFSHA256(), hpke.AES256GCM(), nil)
	fine(b, err)
	_, err = sender.Seal(nil, f.answers[0])
	fine(b, err)
	write()
}

// rows are what the release wrote: at the hub, and in the provider's journal.
func (f *releaseFloor) rows() func() {
	b := f.r.b
	_, events, err := f.r.db.Consents().History(b.Context(), f.r.last)
	fine(b, err)
	e := events[len(events)-1]
	event, err := json.Marshal(e)
	fine(b, err)
	evidence, err := json.Marshal(e.Evidence)
	fine(b, err)
	var writes [][]byte
	for _, e := range f.r.journal.writes {
		raw, err := json.Marshal(e)
		fine(b, err)
		writes = append(writes, raw)
	}
	insert := func(ctx context.Context, tx *sql.Tx) error {
		id := fmt.Sprint("commit ", e.Grant)
		for _, row := range []struct {
			query string
			args  []any
		}{
			{`INSERT INTO commits (id, digest) VALUES ($1, $2)`, []any{id, f.sum[:]}},
			{`INSERT INTO consent_events (grant_id, seq, citizen, citizen_seq, event, salt, evidence) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
				[]any{string(e.Grant), e.Seq, e.Citizen, e.CitizenSeq, event, e.Salt[:], evidence}},
			{`INSERT INTO signals (id, audience, kind, grant_id, use_number, place, at, txn) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
				[]any{id, "citizen:" + e.Citizen, "use-committed", string(e.Grant), e.Use, e.Seq, e.At.UnixMilli(), id}},
			{`INSERT INTO log_pending (commit_id, position, added, entry) VALUES ($1, $2, $3, $4)`, []any{id, 0, 0, f.sum[:]}},
		} {
			if _, err := tx.ExecContext(ctx, row.query, row.args...); err != nil {
				return err
			}
		}
		return nil
	}
	return func() {
		tx, err := f.bare.BeginTx(b.Context(), &sql.TxOptions{Isolation: sql.LevelSerializable})
		fine(b, err)
		fine(b, insert(b.Context(), tx))
		fine(b, tx.Commit())
		for _, raw := range writes {
			_, err := f.journal.Write(raw)
			fine(b, err)
			fine(b, f.journal.Sync())
		}
	}
}
