package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// An upgrade that broke off, wherever, is made by the same command.
func testUpgradeAgain(t *testing.T, n *network) {
	user := n.member(t, 1, "user")
	before := user.read("Latest", origin)
	step := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name  string
		until func(sequence int, ids []string)
	}{
		{"it is made after one peer was away", func(int, []string) {
			step(n.kill("peer2"))
			if err := n.upgrade(t.Context()); err == nil {
				t.Error("it is made without a peer")
			}
			step(n.restart(t.Context(), "peer2"))
		}},
		{"it is made after the processes were started", func(sequence int, ids []string) {
			step(n.startNext(t.Context(), sequence, ids))
		}},
		{"it is made after it was approved", func(sequence int, ids []string) {
			step(n.startNext(t.Context(), sequence, ids))
			step(n.approve(t.Context(), sequence, ids))
		}},
		{"it is made after it was committed", func(sequence int, ids []string) {
			step(n.startNext(t.Context(), sequence, ids))
			step(n.approve(t.Context(), sequence, ids))
			step(n.commit(t.Context(), sequence))
		}},
		{"it is made after one process was replaced", func(sequence int, ids []string) {
			step(n.startNext(t.Context(), sequence, ids))
			step(n.approve(t.Context(), sequence, ids))
			step(n.commit(t.Context(), sequence))
			step(n.replace(n.service(1, sequence, ids[0])))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sequence := n.Sequence + 1
			ids := []string{}
			if tt.name != "it is made after one peer was away" {
				var err error
				ids, err = n.install(t.Context(), sequence)
				step(err)
			}
			tt.until(sequence, ids)
			step(n.upgrade(t.Context()))
			if got := user.read("Latest", origin); got != before || n.Sequence != sequence {
				t.Errorf("at sequence %d the latest is %s, was %s", n.Sequence, got, before)
			}
			for o := range organisation {
				if name := fmt.Sprintf("chaincode%d", o+1); n.running(name) == 0 || n.running(name+next) != 0 {
					t.Errorf("%s runs as %d, its next as %d", name, n.running(name), n.running(name+next))
				}
			}
		})
	}
}

// A network that was to be kept, and was killed before it was whole, begins anew; one
// that was whole goes on.
func TestKeptIsWhole(t *testing.T) {
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "net")
	kept := func(until string) {
		t.Helper()
		cmd := exec.Command(path, "hold", "--keep", "--dir", dir, "--origin", origin)
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		var said strings.Builder
		cmd.Stdout, cmd.Stderr = &said, &said
		began := time.Now()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		over := make(chan error, 1)
		go func() { over <- cmd.Wait() }()
		for deadline := began.Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
			if info, err := os.Stat(filepath.Join(dir, until)); err == nil && info.ModTime().After(began) {
				break
			}
			select {
			case err := <-over:
				t.Fatalf("hold ends: %v, %s", err, said.String())
			default:
			}
			if time.Now().After(deadline) {
				t.Fatalf("hold: %s", said.String())
			}
		}
		if until != "network.json" {
			_ = cmd.Process.Kill()
			<-over
			return
		}
		in.Close()
		if err := <-over; err != nil {
			t.Errorf("hold: %v, %s", err, said.String())
		}
	}
	kept("pid/peer2")
	kept("network.json")
	if left := standingBelow(dir); len(left) > 0 {
		t.Errorf("processes %v are still there", left)
	}
	first, err := os.ReadFile(filepath.Join(dir, "tls", "chaincode1.crt"))
	if err != nil {
		t.Fatal(err)
	}
	kept("network.json")
	if again, err := os.ReadFile(filepath.Join(dir, "tls", "chaincode1.crt")); err != nil || string(again) != string(first) {
		t.Errorf("it began anew: %v", err)
	}
	if err := run(t.Context(), []string{"down", "--dir", dir}); err != nil {
		t.Fatal(err)
	}
	nothingLeft(t, dir)
}

// Whoever has a port is not taken for the process that was to have it.
func TestPortTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	n := &network{Dir: t.TempDir(), log: quiet}
	for _, sub := range []string{"pid", "process", "log"} {
		if err := os.MkdirAll(n.path(sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := n.start(process{Name: "peer1", Path: "/bin/sleep", Args: []string{"60"}, Port: port}); err == nil || !strings.Contains(err.Error(), "start peer1: its port is taken") {
		t.Errorf("it starts: %v", err)
		_ = n.kill("peer1")
	}
}
