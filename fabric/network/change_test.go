package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/orderer"
	"google.golang.org/protobuf/proto"
)

// An organisation that lets its own process count by another list computes another
// result, which the other organisation's peer does not endorse.
func testOtherSettings(t *testing.T, n *network) {
	const fresh = "log.settings"
	_, id, err := n.pack(t.Context(), 1, n.Sequence)
	if err != nil {
		t.Fatal(err)
	}
	honest := n.service(1, n.Sequence, id)
	swap := func(p process) {
		t.Helper()
		if err := n.kill(p.Name); err != nil {
			t.Fatal(err)
		}
		if err := n.start(p); err != nil {
			t.Fatal(err)
		}
		if err := n.ready(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	greedy := honest
	greedy.Env = append([]string{}, honest.Env...)
	for i, line := range greedy.Env {
		if strings.HasPrefix(line, "MYDATA_ANCHOR_ORGANISATIONS=") {
			greedy.Env[i] = "MYDATA_ANCHOR_ORGANISATIONS=Org1MSP"
		}
		if strings.HasPrefix(line, "MYDATA_ANCHOR_VOTES=") {
			greedy.Env[i] = "MYDATA_ANCHOR_VOTES=1"
		}
	}
	swap(greedy)
	admin := n.member(t, 1, "admin")
	err = n.patiently(t.Context(), func() error { // until the peer has found the new process
		_, err := admin.submit(t.Context(), "Vote", fresh, "1", n.proposed(t, 1))
		if err != nil && strings.Contains(err.Error(), "ProposalResponsePayloads do not match") {
			return nil
		} else if err == nil {
			t.Fatal("one organisation's own counting was committed")
		}
		return err
	})
	if err != nil {
		t.Errorf("the vote ended as %v", err)
	}
	swap(honest)
	if err := n.reachable(t.Context()); err != nil {
		t.Fatal(err)
	}
	n.member(t, 1, "user").refused("NOTFOUND: ", "Operator", fresh)
}

func testUpgrade(t *testing.T, n *network) {
	user := n.member(t, 1, "user")
	before := user.read("Latest", origin)
	if err := n.upgrade(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := user.read("Latest", origin); got != before || n.Sequence != 2 {
		t.Errorf("after the upgrade to sequence %d the latest is %s, was %s", n.Sequence, got, before)
	}
	user.refused("CONFLICT: ", "Put", put(origin, 7, 'x'))
	user.must("Put", put(origin, 40, 'r'))
	n.member(t, 2, "user").refused("FOREIGN: ", "Put", put(origin, 41, 'r'))
}

func testChannelChange(t *testing.T, n *network) {
	user := n.member(t, 1, "user")
	if err := n.batch(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	config, err := n.configuration(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	var size orderer.BatchSize
	if err := proto.Unmarshal(config.GetChannelGroup().GetGroups()["Orderer"].GetValues()["BatchSize"].GetValue(), &size); err != nil || size.GetMaxMessageCount() != 3 {
		t.Errorf("a block has %d transactions: %v", size.GetMaxMessageCount(), err)
	}
	user.must("Put", put(origin, 50, 'r'))

	// Only the orderers' administrators may change that, and only an organisation's own
	// may revoke its members.
	who, err := n.identity(1, "admin")
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := newSigner(mspOf(1), who)
	if err != nil {
		t.Fatal(err)
	}
	same := func(old []byte) ([]byte, error) { return old, nil }
	for _, groups := range [][]string{{"Orderer"}, {"Application", mspOf(2)}} {
		name := map[string]string{"Orderer": "BatchSize", "Application": "MSP"}[groups[0]]
		if err := n.change(t.Context(), foreign, groups, name, same); err == nil {
			t.Errorf("a stranger changed %s", name)
		}
	}

	if err := n.voteByFile(t.Context(), options{org: organisation + 1, operator: who.Cert, origin: origin, version: 9, msp: mspOf(1)}); err == nil || !strings.Contains(err.Error(), "--org 3") {
		t.Errorf("nobody voted, and it says so not: %v", err)
	}
	revoked := n.mint(t, 1, "client", time.Time{})
	if err := n.revoke(t.Context(), 2, revoked.Cert); err == nil || !strings.Contains(err.Error(), "no certificate of Org2MSP") {
		t.Errorf("it revokes another organisation's member, which revokes nothing: %v", err)
	}
	session := n.open(t, 1, mspOf(1), revoked)
	session.refused("FOREIGN: ", "Put", put(origin, 60, 'r'))
	if err := n.revoke(t.Context(), 1, revoked.Cert); err != nil {
		t.Fatal(err)
	}
	session.refused("access denied", "Put", put(origin, 60, 'r'))
	user.must("Put", put(origin, 60, 'r'))
}

func TestOrderers(t *testing.T) {
	for _, test := range []struct {
		name, count string
		kill        []string
	}{
		{"it goes on with two of three", "3", []string{"orderer2"}},
		{"it goes on with three of four", "4", []string{"orderer4"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := trial(t, "--orderers", test.count, "--origin", origin)
			user := n.member(t, 1, "user")
			user.must("Put", put(origin, 1, 'r'))
			for _, name := range test.kill {
				if err := n.kill(name); err != nil {
					t.Fatal(err)
				}
			}
			if err := n.patiently(t.Context(), func() error { // a killed leader is missed for a second
				_, err := user.submit(t.Context(), "Put", put(origin, 2, 'r'))
				return err
			}); err != nil {
				t.Fatal(err)
			}
			for _, name := range test.kill {
				if err := n.restart(t.Context(), name); err != nil {
					t.Fatal(err)
				}
			}
			user.must("Put", put(origin, 3, 'r'))
		})
	}
}

// A start that fails half-way leaves neither processes nor a folder.
func TestUpHalfWay(t *testing.T) {
	for _, test := range []struct {
		name string
		args []string
		says string
	}{
		{"it takes down what the first steps started", []string{"--origin", "no origin"}, "INVALID"},
		{"it starts nothing of a number of orderers that it does not offer", []string{"--orderers", "2"}, "1, 3 or 4"},
		{"it starts nothing with a batch timeout that is none", []string{"--batch-timeout", "soon"}, "duration"},
		{"it starts nothing with a log's key and no origin", []string{"--log-key", "log.vkey"}, "give both"},
		{"it takes down what was to be kept and never was whole", []string{"--keep", "--origin", "no origin"}, "INVALID"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "net")
			out, err := upCommand(t, dir, test.args...).CombinedOutput()
			if err == nil || !strings.Contains(string(out), test.says) {
				t.Errorf("up: %v, %s", err, out)
			}
			nothingLeft(t, dir)
		})
	}
}

// What is wrong is not lost in a command's usage.
func TestComplaint(t *testing.T) {
	for out, want := range map[string]string{
		"": "", "it is so\n": "it is so", "Error: no\nUsage:\n  peer " + strings.Repeat("x", 3000) + "\n\n": "Error: no",
		"log\nError: no\n": "Error: no", "Error: one\nError: two": "Error: two",
	} {
		if got := complaint(out); got != want {
			t.Errorf("of %.40q it says %.40q", out, got)
		}
	}
}

func TestUpInterrupted(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "net")
	cmd := upCommand(t, dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(dir, "pid", "peer2")); err == nil {
			break
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("it says that it is up")
	}
	nothingLeft(t, dir)
}

func upCommand(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return exec.Command(path, append([]string{"up", "--dir", dir}, args...)...)
}

func TestUpKeepsOff(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mine"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), []string{"up", "--dir", dir}); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("up into a folder of somebody else: %v", err)
	}
	if err := run(t.Context(), []string{"up", "--dir", filepath.Join(dir, "one, two")}); err == nil || !strings.Contains(err.Error(), "choose another folder") {
		t.Errorf("up into a folder that Fabric cannot name: %v", err)
	}
	if err := run(t.Context(), []string{"down", "--dir", dir}); err == nil {
		t.Error("down took a folder that is no network")
	}
	if _, err := os.Stat(filepath.Join(dir, "mine")); err != nil {
		t.Error(err)
	}
}

// down ends what it started and nobody else: a pid that was given to another since is
// let alone.
func TestDownKnowsItsOwn(t *testing.T) {
	dir := t.TempDir()
	n := &network{Dir: dir, log: quiet}
	for _, sub := range []string{"pid", "run/peer1", "process", "log"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.start(process{Name: "peer1", Path: "/bin/sleep", Args: []string{"60"}}); err != nil {
		t.Fatal(err)
	}
	mine := n.running("peer1")
	if mine == 0 {
		t.Fatal("it does not find what it started")
	}
	stranger := &network{Dir: t.TempDir(), log: quiet}
	if err := os.MkdirAll(stranger.path("pid"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(stranger.path("run", "peer1"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := copyFile(n.path("pid", "peer1"), stranger.path("pid", "peer1"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := stranger.down(); err != nil {
		t.Fatal(err)
	}
	if syscall.Kill(mine, 0) != nil || n.running("peer1") != mine {
		t.Error("a network ended another's process")
	}
	if err := n.down(); err != nil {
		t.Fatal(err)
	}
	if left := standingBelow(dir); len(left) > 0 {
		t.Errorf("processes %v are still there", left)
	}
}
