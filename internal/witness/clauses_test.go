package witness_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/witness"
	"github.com/govmydata/mydata/pkg/tlog"
)

const second = "second.example/log"

// several starts a witness of two logs, the first of which has two keys.
func several(t *testing.T, state string) (*httptest.Server, tlog.Key) {
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
	w, err := witness.NewSeveral(logs(origin, 1, origin, 5, second, 2), signer, state, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	return server, key
}

// logs are names and seeds of keys.
func logs(pairs ...any) (all []tlog.Log) {
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, tlog.Log{Key: tlog.LogKey(pairs[i].(string), logKey(byte(pairs[i+1].(int))).Public().(ed25519.PublicKey))})
	}
	return all
}

// also adds another log's signature to a checkpoint.
func also(t *testing.T, note []byte, other *growing) []byte {
	t.Helper()
	line, err := tlog.Cosign(other.signer, note)
	if err != nil {
		t.Fatal(err)
	}
	merged, err := tlog.Merge(note, line)
	if err != nil {
		t.Fatal(err)
	}
	return merged
}

// unsigned is a checkpoint's text with these lines of signatures.
func unsigned(note []byte, lines string) []byte {
	text, _, _ := strings.Cut(string(note), "\n\n")
	return []byte(text + "\n\n" + lines)
}

