package logtools

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// hub is a hub and two witnesses, as processes on this machine.
type hub struct {
	program, data, url string
	log                string   // verifier key
	witnesses          []string // verifier keys
}

// startHub makes keys and a policy that wants both witnesses, and starts all.
func startHub(t *testing.T) *hub {
	t.Helper()
	folder, err := os.MkdirTemp("/tmp", "mydata-logtools-") // a socket's path is short
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	h := &hub{program: filepath.Join(folder, "idp"), data: filepath.Join(folder, "data")}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", h.program, "./cmd/idp")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	address := free(t)
	h.url = "http://" + strings.Replace(address, "127.0.0.1", "localhost", 1)
	h.command(t, "keygen", "--data", h.data, "--issuer", h.url)
	h.command(t, "migrate", "--data", h.data)
	h.log = h.read(t, "keys", "log.vkey")
	policy := fmt.Sprintf("log %s %s/log\n", h.log, h.url)
	for _, name := range []string{"w1", "w2"} {
		where, at := filepath.Join(folder, name), free(t)
		h.command(t, "witness", "keygen", "--data", where, "--name", "witness.example/"+name)
		key, err := os.ReadFile(filepath.Join(where, "witness.vkey"))
		must(t, err)
		h.witnesses = append(h.witnesses, strings.TrimSpace(string(key)))
		policy += fmt.Sprintf("witness %s %s http://%s\n", name, h.witnesses[len(h.witnesses)-1], at)
		h.start(t, "witness", "serve", "--data", where, "--listen", at, "--log-policy", filepath.Join(h.data, "log-policy.txt"))
	}
	policy += "group both all w1 w2\nquorum both\n"
	must(t, os.WriteFile(filepath.Join(h.data, "log-policy.txt"), []byte(policy), 0o600))
	h.start(t, "serve", "--data", h.data, "--development", "--issuer", h.url, "--listen", address,
		"--register", "../../examples/story/residents.csv", "--agency-ca", filepath.Join(h.data, "hub-ca.pem"))
	eventually(t, func() error { _, err := h.get(h.url + "/readyz"); return err })
	return h
}

func (h *hub) read(t *testing.T, parts ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{h.data}, parts...)...))
	must(t, err)
	return strings.TrimSpace(string(text))
}

// command runs the program to its end.
func (h *hub) command(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), h.program, args...).CombinedOutput(); err != nil {
		t.Fatalf("idp %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// start starts a process that ends with the test.
func (h *hub) start(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.Command(h.program, args...)
	var said strings.Builder
	cmd.Stderr = &said
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may be gone
		late := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		late.Stop()
		if t.Failed() {
			t.Logf("idp %s:\n%s", args[0], said.String())
		}
	})
}

func (h *hub) get(url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answered %s: %s", url, response.Status, body)
	}
	return body, err
}

// free is an address below those that the system gives out by itself, and above
// those that other tests choose from: nobody comes upon it in between.
func free(t *testing.T) string {
	t.Helper()
	for range 100 {
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 30_000+rand.IntN(2_700))); err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no free port")
	return ""
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func eventually(t *testing.T, f func() error) {
	t.Helper()
	var err error
	for range 600 {
		if err = f(); err == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal(err)
}
