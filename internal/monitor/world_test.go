package monitor_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/idp/public"
	"github.com/govmydata/mydata/internal/monitor"
	"github.com/govmydata/mydata/internal/sequencer"
	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/internal/witness"
	"github.com/govmydata/mydata/pkg/audit"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
	"github.com/govmydata/mydata/pkg/tlog"
)

var quiet = slog.New(slog.DiscardHandler)

// operator holds the keys of a log and of its one witness, who forgets: with
// such a witness alone can a log be forked at all.
type operator struct {
	signer   tlog.Signer
	cosigner tlog.Signer
	log, wit tlog.Key
}

func newOperator(t *testing.T) operator {
	t.Helper()
	key := func(seed byte) ed25519.PrivateKey {
		return ed25519.NewKeyFromSeed(append(make([]byte, ed25519.SeedSize-1), seed))
	}
	var o operator
	var err error
	if o.signer, err = tlog.NewSigner("hub.example/log", key(1)); err != nil {
		t.Fatal(err)
	}
	if o.cosigner, err = tlog.NewCosigner("witness.example", key(2), time.Now); err != nil {
		t.Fatal(err)
	}
	o.log = tlog.LogKey("hub.example/log", key(1).Public().(ed25519.PublicKey))
	o.wit = tlog.WitnessKey("witness.example", key(2).Public().(ed25519.PublicKey))
	return o
}

func (o operator) policy(t *testing.T, url string) tlog.Policy {
	t.Helper()
	p, err := tlog.ParsePolicy(tlog.NewPolicy(tlog.Log{Key: o.log}, []tlog.Witness{{Name: "w", Key: o.wit, URL: url}}, 1))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// hub is a real log: a database, a sequencer, a witness, and the face that
// everybody reads.
type hub struct {
	db     *store.DB
	log    *sequencer.Log
	policy tlog.Policy
	face   http.Handler
}

func (o operator) hub(t *testing.T) *hub {
	t.Helper()
	folder := t.TempDir()
	w, err := witness.New(o.log, o.cosigner, filepath.Join(folder, "state"), quiet)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	h := &hub{policy: o.policy(t, server.URL)}
	if h.db, err = store.Open(t.Context(), "sqlite:"+filepath.Join(folder, "idp.db")); err == nil {
		err = h.db.Migrate(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	if h.log, err = sequencer.New(sequencer.Options{Storage: h.db.Log(), Signer: o.signer, Policy: h.policy, Interval: 5 * time.Millisecond, Logger: quiet}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.log.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-ended
		h.db.Close()
	})
	frame := web.New(web.Options{Service: "idp", Development: true, Logger: quiet})
	mux := http.NewServeMux()
	(&public.Handler{Log: h.log, Frame: frame}).Mount(mux)
	h.face = frame.Handler(mux)
	return h
}

// add appends entries and waits until they are published.
func (h *hub) add(t *testing.T, entries ...[]byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := h.db.Log().Append(ctx, rand.Text(), []byte{1}, entries); err != nil {
		t.Fatal(err)
	}
	if _, err := h.log.WaitProof(ctx, entries[len(entries)-1]); err != nil {
		t.Fatal(err)
	}
}

func (h *hub) note(t *testing.T) []byte {
	t.Helper()
	note, err := h.log.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return note
}

func entries(from, to int) (all [][]byte) {
	for n := from; n < to; n++ {
		all = append(all, tlog.Commitment("test", [32]byte{byte(n), byte(n >> 8)}, [32]byte{}))
	}
	return all
}

// world is a monitor of a log whose answers a test may bend.
type world struct {
	*testing.T
	operator
	hub     *hub
	address string
	mu      sync.Mutex
	bend    func(w http.ResponseWriter, r *http.Request, next http.Handler)
	at      time.Time
	options monitor.Options
	monitor *monitor.Monitor
	told    []monitor.Alert
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, operator: newOperator(t), at: time.Now()}
	w.hub = w.operator.hub(t)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		bend, face := w.bend, w.hub.face
		w.mu.Unlock()
		r.Host = "localhost"
		if bend != nil {
			bend(rw, r, face)
			return
		}
		face.ServeHTTP(rw, r)
	}))
	t.Cleanup(server.Close)
	w.address = server.URL
	source, err := audit.NewHTTP(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	w.options = monitor.Options{
		Log: source, Prover: source, Policy: w.hub.policy, State: t.TempDir(), Now: func() time.Time { return w.at }, Logger: quiet,
		Tell: func(_ context.Context, a monitor.Alert) error { w.told = append(w.told, a); return nil },
	}
	w.open()
	return w
}

