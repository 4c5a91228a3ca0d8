package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/govmydata/mydata/conformance/stage"
)

func TestMain(m *testing.M) {
	testscript.Main(withPostgres{m}, map[string]func(){"idp": main})
}

// TestScripts runs the command as people and scripts do. Each script starts
// from a folder with keys, database, register and three witnesses' keys; "hub"
// starts the witnesses and the hub, "down" ends all of them.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:   "testdata/script",
		Setup: setup,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"hub": startHub, "down": stopHub, "lines": countLines, "fetch": fetchFile,
			"await":   func(ts *testscript.TestScript, _ bool, args []string) { awaitReady(ts, args[0]) },
			"receipt": writeReceipt, "resolve": resolve, "signed": signed, "refused": refused,
			"keep": keepID, "agency": writeAgency, "exits": exits, "heavy": heavy, "mode": hasMode,
		},
	})
}

func setup(env *testscript.Env) error {
	for _, name := range []string{"IDP", "METRICS", "METRICS2", "W1", "W2", "W3"} {
		port, err := stage.Port()
		if err != nil {
			return err
		}
		env.Setenv(name, strconv.Itoa(port))
	}
	register, err := os.ReadFile(filepath.Join("..", "..", "examples", "story", "residents.csv"))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(env.WorkDir, "data"), 0o700); err != nil {
		return err
	}
	env.Setenv("UID", strconv.Itoa(os.Getuid()))
	env.Setenv("MYDATA_IDP_ISSUER", "http://localhost:"+env.Getenv("IDP"))
	return os.WriteFile(filepath.Join(env.WorkDir, "data", "residents.csv"), register, 0o600)
}

type running struct{ processes []*exec.Cmd }

var hubs = map[*testscript.TestScript]*running{}

// startHub makes what an operator makes, and starts everything.
func startHub(ts *testscript.TestScript, _ bool, _ []string) {
	data := ts.MkAbs("data")
	must := func(args ...string) { ts.Check(ts.Exec("idp", args...)) }
	must("keygen", "--data", data)
	must("migrate", "--data", data)
	ts.Check(os.MkdirAll(filepath.Join(data, "agencies"), 0o700))
	ca, err := os.ReadFile(filepath.Join(data, "hub-ca.pem")) // any CA will do: no agency calls
	ts.Check(err)
	ts.Check(os.WriteFile(filepath.Join(data, "agencies", "ca.pem"), ca, 0o600))
	policy := "log " + strings.TrimSpace(ts.ReadFile("data/keys/log.vkey")) + "\n"
	r := &running{}
	hubs[ts] = r
	ts.Defer(func() { stopHub(ts, false, nil) })
	for i := 1; i <= 3; i++ {
		dir := filepath.Join(data, fmt.Sprintf("witness-%d", i))
		must("witness", "keygen", "--data", dir, "--name", fmt.Sprintf("localhost/w%d", i))
		key := strings.TrimSpace(ts.ReadFile(filepath.Join(dir, "witness.vkey")))
		policy += fmt.Sprintf("witness w%d %s http://localhost:%s\n", i, key, ts.Getenv(fmt.Sprintf("W%d", i)))
	}
	policy += "group g 2 w1 w2 w3\nquorum g\n"
	if _, err := os.Stat(filepath.Join(data, "log-policy.txt")); err != nil { // started again: the one there is
		ts.Check(os.WriteFile(filepath.Join(data, "log-policy.txt"), []byte(policy), 0o600))
	}
	for i := 1; i <= 3; i++ {
		r.start(ts, "witness", "serve", "--data", filepath.Join(data, fmt.Sprintf("witness-%d", i)),
			"--listen", "127.0.0.1:"+ts.Getenv(fmt.Sprintf("W%d", i)), "--log-policy", filepath.Join(data, "log-policy.txt"))
	}
	r.start(ts, "serve", "--data", data, "--development", "--listen", "127.0.0.1:"+ts.Getenv("IDP"),
		"--metrics", "127.0.0.1:"+ts.Getenv("METRICS"))
	for _, path := range []string{"/readyz", "/log/checkpoint"} {
		awaitReady(ts, "http://localhost:"+ts.Getenv("IDP")+path)
	}
}

func (r *running) start(ts *testscript.TestScript, args ...string) {
	path, err := exec.LookPath("idp")
	ts.Check(err)
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), "MYDATA_IDP_ISSUER="+ts.Getenv("MYDATA_IDP_ISSUER"))
	log, err := os.OpenFile(ts.MkAbs("hub.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	ts.Check(err)
	defer log.Close()
	cmd.Stderr = log
	ts.Check(cmd.Start())
	r.processes = append(r.processes, cmd)
}

func awaitReady(ts *testscript.TestScript, url string) {
	for range 200 {
		res, err := http.Get(url)
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Fatalf("the hub is not ready:\n%s", ts.ReadFile("hub.log"))
}

func stopHub(ts *testscript.TestScript, _ bool, _ []string) {
	r, ok := hubs[ts]
	if !ok {
		return
	}
	for _, cmd := range r.processes {
		_ = cmd.Process.Signal(os.Interrupt)
	}
	for _, cmd := range r.processes {
		if err := cmd.Wait(); err != nil {
			ts.Logf("%v: %v", cmd.Args, err)
		}
	}
	r.processes = nil
}

// countLines checks that a file has so many lines: "lines stdout 1".
func countLines(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: lines FILE N")
	}
	n := fmt.Sprint(strings.Count(ts.ReadFile(args[0]), "\n"))
	if (n == args[1]) == neg {
		ts.Fatalf("%s has %s lines", args[0], n)
	}
}

// fetch URL FILE keeps what an address answers; "! fetch URL" wants anything but 200.
func fetchFile(ts *testscript.TestScript, neg bool, args []string) {
	res, err := http.Get(args[0])
	ts.Check(err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	ts.Check(err)
	if (res.StatusCode == http.StatusOK) == neg {
		ts.Fatalf("%s: %s\n%s", args[0], res.Status, body)
	}
	if len(args) > 1 {
		ts.Check(os.WriteFile(ts.MkAbs(args[1]), body, 0o600))
	}
}

// hasMode MODE FILE... wants files of these permissions.
func hasMode(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args[1:] {
		info, err := os.Stat(ts.MkAbs(name))
		ts.Check(err)
		if got := strconv.FormatUint(uint64(info.Mode().Perm()), 8); got != args[0] {
			ts.Fatalf("%s has mode %s", name, got)
		}
	}
}
