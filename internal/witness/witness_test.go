package witness_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/witness"
	"github.com/govmydata/mydata/pkg/tlog"
)

const origin = "log.example/test"

func logKey(seed byte) ed25519.PrivateKey {
	s := make([]byte, ed25519.SeedSize)
	s[0] = seed
	return ed25519.NewKeyFromSeed(s)
}

// growing is a log that can be asked for any of its past trees.
type growing struct {
	leaves []tlog.Hash
	signer tlog.Signer
}

func newLog(t *testing.T, name string, seed byte, leaves int, fork bool) *growing {
	t.Helper()
	s, err := tlog.NewSigner(name, logKey(seed))
	if err != nil {
		t.Fatal(err)
	}
	g := &growing{signer: s}
	for i := range leaves {
		g.leaves = append(g.leaves, tlog.LeafHash(fmt.Appendf(nil, "%d %v", i, fork && i > 1)))
	}
	return g
}

func (g *growing) root(size int) tlog.Hash {
	var e tlog.Edge
	for _, leaf := range g.leaves[:size] {
		e.Append(leaf, nil)
	}
	return e.Root()
}

func (g *growing) checkpoint(t *testing.T, size int) []byte {
	t.Helper()
	note, err := tlog.NewCheckpoint(g.signer, int64(size), g.root(size))
	if err != nil {
		t.Fatal(err)
	}
	return note
}

// proof computes a consistency proof by RFC 6962, 2.1.2, from the leaves alone.
func (g *growing) proof(m, n int) []tlog.Hash {
	if m == 0 || m == n {
		return nil
	}
	return subproof(m, g.leaves[:n], true)
}

func subproof(m int, leaves []tlog.Hash, whole bool) []tlog.Hash {
	root := func(leaves []tlog.Hash) tlog.Hash { return (&growing{leaves: leaves}).root(len(leaves)) }
	if m == len(leaves) {
		if whole {
			return nil
		}
		return []tlog.Hash{root(leaves)}
	}
	k := 1
	for k*2 < len(leaves) {
		k *= 2
	}
	if m <= k {
		return append(subproof(m, leaves[:k], whole), root(leaves[k:]))
	}
	return append(subproof(m-k, leaves[k:], false), root(leaves[:k]))
}

func body(old int, proof []tlog.Hash, checkpoint []byte) []byte {
	return tlog.AddCheckpoint{Old: int64(old), Proof: proof, Checkpoint: checkpoint}.Marshal()
}

type fixture struct {
	*httptest.Server
	state  string
	policy tlog.Policy
}

