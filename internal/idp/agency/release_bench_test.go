package agency_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/govmydata/mydata/internal/idp/agency"
	"github.com/govmydata/mydata/internal/notify"
	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/consent/receipt"
	"github.com/govmydata/mydata/pkg/consent/transfer"
	"github.com/govmydata/mydata/pkg/dpop"
	"github.com/govmydata/mydata/sdk"
)

// BenchmarkRelease has a consumer's request released over HTTP: a real provider,
// with its journal in a file, checks it, loads, signs, encrypts, and commits at the
// hub's own endpoint over its database; times the bare HTTP exchanges with bodies
// of the same sizes, the bare cryptography that this prescribes, the bare
// transaction with the same rows, and the journal's bytes written and synced. CPU
// time of the whole process, the client's half of HTTP in both, measured in turns.
func BenchmarkRelease(b *testing.B) {
	for name, open := range map[string]func(*testing.B) *store.DB{
		"sqlite":   func(b *testing.B) *store.DB { return opened(b, "sqlite:"+filepath.Join(b.TempDir(), "test.db")) },
		"postgres": func(b *testing.B) *store.DB { return opened(b, postgres(b, "release")) },
	} {
		b.Run(name, func(b *testing.B) {
			r := newReleases(b, open(b))
			f := newReleaseFloor(b, r)
			var spent, bare time.Duration
			for b.Loop() {
				send := r.ask()
				began := cpu()
				send()
				half := cpu()
				rows := f.rows()
				paused := cpu()
				f.release(rows)
				spent, bare = spent+half-began, bare+cpu()-paused
			}
			b.ReportMetric(float64(spent.Microseconds())/float64(b.N), "cpu-µs")
			b.ReportMetric(float64(spent)/float64(bare), "x-floor")
		})
	}
}

func opened(b *testing.B, dsn string) *store.DB {
	b.Helper()
	db, err := store.Open(b.Context(), dsn)
	fine(b, err)
	b.Cleanup(func() { _ = db.Close() })
	fine(b, db.Migrate(b.Context()))
	return db
}

func fine(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// releases are a hub and a provider that listen, and a citizen who grants.
type releases struct {
	b       *testing.B
	w       *consenttest.World
	db      *store.DB
	passkey *consenttest.Passkey
	journal *counted
	client  *http.Client

	last                      consent.GrantID
	header                    http.Header // of the last request
	body, answer, commit, yes []byte
}

// counted is a journal that remembers how much it wrote, and how often.
type counted struct {
	sdk.Journal
	writes []sdk.Entry
}

func (c *counted) note(e sdk.Entry) { c.writes = append(c.writes, e) }

func (c *counted) Create(ctx context.Context, e sdk.Entry) error {
	c.note(e)
	return c.Journal.Create(ctx, e)
}

func (c *counted) Put(ctx context.Context, e sdk.Entry) error {
	c.note(e)
	return c.Journal.Put(ctx, e)
}

func (c *counted) Delete(ctx context.Context, kind, key string) error {
	c.note(sdk.Entry{Kind: kind, Key: key})
	return c.Journal.Delete(ctx, kind, key)
}

func newReleases(b *testing.B, db *store.DB) *releases {
	b.Helper()
	var hub, provider http.Handler
	serve := func(h *http.Handler) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*h).ServeHTTP(w, r) }))
		b.Cleanup(s.Close)
		return s.URL
	}
	r := &releases{b: b, db: db, client: &http.Client{}}
	at := consenttest.Place{Issuer: serve(&hub), Release: serve(&provider) + "/release"}
	r.w = consenttest.NewAt(at)
	r.w.Ledger.Store = db.Consents()
	r.passkey = r.w.People.Enrol(ada)
	// who chose a way to be told: a row in the floor too
	fine(b, db.Signals().PutChoice(b.Context(), notify.Choice{Citizen: ada, Channel: "mail", Lang: "ko", Address: []byte("ada@example.org")}))
	r.w.Pass(73 * time.Hour)

	quiet := slog.New(slog.DiscardHandler)
	frame := web.New(web.Options{Service: "idp", Development: true, Logger: quiet})
	mux := http.NewServeMux()
	(&agency.Handler{Frame: frame, Ledger: r.w.Ledger, Receipts: receipt.Assembler{Ledger: r.w.Ledger, Proofs: r.w.Log}}).Mount(mux)
	signed, err := catalogue.Sign(*r.w.Catalogue, r.w.Hub, r.w.Trust.HubKeys.Keys[0].KeyID)
	fine(b, err)
	mux.HandleFunc("GET /catalogue", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, signed) })
	hub = r.spied(frame.Handler(mux))

	file, err := sdk.OpenFileJournal(filepath.Join(b.TempDir(), "journal"))
	fine(b, err)
	b.Cleanup(func() { _ = file.Close() })
	r.journal = &counted{Journal: file}
	provider, err = sdk.NewProvider(sdk.ProviderConfig{
		Trust: r.w.Trust, Journal: r.journal, Now: r.w.Now, Logger: quiet, AllowLoopback: true, PromiseInterval: -1,
		Keys: sdk.Keys{Signer: r.w.Provider.Key, Chain: r.w.Provider.Chain, Encryption: r.w.Provider.Encryption},
		DataSets: map[string]sdk.DataSet{"health-checkup": {
			Load: func(context.Context, sdk.Subject) (sdk.Record, error) {
				return sdk.Record{"vision_left": 0.8, "vision_right": 1.0, "hearing_left": 20, "remarks": "", "checked_on": "2026-05-14"}, nil
			},
			Derive: map[string]func(sdk.Record) (any, error){
				"vision_ok":  func(r sdk.Record) (any, error) { return r["vision_left"].(float64) >= 0.5, nil },
				"hearing_ok": func(r sdk.Record) (any, error) { return r["hearing_left"].(int) <= 55, nil },
				"checked_on": func(r sdk.Record) (any, error) { return r["checked_on"], nil },
			},
		}},
	})
	fine(b, err)
	return r
}