// TestClauses walks C2SP tlog-witness, add-checkpoint, clause by clause, on a
// witness that has cosigned size 5 of the first of its two logs. Where a request
// breaks several clauses, the earlier one answers.
//
//clause:log tlog-witness: request's lines; 400, 404, 403, 409 with the size, 422; their order; several signatures, unknown keys
func TestClauses(t *testing.T) {
	log, fork := newLog(t, origin, 1, 9, false), newLog(t, origin, 1, 9, true)
	rotated, stranger := newLog(t, origin, 5, 9, false), newLog(t, origin, 7, 9, false)
	other := newLog(t, second, 2, 9, false)
	unknown := newLog(t, "unknown.example", 1, 9, false)
	proof, nine := log.proof(5, 9), log.checkpoint(t, 9)
	hash := base64.StdEncoding.EncodeToString(make([]byte, 32))
	raw := func(head string) []byte { return append([]byte(head+"\n"), nine...) }
	lying := newLog(t, second, 1, 9, false) // the first log's key under the second's origin
	for _, tt := range []struct {
		clause string
		status int
		bodies [][]byte
	}{
		{"each line MUST terminate in a newline", 400, [][]byte{
			[]byte("old 5"), []byte("old 5\n"), body(5, proof, nine[:len(nine)-1]), raw("old 5\n" + hash), raw("old 5\r\n"), nil}},
		{"the old size line MUST be old, one space, a decimal without leading zeroes", 400, [][]byte{
			raw("Old 5\n"), raw("old  5\n"), raw("old\t5\n"), raw("old 05\n"), raw("old +5\n"), raw("old -1\n"), raw("old \n"), raw("old 5 \n"),
			raw("old 5x\n"), raw("old 99999999999999999999\n"), raw(hash + "\n"), raw("")}},
		{"each proof line MUST encode a single hash in base64", 400, [][]byte{
			raw("old 5\nx\n"), raw("old 5\n" + hash[:40] + "\n"), raw("old 5\n" + strings.Repeat("_", 43) + "=\n"), raw("old 5\n" + hash + hash + "\n"), raw("old 5\n " + hash + "\n")}},
		{"the client MUST NOT send more than 63 proof lines", 400, [][]byte{body(5, make([]tlog.Hash, 64), nine)}},
		{"what follows is a checkpoint", 400, [][]byte{
			[]byte("old 5\n\nx"), []byte("old 5\n\n" + origin + "\n9\n\n"), []byte("old 5\n\n" + origin + "\n09\n" + hash + "\n\n— x " + hash + "\n"),
			[]byte("old 5\n\n" + origin + "\n9\nAAAA\n\n— x " + hash + "\n"), body(5, proof, unsigned(nine, "no signature\n"))}},
		{"a body is bounded", 400, [][]byte{make([]byte, 1<<20), body(5, proof, append(nine, make([]byte, 64<<10)...)),
			body(5, proof, []byte(origin+"\n9\n"+hash+"\n"+strings.Repeat("extension\n", 10_000)+"\n"))}},
		{"the checkpoint MAY include multiple signatures, and unknown keys MUST be ignored", 200, [][]byte{
			body(5, proof, also(t, nine, stranger)), body(5, proof, also(t, nine, other)), body(5, proof, also(t, nine, rotated))}},
		{"the signature is verified against the public keys trusted for the origin", 200, [][]byte{body(5, proof, nine), body(5, proof, rotated.checkpoint(t, 9))}},
		{"if the origin is unknown: 404", 404, [][]byte{
			body(5, proof, unknown.checkpoint(t, 9)), body(50, nil, unknown.checkpoint(t, 9)), body(5, proof, unsigned(unknown.checkpoint(t, 9), ""))}},
		{"if none of the signatures verify: 403", 403, [][]byte{
			body(5, proof, stranger.checkpoint(t, 9)), body(5, proof, unsigned(nine, "")), body(0, nil, lying.checkpoint(t, 9)), body(50, nil, stranger.checkpoint(t, 9)),
			body(5, proof, unsigned(nine, "— "+origin+" "+hash+"\n"))}},
		{"the old size MUST be equal to or lower than the checkpoint size: 400", 400, [][]byte{body(9, nil, log.checkpoint(t, 5)), body(6, nil, log.checkpoint(t, 5))}},
		{"the old size MUST match the latest cosigned: 409 with the size", 409, [][]byte{
			body(3, log.proof(3, 9), nine), body(0, nil, nine), body(7, log.proof(7, 9), nine), body(3, nil, log.checkpoint(t, 3)), body(4, nil, fork.checkpoint(t, 9))}},
		{"zero if it never cosigned for that origin: 409 with 0", 4090, [][]byte{body(5, other.proof(5, 9), other.checkpoint(t, 9))}},
		{"the proof MUST be empty if the old size is zero: 422", 422, [][]byte{body(0, proof, other.checkpoint(t, 9))}},
		{"the proof MUST verify: 422", 422, [][]byte{
			body(5, nil, nine), body(5, fork.proof(5, 9), fork.checkpoint(t, 9)), body(5, proof[1:], nine), body(5, append(proof, tlog.Hash{}), nine), body(5, proof, log.checkpoint(t, 5))}},
		{"at the same size the roots MUST be identical: 409", 409, [][]byte{body(5, nil, fork.checkpoint(t, 5))}},
		{"if all checks pass: 200 with cosignatures", 200, [][]byte{body(5, proof, nine), body(5, nil, log.checkpoint(t, 5)), body(0, nil, other.checkpoint(t, 9)), body(0, nil, other.checkpoint(t, 0))}},
	} {
		for i, request := range tt.bodies {
			t.Run(fmt.Sprintf("%s %d", tt.clause, i+1), func(t *testing.T) {
				server, key := several(t, filepath.Join(t.TempDir(), "state"))
				if status, text, _ := add(t, server, body(0, nil, log.checkpoint(t, 5))); status != 200 {
					t.Fatalf("first: %d %s", status, text)
				}
				status, text, kind := add(t, server, request)
				want, size := tt.status, "5\n"
				if want == 4090 {
					want, size = 409, "0\n"
				}
				switch {
				case status != want:
					t.Errorf("%d %q", status, text)
				case status == 409 && (text != size || kind != "text/x.tlog.size"):
					t.Errorf("%q as %s", text, kind)
				case status == 200:
					counts(t, key, request, text)
				case strings.Contains(text, "—"):
					t.Errorf("a signature with %d: %q", status, text)
				}
				if status != 200 {
					if after, text, _ := add(t, server, body(5, nil, log.checkpoint(t, 5))); after != 200 {
						t.Errorf("it moved: %d %s", after, text)
					}
				}
			})
		}
	}
}

func add(t *testing.T, server *httptest.Server, body []byte) (int, string, string) {
	t.Helper()
	return fixture{Server: server}.post(t, body)
}

