package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// program is the command as it is used, built once for all tests.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "network-test-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "network")
	return path, goTool(".", "build", "-o", path, ".")
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := program(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// trial starts a network that ends with the test, also when the test dies: its input
// closes then.
func trial(t *testing.T, args ...string) *network {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "net")
	cmd := exec.Command(path, append([]string{"hold", "--dir", dir}, args...)...)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("network hold: %v\n%s", err, complaint.String())
		}
		nothingLeft(t, dir)
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("network hold: %v\n%s", err, complaint.String())
	}
	n, err := load(dir)
	if err != nil {
		t.Fatal(err)
	}
	want, err := json.Marshal(n.describe())
	if err != nil || strings.TrimSpace(line) != string(want) {
		t.Fatalf("network hold says %s, not %s", line, want)
	}
	return n
}

func nothingLeft(t *testing.T, dir string) {
	t.Helper()
	if _, err := os.Stat(dir); err == nil {
		t.Errorf("%s is still there", dir)
	}
	if left := standingBelow(dir); len(left) > 0 {
		t.Errorf("processes %v are still there", left)
	}
}

// standingBelow finds processes that have their folder below dir, removed or not.
func standingBelow(dir string) []string {
	links, _ := filepath.Glob("/proc/[0-9]*/cwd")
	var found []string
	for _, link := range links {
		if at, err := os.Readlink(link); err == nil && strings.HasPrefix(at, dir+"/") {
			found = append(found, filepath.Base(filepath.Dir(link)))
		}
	}
	return found
}

// caller is a session of a test.
type caller struct {
	*session
	t *testing.T
}

func (n *network) open(t *testing.T, o int, msp string, who pair) caller {
	t.Helper()
	s, err := n.connectTo(o, msp, who)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return caller{s, t}
}

func (n *network) member(t *testing.T, o int, role string) caller {
	t.Helper()
	who, err := n.identity(o, role)
	if err != nil {
		t.Fatal(err)
	}
	return n.open(t, o, mspOf(o), who)
}

// mint makes another member of an organisation.
func (n *network) mint(t *testing.T, o int, role string, until time.Time) pair {
	t.Helper()
	who, err := n.person(o, t.TempDir(), "another", role, until)
	if err != nil {
		t.Fatal(err)
	}
	return who
}

func (c caller) must(function string, args ...string) string {
	c.t.Helper()
	out, err := c.submit(c.t.Context(), function, args...)
	if err != nil {
		c.t.Fatalf("%s: %v", function, err)
	}
	return out
}

func (c caller) read(function string, args ...string) string {
	c.t.Helper()
	out, err := c.evaluate(c.t.Context(), function, args...)
	if err != nil {
		c.t.Fatalf("%s: %v", function, err)
	}
	return out
}

// refused wants a word from the chaincode, or what Fabric says before it is asked.
func (c caller) refused(words, function string, args ...string) {
	c.t.Helper()
	out, err := c.submit(c.t.Context(), function, args...)
	if err == nil {
		c.t.Fatalf("%s answers %s, want %s", function, out, words)
	}
	if !strings.Contains(err.Error(), words) {
		c.t.Errorf("%s: %v, want %s", function, err, words)
	}
}

func put(origin string, size int, root byte) string {
	return fmt.Sprintf(`{"digests":[],"origin":%q,"root":%q,"size":%d}`, origin, base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{root}, 32)), size)
}

func record(origin string, size int, root byte, writer string) string {
	return strings.TrimSuffix(put(origin, size, root), "}") + fmt.Sprintf(`,"writer":%q}`, writer)
}

// proposed names an organisation's user as an operator.
func (n *network) proposed(t *testing.T, o int) string {
	t.Helper()
	user, err := n.identity(o, "user")
	if err != nil {
		t.Fatal(err)
	}
	key, err := keyOf(user.Cert)
	if err != nil {
		t.Fatal(err)
	}
	return operatorJSON(mspOf(o), key, "")
}

// The connection file of a trial has the members of the one that is handed to operators.
func TestDeployedConnection(t *testing.T) {
	raw, err := os.ReadFile("../../deploy/fabric/connection.json")
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	var c connection
	if err := dec.Decode(&c); err != nil || len(c.Organisations) != 2 || c.Organisations[1].TLSCA == "" || c.Key == "" {
		t.Errorf("connection %+v: %v", c, err)
	}
}