// spied remembers the last commit and its answer, for the floor's sizes: twice,
// so that it costs later runs nothing.
func (r *releases) spied(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, in *http.Request) {
		if r.yes != nil || in.URL.Path != "/agency/commits" {
			next.ServeHTTP(w, in)
			return
		}
		r.commit, _ = io.ReadAll(in.Body)
		in.Body = io.NopCloser(bytes.NewReader(r.commit))
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, in)
		r.yes = rec.Body.Bytes()
		for name, values := range rec.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(rec.Code)
		_, _ = w.Write(r.yes)
	})
}

// ask has a citizen grant, and the hub give a token; it answers the sending.
func (r *releases) ask() (send func()) {
	b, w := r.b, r.w
	ctx := b.Context()
	record := w.Granted(ctx, ada, r.passkey)
	r.last = record.Grant
	next, err := w.Ledger.NextUse(ctx, record.Grant, consenttest.Client)
	fine(b, err)
	given, err := receipt.Prove(ctx, w.Log, next.Approval)
	fine(b, err)
	sub, err := w.People.Pairwise(ctx, ada, w.Provider.ID)
	fine(b, err)
	salts, err := w.People.OrderSalts(ctx, given.History)
	fine(b, err)
	key, now := consenttest.NewKey(), w.Now()
	jkt, err := dpop.Thumbprint(jose.JSONWebKey{Key: key.Public()})
	fine(b, err)
	sealed, err := transfer.Seal(transfer.Sealed{Subject: sub, ResidentID: ada, OrderSalts: salts,
		SubjectSalt: consent.Encode(next.SubjectSalt[:]), Approval: given}, w.Provider.EncryptionJWK())
	fine(b, err)
	token := r.sign("at+jwt", transfer.TokenClaims{Issuer: w.Issuer, Subject: "pairwise", Audience: jwt.Audience{w.Provider.ID}, ClientID: consenttest.Client,
		IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(time.Minute)), ID: rand.Text(),
		Confirmation: transfer.Confirmation{JKT: jkt}, Sealed: sealed,
		Details: []transfer.Detail{{Type: consent.TransferType, GrantID: string(record.Grant), Terms: record.Terms, Use: next.Use, Consumer: w.Consumer.ID}}})
	proofs, err := dpop.NewMaker(key)
	fine(b, err)
	proofs.Now = w.Now
	proof, err := proofs.Proof(http.MethodPost, w.Release, token, "")
	fine(b, err)
	terms, err := next.Terms.Canonical()
	fine(b, err)
	r.body, err = json.Marshal(transfer.ReleaseRequest{Request: next.Request, Terms: terms, IdempotencyKey: rand.Text()})
	fine(b, err)
	r.header = http.Header{"Content-Type": {"application/json"}, "Authorization": {"DPoP " + token}, "Dpop": {proof}}
	r.journal.writes = nil
	return func() { r.answer = r.post(w.Release, r.header, r.body) }
}

func (r *releases) post(address string, header http.Header, body []byte) []byte {
	in, err := http.NewRequestWithContext(r.b.Context(), http.MethodPost, address, bytes.NewReader(body))
	fine(r.b, err)
	in.Header = header
	out, err := r.client.Do(in)
	fine(r.b, err)
	defer out.Body.Close()
	answer, err := io.ReadAll(out.Body)
	if err != nil || out.StatusCode != http.StatusOK {
		r.b.Fatalf("%s: %d %s %v", address, out.StatusCode, answer, err)
	}
	return answer
}

func (r *releases) sign(typ string, claims any) string {
	r.b.Helper()
	options := (&jose.SignerOptions{}).WithType(jose.ContentType(typ)).WithHeader("kid", r.w.Trust.HubKeys.Keys[0].KeyID)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: r.w.Hub}, options)
	fine(r.b, err)
	payload, err := json.Marshal(claims)
	fine(r.b, err)
	object, err := signer.Sign(payload)
	fine(r.b, err)
	text, err := object.CompactSerialize()
	fine(r.b, err)
	return text
}

// cpu is the time that this process has had of the processors.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
