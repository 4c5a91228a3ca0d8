package main

import (
	"encoding/json"
	"errors"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/tlog"
	"github.com/govmydata/mydata/pkg/tlog/endorsement"
)

// place is a network, a hub and the built program.
type place struct {
	*testing.T
	dir, network, program string
	shelf                 *shelf
	hub                   *httptest.Server
	running               *exec.Cmd
}

func (p *place) path(name string) string { return filepath.Join(p.dir, name) }

func (p *place) do(program string, args ...string) []byte {
	p.Helper()
	out, err := exec.CommandContext(p.Context(), program, args...).Output()
	if err != nil {
		var said []byte
		if e, ok := errors.AsType[*exec.ExitError](err); ok {
			said = e.Stderr
		}
		p.Fatalf("%s %v: %v\n%s%s", program, args, err, out, said)
	}
	return out
}

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{T: t, dir: t.TempDir(), shelf: newShelf(t)}
	p.network, p.program = p.path("network"), p.path("sdkanchor")
	p.do("go", "build", "-C", "../network", "-o", p.network, ".")
	p.do("go", "build", "-C", "../..", "-o", p.path("idp"), "./cmd/idp")
	p.do("go", "build", "-o", p.program, ".")
	t.Cleanup(func() { _ = exec.Command(p.network, "down", "--dir", p.path("net")).Run() })
	line := p.do(p.network, "up", "--dir", p.path("net"), "--origin", origin)
	p.connect(line)
	p.do(p.path("idp"), "anchor", "trust", "--connection", p.path("connection.json"), "--out", p.path("fabric"))
	known, err := endorsement.LoadTrust(os.DirFS(p.path("fabric")))
	must(t, err)
	p.shelf.trust = known
	must(t, os.Mkdir(p.path("trust"), 0o700))
	must(t, os.WriteFile(p.path("trust/log-policy.txt"), p.shelf.policy, 0o600))
	p.hub = httptest.NewServer(p.shelf)
	t.Cleanup(p.hub.Close)
	t.Cleanup(p.kill)
	return p
}

// connect writes the connection file, with and without orderers.
func (p *place) connect(line []byte) {
	p.Helper()
	var net struct {
		Organisations []struct {
			MSP   string `json:"msp"`
			Peer  string `json:"peer"`
			TLSCA string `json:"tls_ca"`
			User  struct {
				Cert string `json:"cert"`
				Key  string `json:"key"`
			} `json:"user"`
		} `json:"organisations"`
		Orderers []m `json:"orderers"`
	}
	must(p.T, json.Unmarshal(line, &net))
	var all []m
	for _, o := range net.Organisations {
		all = append(all, m{"msp": o.MSP, "peer": o.Peer, "tls_ca": o.TLSCA})
	}
	home := net.Organisations[0]
	c := m{"channel": "anchors", "chaincode": "anchor", "msp": home.MSP, "peer": home.Peer, "tls_ca": home.TLSCA,
		"cert": home.User.Cert, "key": home.User.Key, "organisations": all}
	for _, name := range []string{"connection.json", "sdk.json"} {
		text, err := json.Marshal(c)
		must(p.T, err)
		must(p.T, os.WriteFile(p.path(name), text, 0o600))
		c["orderers"] = net.Orderers
	}
}

func (p *place) start() {
	p.Helper()
	log, err := os.OpenFile(p.path("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(p.T, err)
	defer log.Close()
	p.running = exec.Command(p.program, "--hub", p.hub.URL, "--trust", p.path("trust"), "--fabric", p.path("fabric"),
		"--connection", p.path("sdk.json"), "--state", p.path("state"), "--interval", "200ms")
	p.running.Stdout, p.running.Stderr = log, log
	must(p.T, p.running.Start())
}

func (p *place) kill() {
	if p.running != nil {
		_ = p.running.Process.Kill()
		_ = p.running.Wait()
		p.running = nil
	}
}

// anchored waits for the proof of all that the log has.
func (p *place) anchored() {
	p.Helper()
	size, root := p.shelf.edge.Size(), p.shelf.edge.Root()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if there, ok := p.shelf.has(size); ok {
			if there.Root != root || there.Origin != origin {
				p.Fatalf("%+v", there)
			}
			return
		}
	}
	text, _ := os.ReadFile(p.path("log"))
	p.Fatalf("size %d was not anchored\n%s", size, text[max(0, len(text)-3000):])
}

// offered waits until a hub that refuses is offered the proof of a size, once more.
func (p *place) offered(size int64) {
	p.Helper()
	before := p.shelf.offers(size)
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if p.shelf.offers(size) > before {
			return
		}
	}
	text, _ := os.ReadFile(p.path("log"))
	p.Fatalf("size %d was not offered\n%s", size, text[max(0, len(text)-3000):])
}

// TestAnchor takes checkpoints to proofs on the real network, kills the program
// between, and has the orderer lose what was broadcast.
func TestAnchor(t *testing.T) {
	p := newPlace(t)
	p.shelf.grow(1)
	p.start()
	p.anchored()
	for n := range 3 {
		p.shelf.grow(byte(2 + n))
		time.Sleep(time.Duration(n*150) * time.Millisecond)
		p.kill()
		p.start()
		p.anchored()
	}
	p.shelf.grow(9)
	p.do(p.network, "kill", "--dir", p.path("net"), "orderer1")
	time.Sleep(time.Second)
	p.do(p.network, "start", "--dir", p.path("net"), "orderer1")
	p.anchored()

	// A hub that refuses proofs is offered the newest one again, also by a process that
	// comes later, and anchoring goes on.
	p.shelf.refuse(true)
	p.shelf.grow(10)
	p.offered(6)
	p.shelf.grow(11)
	p.offered(7)
	p.kill()
	p.start()
	p.offered(7)
	p.shelf.refuse(false)
	p.anchored()

	// So is one that shows less than is anchored: so it learns that it was set back.
	p.shelf.refuse(true)
	p.shelf.show(1, tlog.Hash{1}, p.shelf.signer, true)
	p.offered(7)
}

func TestOutbox(t *testing.T) {
	dir := t.TempDir()
	box, err := openOutbox(dir)
	must(t, err)
	runtime.GC() // which closes files that nobody holds
	time.Sleep(10 * time.Millisecond)
	if _, err := openOutbox(dir); err == nil {
		t.Error("two processes on one folder")
	}
	want := pending{Schema: schema, Size: 3, Root: tlog.Hash{1}, TxID: "x", Payload: []byte{1}, Signature: []byte{2}}
	must(t, box.save(want))
	if got, err := box.load(); err != nil || got.TxID != "x" || got.Root != want.Root {
		t.Errorf("%+v, %v", got, err)
	}
	must(t, os.WriteFile(box.file, []byte(`{"schema_version":"other"}`), 0o600))
	if _, err := box.load(); err == nil {
		t.Error("it takes another program's file")
	}
}
