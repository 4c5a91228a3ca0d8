package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is how a process of the network is started, also again.
type process struct {
	Name string   `json:"name"`
	Path string   `json:"path"`
	Args []string `json:"args"`
	Env  []string `json:"env"`
	Port int      `json:"port"` // open when it is ready
}

// start starts it in a folder of its own below DIR/run, by which it is known again.
func (n *network) start(p process) error {
	if l, err := net.Listen("tcp", listen(p.Port)); err != nil { // or the stranger there would be taken for it
		return fmt.Errorf("start %s: its port is taken: %w", p.Name, err)
	} else if err := l.Close(); err != nil {
		return err
	}
	home := n.path("run", p.Name)
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	if err := writeJSON(n.path("process", p.Name+".json"), p); err != nil {
		return err
	}
	log, err := os.OpenFile(n.path("log", p.Name+".log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(p.Path, p.Args...) //nolint:gosec // our own commands
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = home, p.Env, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.Name, err)
	}
	go cmd.Wait() //nolint:errcheck // its end is seen by its port and its log
	return os.WriteFile(n.path("pid", p.Name), []byte(strconv.Itoa(cmd.Process.Pid)), 0o600)
}

// running tells the pid of a process that is alive and ours; 0 when there is none.
func (n *network) running(name string) int {
	raw, err := os.ReadFile(n.path("pid", name))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil || pid <= 1 {
		return 0
	}
	// A zombie has no folder, and a stranger who got the number stands in another.
	at, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
	if err != nil {
		return 0
	}
	if home, err := filepath.EvalSymlinks(n.path("run", name)); err != nil || at != home {
		return 0
	}
	return pid
}

func (n *network) kill(name string) error { return n.end(name, syscall.SIGKILL) }

// end signals a process and waits until it is gone.
func (n *network) end(name string, signal syscall.Signal) error {
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		pid := n.running(name)
		if pid == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s (pid %d) does not end", name, pid)
		}
		if signal != 0 {
			if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("end %s: %w", name, err)
			}
			signal = 0
		}
	}
}

// down ends all processes and removes the folder. What is thrown away needs no flush.
func (n *network) down() error {
	pids, err := os.ReadDir(n.path("pid"))
	if err != nil {
		return err
	}
	var failures error
	for _, file := range pids {
		failures = errors.Join(failures, n.kill(file.Name()))
	}
	if failures != nil {
		return failures
	}
	return os.RemoveAll(n.Dir)
}

// rest ends all processes, the peers before the orderers and what an upgrade that broke
// off left before all, and leaves what they keep.
func (n *network) rest() error {
	var failures error
	names := n.names()
	for o := 1; o <= organisation; o++ {
		names = append(names, "chaincode"+strconv.Itoa(o)+next)
	}
	for _, name := range slices.Backward(names) {
		failures = errors.Join(failures, n.end(name, syscall.SIGTERM))
	}
	return failures
}

// again starts what rested, or what a fall of the machine left behind.
func (n *network) again(ctx context.Context) error {
	for _, name := range n.names() {
		if n.running(name) != 0 {
			continue
		}
		if err := n.restart(ctx, name); err != nil {
			return errors.Join(err, n.rest())
		}
		n.log("%s", name)
	}
	return nil
}

func (n *network) restart(ctx context.Context, name string) error {
	if n.running(name) != 0 {
		return fmt.Errorf("%s is running", name)
	}
	raw, err := os.ReadFile(n.path("process", name+".json"))
	if err != nil {
		return err
	}
	var p process
	if err := json.Unmarshal(raw, &p); err != nil {
		return err
	}
	if err := n.start(p); err != nil {
		return err
	}
	return n.ready(ctx, p)
}

// ready waits for the port; a process that ended instead is named with its last words.
func (n *network) ready(ctx context.Context, p process) error {
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", listen(p.Port))
		if err == nil {
			conn.Close()
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if n.running(p.Name) == 0 || time.Now().After(deadline) {
			return fmt.Errorf("%s does not listen on %d: %w\n%s", p.Name, p.Port, err, n.lastWords(p.Name))
		}
	}
}

func (n *network) lastWords(name string) string {
	raw, err := os.ReadFile(n.path("log", name+".log"))
	if err != nil {
		return ""
	}
	return string(raw[max(0, len(raw)-2000):])
}

// tool runs one of Fabric's commands to its end.
func (n *network) tool(ctx context.Context, env []string, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(n.Fabric, name), args...) //nolint:gosec // our own commands
	cmd.Dir, cmd.Env = n.Dir, append([]string{"HOME=" + n.Dir, "PATH=/usr/bin:/bin"}, env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, args[0], err, complaint(string(out)))
	}
	return nil
}

// complaint is what a command says is wrong, which it may say before its whole usage.
func complaint(out string) string {
	if at := strings.LastIndex("\n"+out, "\nError: "); at >= 0 {
		line, _, _ := strings.Cut(out[at:], "\n")
		return line
	}
	return strings.TrimSpace(out[max(0, len(out)-2000):])
}
