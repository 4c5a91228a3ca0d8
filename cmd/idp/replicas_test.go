package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/stage"
	"github.com/govmydata/mydata/internal/store/storetest"
	"github.com/govmydata/mydata/pkg/tlog"
)

// withPostgres ends the server that a test may have started.
type withPostgres struct{ *testing.M }

func (m withPostgres) Run() int {
	defer storetest.StopPostgres()
	return m.M.Run()
}

// replica is one of several hubs on one database, as a process.
type replica struct {
	cmd     *exec.Cmd
	address string
	socket  string
}

func startReplica(t *testing.T, data, database, name string) replica {
	t.Helper()
	address, err := stage.Address()
	if err != nil {
		t.Fatal(err)
	}
	r := replica{address: address, socket: filepath.Join(data, name)}
	r.cmd = exec.Command("idp", "serve", "--data", data, "--database", database, "--development",
		"--listen", r.address, "--socket", r.socket, "--agency-ca", filepath.Join(data, "hub-ca.pem"),
		"--register", filepath.Join("..", "..", "examples", "story", "residents.csv"))
	var said strings.Builder
	r.cmd.Stderr = &said
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = r.cmd.Process.Kill() // it may be dead
		_ = r.cmd.Wait()
		if t.Failed() {
			t.Logf("%s:\n%s", name, said.String())
		}
	})
	return r
}

func (r replica) get(path string) ([]byte, error) {
	res, err := http.Get("http://" + r.address + path)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", res.Status, body)
	}
	return body, err
}

// role waits until the replica is ready in this role.
func (r replica) role(t *testing.T, want string) {
	t.Helper()
	var body []byte
	var err error
	for range 200 {
		var says struct{ Status, Log string }
		if body, err = r.get("/readyz"); err == nil && json.Unmarshal(body, &says) == nil && says.Status == "ready" && says.Log == want {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("it is no %s: %s, %v", want, body, err)
}

// grows has the operator do something through the replica, and waits until the
// log that it serves has more entries.
func (r replica) grows(t *testing.T) {
	t.Helper()
	before, _ := r.get("/log/checkpoint")                                                                     // the first may not be there
	_ = exec.CommandContext(t.Context(), "idp", "revoke", "--socket", r.socket, "--credential", "none").Run() // refused, and in the trail
	for range 200 {
		if now, err := r.get("/log/checkpoint"); err == nil && string(now) != string(before) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("the log does not grow beyond\n%s", before)
}

// TestReplicas runs three hubs on one PostgreSQL: all serve, one gives leaves
// their places, and when it is killed another does.
func TestReplicas(t *testing.T) {
	folder, err := os.MkdirTemp("/tmp", "mydata-replicas-") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	t.Setenv("MYDATA_IDP_ISSUER", "http://localhost:8080")
	database := storetest.Postgres(t, "replicas", "template1")
	for _, args := range [][]string{
		{"keygen", "--data", folder}, {"migrate", "--data", folder, "--database", database},
	} {
		if out, err := exec.CommandContext(t.Context(), "idp", args...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", args, err, out)
		}
	}
	h := auditedHub{data: folder}
	text, err := os.ReadFile(filepath.Join(folder, "keys", "log.vkey"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := tlog.ParseKey(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	h.forget(t, key)
	one := startReplica(t, folder, database, "1.sock")
	one.role(t, "leader")
	two, three := startReplica(t, folder, database, "2.sock"), startReplica(t, folder, database, "3.sock")
	two.role(t, "follower")
	three.role(t, "follower")
	one.grows(t)
	two.grows(t)
	three.grows(t)

	_ = one.cmd.Process.Kill()
	began := time.Now()
	two.grows(t)
	three.grows(t)
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("it took %s until another led", took)
	}
	leader, follower := two, three
	if body, _ := three.get("/readyz"); strings.Contains(string(body), "leader") {
		leader, follower = three, two
	}
	leader.role(t, "leader")
	follower.role(t, "follower")
	_ = leader.cmd.Process.Signal(os.Interrupt)
	began = time.Now()
	follower.grows(t)
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("it took %s though the leader resigned", took)
	}
}