// counts checks the answer's lines as a log does: added to its checkpoint, they
// are a quorum of this witness.
func counts(t *testing.T, key tlog.Key, request []byte, lines string) {
	t.Helper()
	asked, err := tlog.ParseAddCheckpoint(request)
	if err != nil {
		t.Fatal(err)
	}
	claimed, err := tlog.Peek(asked.Checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(lines) {
		if !strings.HasPrefix(line, "— witness.example/1 ") || !strings.HasSuffix(line, "\n") {
			t.Errorf("line %q", line)
		}
	}
	merged, err := tlog.Merge(asked.Checkpoint, []byte(lines))
	if err != nil {
		t.Fatal(err)
	}
	text := "witness w " + key.String() + "\nquorum w\n"
	for _, log := range logs(origin, 1, origin, 5, second, 2) {
		text = "log " + log.Key.String() + "\n" + text
	}
	policy, err := tlog.ParsePolicy([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if c, err := policy.Open(merged); err != nil || c.Origin != claimed.Origin || time.Since(c.Cosigned).Abs() > time.Minute {
		t.Errorf("%+v, %v", c, err)
	}
}

// TestRequestMustBePOST: the request MUST be an HTTP POST, and connections are
// kept alive.
//
//clause:log tlog-witness: POST alone, connections kept alive
func TestRequestMustBePOST(t *testing.T) {
	server, _ := several(t, filepath.Join(t.TempDir(), "state"))
	reused := false
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { reused = i.Reused }})
		request, err := http.NewRequestWithContext(ctx, method, server.URL+"/add-checkpoint", strings.NewReader(""))
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		response.Body.Close()
		if response.StatusCode != http.StatusMethodNotAllowed || response.Header.Get("Allow") != http.MethodPost {
			t.Errorf("%s: %s", method, response.Status)
		}
	}
	if !reused {
		t.Error("a connection is not kept alive")
	}
	if response, err := http.Get(server.URL + "/healthz"); err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("%v, %v", response, err)
	} else {
		response.Body.Close()
	}
}

// TestLogsComeAndGo: which logs a witness follows may change; what it cosigned
// of each stays known.
//
//clause:log tlog-witness: a latest checkpoint for each origin, kept before the answer, compared and kept atomically
func TestLogsComeAndGo(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	log, other := newLog(t, origin, 1, 9, false), newLog(t, second, 2, 9, false)
	alone := start(t, state) // as from before: one log, one file
	if status, text, _ := alone.post(t, body(0, nil, log.checkpoint(t, 5))); status != 200 {
		t.Fatal(status, text)
	}
	alone.Close()
	both, _ := several(t, state)
	if status, text, _ := add(t, both, body(0, nil, log.checkpoint(t, 9))); status != 409 || text != "5\n" {
		t.Errorf("it forgot the first: %d %q", status, text)
	}
	if status, text, _ := add(t, both, body(0, nil, other.checkpoint(t, 7))); status != 200 {
		t.Errorf("the second: %d %q", status, text)
	}
	both.Close()
	only, err := witness.NewSeveral(logs(second, 2), nil, state, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := only.Cosign(t.Context(), body(0, nil, other.checkpoint(t, 9))); err == nil || err.Error() != "7" {
		t.Errorf("it forgot the second: %v", err)
	}
	// A copy of a state under the other name may be older: a person must look.
	files, err := filepath.Glob(state + "-*")
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	text, err := os.ReadFile(files[0])
	if err == nil {
		err = os.WriteFile(state, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := witness.NewSeveral(logs(second, 2), nil, state, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "a person must look") {
		t.Errorf("two states: %v", err)
	}
	if err := os.WriteFile(state, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, logs := range map[string][]tlog.Log{"damaged": logs(origin, 1), "no log": nil} {
		if _, err := witness.NewSeveral(logs, nil, state, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%s: it starts", name)
		}
	}
}

// TestRetiredLogKey: by the witness's own clock a retired key counts no more,
// and what it cosigned under that key stays known.
func TestRetiredLogKey(t *testing.T) {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := tlog.NewCosigner("witness.example/w", private, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(t.TempDir(), "state")
	old, next := newLog(t, origin, 1, 9, false), newLog(t, origin, 5, 9, false)
	start := func(until time.Time) *witness.Several {
		keys := logs(origin, 1, origin, 5)
		keys[0].Until = until
		w, err := witness.NewSeveral(keys, signer, state, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	w := start(time.Now().Add(time.Hour))
	if _, err := w.Cosign(t.Context(), body(0, nil, old.checkpoint(t, 5))); err != nil {
		t.Fatal(err)
	}
	w = start(time.Now().Add(-time.Second))
	if _, err := w.Cosign(t.Context(), body(5, old.proof(5, 7), old.checkpoint(t, 7))); err == nil || !strings.Contains(err.Error(), "retired") {
		t.Errorf("a retired key: %v", err)
	}
	if _, err := w.Cosign(t.Context(), body(0, nil, next.checkpoint(t, 7))); err == nil || err.Error() != "5" {
		t.Errorf("it forgot what the retired key signed: %v", err)
	}
	if _, err := w.Cosign(t.Context(), body(5, old.proof(5, 7), next.checkpoint(t, 7))); err != nil {
		t.Errorf("the key that followed: %v", err)
	}
}