func start(t *testing.T, state string) fixture {
	t.Helper()
	folder := filepath.Join(filepath.Dir(state), "keys")
	if _, err := witness.Generate(folder, "witness.example/1"); err != nil {
		t.Fatal(err)
	}
	private, key, err := witness.Load(folder)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := tlog.NewCosigner(key.Name, private, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	log := tlog.LogKey(origin, logKey(1).Public().(ed25519.PublicKey))
	w, err := witness.New(log, signer, state, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	policy, err := tlog.ParsePolicy(tlog.NewPolicy(tlog.Log{Key: log}, []tlog.Witness{{Name: "w1", Key: key}}, 1))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	return fixture{server, state, policy}
}

func (f fixture) post(t *testing.T, body []byte) (int, string, string) {
	t.Helper()
	response, err := http.Post(f.URL+"/add-checkpoint", "", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text), response.Header.Get("Content-Type")
}

// TestAddCheckpoint walks the answers of C2SP tlog-witness, add-checkpoint, on
// a witness that has cosigned size 5.
//
//clause:log tlog-witness: request's lines; 400, 404, 403, 409 with the size, 422; their order; several signatures, unknown keys
func TestAddCheckpoint(t *testing.T) {
	log, fork := newLog(t, origin, 1, 9, false), newLog(t, origin, 1, 9, true)
	for _, tt := range []struct {
		name   string
		body   []byte
		status int
		text   string
	}{
		{"it cosigns a tree that grew", body(5, log.proof(5, 9), log.checkpoint(t, 9)), 200, "— witness.example/1 "},
		{"it cosigns the same tree again", body(5, nil, log.checkpoint(t, 5)), 200, "— witness.example/1 "},
		{"it answers its size when the old size is lower", body(3, log.proof(3, 9), log.checkpoint(t, 9)), 409, "5\n"},
		{"it answers its size when asked from zero", body(0, nil, log.checkpoint(t, 9)), 409, "5\n"},
		{"it answers its size when the old size is greater", body(7, log.proof(7, 9), log.checkpoint(t, 9)), 409, "5\n"},
		{"it answers its size to a log set back", body(3, nil, log.checkpoint(t, 3)), 409, "5\n"},
		{"it refuses an old size above the new one", body(9, nil, log.checkpoint(t, 5)), 400, ""},
		{"it refuses another root at its size", body(5, nil, fork.checkpoint(t, 5)), 409, "5\n"},
		{"it refuses a fork", body(5, fork.proof(5, 9), fork.checkpoint(t, 9)), 422, ""},
		{"it refuses a missing proof", body(5, nil, log.checkpoint(t, 9)), 422, ""},
		{"it refuses a proof where none belongs", body(5, log.proof(5, 9), log.checkpoint(t, 5)), 422, ""},
		{"it does not know another log", body(5, log.proof(5, 9), newLog(t, "other.example", 1, 9, false).checkpoint(t, 9)), 404, ""},
		{"it refuses another key under the origin", body(5, log.proof(5, 9), newLog(t, origin, 2, 9, false).checkpoint(t, 9)), 403, ""},
		{"it refuses nonsense", []byte("old 5\nx\n\n"), 400, ""},
		{"it refuses an empty body", nil, 400, ""},
		{"it refuses a long body", make([]byte, 1<<20), 400, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := start(t, filepath.Join(t.TempDir(), "state"))
			if status, text, _ := f.post(t, body(0, nil, log.checkpoint(t, 5))); status != 200 {
				t.Fatalf("first: %d %s", status, text)
			}
			status, text, kind := f.post(t, tt.body)
			if status != tt.status || !strings.HasPrefix(text, tt.text) {
				t.Errorf("%d %q", status, text)
			}
			if (status == 409) != (kind == "text/x.tlog.size") {
				t.Errorf("content type %q", kind)
			}
			if status != 200 {
				after, _, _ := f.post(t, body(5, nil, log.checkpoint(t, 5)))
				if after != 200 {
					t.Errorf("it moved: %d", after)
				}
			}
		})
	}
}

//clause:log tlog-cosignature
func TestCosignatureCounts(t *testing.T) {
	log := newLog(t, origin, 1, 3, false)
	f := start(t, filepath.Join(t.TempDir(), "state"))
	note := log.checkpoint(t, 0) // also the empty tree
	_, lines, _ := f.post(t, body(0, nil, note))
	merged, err := tlog.Merge(note, []byte(lines))
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.policy.Open(merged)
	if err != nil || len(c.Witnesses) != 1 || c.Witnesses[0] != "w1" {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestStateOutlivesTheProcess(t *testing.T) {
	log := newLog(t, origin, 1, 9, false)
	state := filepath.Join(t.TempDir(), "state")
	f := start(t, state)
	f.post(t, body(0, nil, log.checkpoint(t, 5)))
	f.Close()
	again := start(t, state)
	if status, text, _ := again.post(t, body(0, nil, log.checkpoint(t, 4))); status != 409 || text != "5\n" {
		t.Errorf("after a restart: %d %q", status, text)
	}
	if status, _, _ := again.post(t, body(5, log.proof(5, 9), log.checkpoint(t, 9))); status != 200 {
		t.Errorf("after a restart: %d", status)
	}
}

func TestItStopsOnAStateItCannotTrust(t *testing.T) {
	folder := t.TempDir()
	state := filepath.Join(folder, "state")
	foreign := newLog(t, origin, 2, 9, false)
	for name, content := range map[string][]byte{"empty": nil, "nonsense": []byte("x"), "another key's": foreign.checkpoint(t, 5)} {
		if err := os.WriteFile(state, content, 0o600); err != nil {
			t.Fatal(err)
		}
		log := tlog.LogKey(origin, logKey(1).Public().(ed25519.PublicKey))
		if _, err := witness.New(log, nil, state, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestItKeepsBeforeItSigns takes away the folder: no cosignature without a
// durable state.
//
//clause:log tlog-witness: a latest checkpoint for each origin, kept before the answer, compared and kept atomically
func TestItKeepsBeforeItSigns(t *testing.T) {
	log := newLog(t, origin, 1, 9, false)
	folder := filepath.Join(t.TempDir(), "gone")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	f := start(t, filepath.Join(folder, "state"))
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	if status, text, _ := f.post(t, body(0, nil, log.checkpoint(t, 5))); status != 500 || strings.Contains(text, "—") {
		t.Errorf("%d %q", status, text)
	}
}

// What it cannot keep it does not vouch for: here a folder lies where its state
// would.
func TestNothingIsCosignedThatIsNotKept(t *testing.T) {
	f := start(t, filepath.Join(t.TempDir(), "state"))
	if err := os.Mkdir(f.state, 0o700); err != nil {
		t.Fatal(err)
	}
	log := newLog(t, origin, 1, 5, false)
	if status, text, _ := f.post(t, body(0, nil, log.checkpoint(t, 5))); status < 500 || strings.Contains(text, "witness.example") {
		t.Errorf("%d %s", status, text)
	}
}

func TestKeys(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "new", "folder")
	first, err := witness.Generate(folder, "witness.example/1")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := witness.Generate(folder, "another.example"); err != nil || again.String() != first.String() {
		t.Errorf("it makes what is there anew: %s, %v", again, err)
	}
	info, err := os.Stat(filepath.Join(folder, "witness.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key is readable to others: %v, %v", info.Mode(), err)
	}
	unborn := filepath.Join(t.TempDir(), "x")
	if _, err := witness.Generate(unborn, "a name"); err == nil {
		t.Error("it takes a name that no key can bear")
	}
	if _, err := witness.Generate(unborn, "witness.example/3"); err != nil {
		t.Errorf("it keeps a name that no key can bear: %v", err)
	}
	other := filepath.Join(t.TempDir(), "other")
	if _, err := witness.Generate(other, "witness.example/2"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(other, "witness.key"), filepath.Join(folder, "witness.key")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := witness.Load(folder); err == nil {
		t.Error("it takes a verifier key that is not its key's")
	}
}

// A key file that was cut off or exchanged is no key, and no crash.
func TestLoadRefuses(t *testing.T) {
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(other)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, file, text string }{
		{"it refuses a key that is no PEM file", "witness.key", "nonsense"},
		{"it refuses a PEM file that is no key", "witness.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"},
		{"it refuses a key of another kind", "witness.key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))},
		{"it refuses a verifier key that is none", "witness.vkey", "witness.example/1+nonsense"},
	} {
		t.Run(c.name, func(t *testing.T) {
			folder := t.TempDir()
			if _, err := witness.Generate(folder, "witness.example/1"); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(folder, c.file), []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, _, err := witness.Load(folder); err == nil {
				t.Error("loaded")
			}
		})
	}
}

func TestLock(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	first, err := witness.Lock(state)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := witness.Lock(state); err == nil {
		t.Error("a second process may use the state")
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := witness.Lock(state); err != nil {
		t.Errorf("after the first ended: %v", err)
	}
}

// TestOneAtATime asks for different checkpoints at once: the race that C2SP
// tlog-witness describes, in which a witness would roll back.
//
//clause:log tlog-witness: a latest checkpoint for each origin, kept before the answer, compared and kept atomically
func TestOneAtATime(t *testing.T) {
	log := newLog(t, origin, 1, 9, false)
	f := start(t, filepath.Join(t.TempDir(), "state"))
	f.post(t, body(0, nil, log.checkpoint(t, 5)))
	var wait sync.WaitGroup
	var cosigned, highest atomic.Int64
	for n := range 20 {
		size := 6 + n%4
		request := body(5, log.proof(5, size), log.checkpoint(t, size))
		wait.Go(func() {
			if status, _, _ := f.post(t, request); status == http.StatusOK {
				cosigned.Add(1)
				highest.Store(int64(size))
			}
		})
	}
	wait.Wait()
	status, text, _ := f.post(t, body(0, nil, log.checkpoint(t, 9)))
	if cosigned.Load() != 1 || status != http.StatusConflict || text != fmt.Sprintf("%d\n", highest.Load()) {
		t.Errorf("%d cosigned, the highest %d; the witness is at %s", cosigned.Load(), highest.Load(), text)
	}
}
