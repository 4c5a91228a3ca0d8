package anchor

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/citizen"
	"github.com/govmydata/mydata/conformance/stage"
	"github.com/govmydata/mydata/pkg/consent/receipt"
	"github.com/govmydata/mydata/pkg/tlog"
	"github.com/govmydata/mydata/pkg/tlog/endorsement"
)

func TestMain(m *testing.M) {
	code := m.Run()
	stage.RemovePrograms()
	stage.RemoveNetworkProgram()
	os.Exit(code)
}

const anchorer = "anchorer"

// world is a deployment, a Fabric network, and one citizen.
type world struct {
	*testing.T
	*stage.Stage
	net        *stage.Fabric
	known      *endorsement.Trust
	connection string
	fabric     string // folder of trust
	citizen    *citizen.Citizen
	grant      string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, fabric: filepath.Join(t.TempDir(), "fabric"), connection: filepath.Join(t.TempDir(), "connection.json")}
	s, err := stage.New(t.Context(), stage.Options{Flags: map[string][]string{
		stage.IDP: {"--fabric-trust", w.fabric, "--anchor-age", "2s"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	w.Stage = s
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	w.must(s.StartStory(t.Context()))
	w.must(s.StopStory())
	text, err := os.ReadFile(s.Path("log-policy.txt"))
	w.must(err)
	policy, err := tlog.ParsePolicy(text)
	w.must(err)
	w.net, err = stage.StartFabric(t.Context(), filepath.Join(t.TempDir(), "net"), policy.Logs[0].Key.Name, "--log-key", s.Path("keys", "log.vkey"))
	w.must(err)
	t.Cleanup(func() {
		if err := w.net.Close(); err != nil {
			t.Error(err)
		}
	})
	w.must(w.net.Connection(w.connection, 0, w.net.Organisations[0].User))
	w.idp("anchor", "trust", "--connection", w.connection, "--out", w.fabric)
	w.known, err = endorsement.LoadTrust(os.DirFS(w.fabric))
	w.must(err)
	w.must(s.StartAll(t.Context()))
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) idp(args ...string) string {
	w.Helper()
	out, err := w.Command(w.Context(), "idp", args...)
	if err != nil {
		w.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

func (w *world) launch() {
	w.Helper()
	w.must(w.Launch(anchorer, w.Program("idp"), "anchor", "serve", "--hub", w.URL(stage.IDP), "--trust", w.Path("trust"),
		"--fabric", w.fabric, "--connection", w.connection, "--state", w.Path("anchorer"), "--interval", "300ms"))
}

// get reads an address of the hub.
func (w *world) get(path string) (status int, body []byte) {
	w.Helper()
	request, err := http.NewRequestWithContext(w.Context(), http.MethodGet, w.URL(stage.IDP)+path, nil)
	w.must(err)
	return w.do(request)
}

func (w *world) do(request *http.Request) (status int, body []byte) {
	w.Helper()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, []byte(err.Error())
	}
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body)
	w.must(err)
	return response.StatusCode, body
}

func (w *world) post(proof []byte) (status int, body []byte) {
	w.Helper()
	request, err := http.NewRequestWithContext(w.Context(), http.MethodPost, w.URL(stage.IDP)+"/anchors", bytes.NewReader(proof))
	w.must(err)
	return w.do(request)
}

// eventually waits until f says "".
func (w *world) eventually(what string, f func() string) {
	w.Helper()
	said := ""
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if said = f(); said == "" {
			return
		}
	}
	tail := ""
	if _, err := os.Stat(w.Log(anchorer)); err == nil {
		tail = w.Tail(anchorer)
	}
	w.Fatalf("%s did not come: %s\n%s", what, said, tail)
}

// anchored waits until the hub has a proof of all that is published.
func (w *world) anchored() (proof []byte, there endorsement.Anchored) {
	w.Helper()
	_, note := w.get("/log/checkpoint")
	c, err := tlog.Peek(note)
	w.must(err)
	w.eventually("the anchor", func() string {
		status, body := w.get("/anchors/latest")
		if status != http.StatusOK {
			return fmt.Sprintf("%d %s", status, body)
		}
		p, err := endorsement.ParseProof(body)
		w.must(err)
		there, err = w.known.Verify(p)
		w.must(err)
		if proof = body; there.Size < c.Size {
			return fmt.Sprintf("size %d of %d", there.Size, c.Size)
		}
		return ""
	})
	return proof, there
}

// TestAnchor follows a consent to a receipt that carries its anchor.
func TestAnchor(t *testing.T) {
	w := newWorld(t)
	ctx := w.Context()
	letter, err := w.Letter(ctx, "resident-01", false)
	w.must(err)
	w.citizen = citizen.New(w.URL(stage.IDP), "resident-01")
	w.must(w.citizen.Enrol(ctx, letter.URL))
	w.grant, err = w.citizen.Renew(ctx, w.URL(stage.Licence))
	w.must(err)
	t.Run("it says that anchors are late, and does everything else", func(t *testing.T) {
		w.T = t
		w.eventually("the word", func() string {
			if status, body := w.get("/readyz"); status != http.StatusOK || !bytes.Contains(body, []byte("anchors, since")) {
				return fmt.Sprintf("%d %s", status, body)
			}
			return ""
		})
		_, err := w.citizen.Renew(ctx, w.URL(stage.Licence))
		w.must(err)
	})
	w.T = t
	w.launch()
	proof, there := w.anchored()
	if len(there.Organisations) != 2 || !slices.ContainsFunc(there.Digests, func(d endorsement.Digest) bool { return d.Kind == "status-list" || d.Kind == "catalogue" }) {
		t.Errorf("%+v", there)
	}
	t.Run("it takes a proof again, and refuses one that was touched", func(t *testing.T) {
		w.T = t
		if status, body := w.post(proof); status != http.StatusOK {
			t.Errorf("%d %s", status, body)
		}
		touched := bytes.Replace(proof, []byte(`"signature":"M`), []byte(`"signature":"N`), 1)
		if status, body := w.post(touched); status != http.StatusBadRequest || !bytes.Contains(body, []byte("check")) {
			t.Errorf("%d %s", status, body)
		}
	})
	t.Run("it gives a receipt that verifies offline", func(t *testing.T) { w.T = t; w.receipt() })
	t.Run("it spends one transaction an interval, whatever happens", func(t *testing.T) { w.T = t; w.constant() })
	t.Run("it goes on after the anchorer was killed, and after Fabric was away", func(t *testing.T) { w.T = t; w.outage() })
	t.Run("it stops when only the anchor remembers", func(t *testing.T) { w.T = t; w.setBack() })
}

// receipt checks the citizen's receipt by the command, as anybody would.
func (w *world) receipt() {
	raw, err := w.citizen.Receipt(w.Context(), w.grant)
	w.must(err)
	r, err := receipt.Parse(raw)
	w.must(err)
	if len(r.Anchors) == 0 {
		w.Fatal("the receipt has no anchor")
	}
	file := filepath.Join(w.TempDir(), "receipt.json")
	w.must(os.WriteFile(file, raw, 0o600))
	w.idp("receipt", "verify", file, "--trust", w.Path("trust"), "--fabric", w.fabric)
	w.idp("receipt", "verify", file, "--trust", w.Path("trust"), "--fabric", w.fabric, "--live", w.connection)
	r.Anchors[0].Reads[0].Signature[10] ^= 1
	raw, err = json.Marshal(r)
	w.must(err)
	w.must(os.WriteFile(file, raw, 0o600))
	if out, err := w.Command(w.Context(), "idp", "receipt", "verify", file, "--trust", w.Path("trust"), "--fabric", w.fabric); err == nil {
		w.Errorf("a touched anchor passes\n%s", out)
	}
}

func (w *world) outage() {
	w.must(w.Kill(anchorer))
	for _, name := range []string{"peer1", "orderer1"} {
		w.must(w.net.Kill(name))
	}
	before := time.Now()
	_, err := w.citizen.Renew(w.Context(), w.URL(stage.Licence))
	w.must(err)
	w.Logf("a consent without Fabric took %s", time.Since(before))
	w.launch()
	time.Sleep(time.Second)
	for _, name := range []string{"orderer1", "peer1"} {
		w.must(w.net.Start(context.Background(), name))
	}
	w.anchored()
	if out := w.idp("anchor", "status", "--state", w.Path("anchorer")); !strings.Contains(out, "anchored      size ") {
		w.Error(out)
	}
}

// setBack restores an old database, and lets every witness forget: nothing is
// left that knows better but the anchor, and it is enough.
func (w *world) setBack() {
	old := filepath.Join(w.TempDir(), "old.db")
	w.must(w.Stop(stage.IDP))
	text, err := os.ReadFile(w.Path("idp.db"))
	w.must(err)
	w.must(os.WriteFile(old, text, 0o600))
	w.must(w.StartAll(context.Background()))
	_, err = w.citizen.Renew(w.Context(), w.URL(stage.Licence))
	w.must(err)
	w.anchored()
	w.must(w.Stop(stage.IDP))
	for n := range 3 {
		name := stage.Witness(n + 1)
		w.must(w.Stop(name))
		w.must(os.Remove(w.Path(name, "state")))
		w.must(w.Start(name))
		w.must(w.Wait(context.Background(), name))
	}
	for _, gone := range []string{"idp.db-wal", "idp.db-shm"} {
		_ = os.Remove(w.Path(gone)) // a stopped database has none
	}
	w.must(os.Rename(old, w.Path("idp.db")))
	w.must(w.Start(stage.IDP))
	w.eventually("the stop", func() string {
		log, err := os.ReadFile(w.Log(stage.IDP))
		w.must(err)
		if !bytes.Contains(log, []byte("is anchored, and the database is at")) {
			return w.Tail(stage.IDP)
		}
		return ""
	})
	w.must(w.Kill(stage.IDP))
	w.must(w.Start(stage.IDP)) // and it does not begin again
	w.eventually("the end", func() string {
		if w.Running(stage.IDP) {
			return "it runs"
		}
		return ""
	})
}