// open makes the monitor anew on its state, as a restart does.
func (w *world) open() {
	w.Helper()
	var err error
	if w.monitor, err = monitor.New(w.options); err != nil {
		w.Fatal(err)
	}
}

func (w *world) lie(bend func(w http.ResponseWriter, r *http.Request, next http.Handler)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bend = bend
}

// serve shows what another hub shows.
func (w *world) serve(h *hub) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hub = h
}

// show answers one path with these bytes.
func show(path string, text []byte) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.URL.Path == path {
			w.Write(text)
			return
		}
		next.ServeHTTP(w, r)
	}
}

// round makes one and gives the names of what it found.
func (w *world) round() (names []audit.Check) {
	w.Helper()
	report, err := w.monitor.Round(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	for _, f := range report.Findings {
		names = append(names, f.Check)
	}
	return names
}

// issuer serves one status list.
type issuer struct {
	key   *ecdsa.PrivateKey
	chain [][]byte
	uri   string
	bits  []byte
	mu    sync.Mutex
	down  bool
	at    func() time.Time
	width int    // bits of a status; one when zero
	cwt   []byte // what the CWT says; none when nil
}

func newIssuer(t *testing.T, at func() time.Time) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{key: key, chain: [][]byte{der}, bits: make([]byte, 64), at: at}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		defer i.mu.Unlock()
		if i.down {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		bits, asCWT := i.bits, i.cwt != nil && r.Header.Get("Accept") == statuslist.MediaTypeCWT
		if asCWT {
			bits = i.cwt
		}
		list, err := statuslist.FromBytes(max(1, i.width), bits)
		if err != nil {
			t.Error(err)
			return
		}
		says := statuslist.Token{URI: i.uri, IssuedAt: time.Now(), Expires: time.Now().Add(time.Hour), List: list}
		if asCWT {
			token, err := statuslist.SignCWT(statuslist.Key{Signer: key, X5C: i.chain}, says)
			if err != nil {
				t.Error(err)
			}
			w.Header().Set("Content-Type", statuslist.MediaTypeCWT)
			_, _ = w.Write(token)
			return
		}
		token, err := statuslist.Sign(statuslist.Key{Signer: key, X5C: i.chain}, says)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", statuslist.MediaType)
		fmt.Fprint(w, token)
	}))
	t.Cleanup(server.Close)
	i.uri = server.URL + "/status/1"
	return i
}

// serve changes what is served.
func (i *issuer) serve(bits []byte, down bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.bits, i.down = bits, down
}

// says is the log's statement on a content.
func (i *issuer) says(t *testing.T, version int, bits []byte) []byte {
	t.Helper()
	sum := sha256.Sum256(bits)
	entry, err := tlog.Statement(credential.StatementStatusList, map[string]any{
		"uri": i.uri, "sha256": base64.RawURLEncoding.EncodeToString(sum[:]), "version": version, "iat": i.at().Unix()})
	if err != nil {
		t.Fatal(err)
	}
	return entry
}

// ledger is what others keep of checkpoints.
type ledger struct {
	anchor monitor.Anchor
	err    error
}

func (l *ledger) Latest(context.Context) (monitor.Anchor, error) {
	if l.err == nil && l.anchor.Size == 0 {
		return l.anchor, fs.ErrNotExist
	}
	return l.anchor, l.err
}

// take anchors what a hub shows now.
func (l *ledger) take(t *testing.T, h *hub) {
	t.Helper()
	c, err := h.policy.Open(h.note(t))
	if err != nil {
		t.Fatal(err)
	}
	l.anchor = monitor.Anchor{Origin: c.Origin, Size: c.Size, Root: c.Root}
}
