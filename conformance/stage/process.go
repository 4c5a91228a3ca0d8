package stage

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// A process of ours. It is started from a thread that lives as long as the
// process does, so that the death of the test binary, even by a crash, ends it.
type process struct {
	name   string
	cmd    *exec.Cmd
	ended  chan struct{} // closed when it is gone
	result error
}

func start(name, log, program string, args ...string) (*process, error) {
	return launch(&process{name: name, cmd: exec.Command(program, args...)}, log)
}

// startAs starts a program as another user.
func startAs(as *syscall.Credential, dir, log, program string, args ...string) (*process, error) {
	p := &process{name: filepath.Base(program), cmd: exec.Command(program, args...)}
	p.cmd.Dir, p.cmd.SysProcAttr = dir, attributes()
	p.cmd.SysProcAttr.Credential = as
	return launch(p, log)
}

func launch(p *process, log string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close() // the process has its own descriptor
	p.ended = make(chan struct{})
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.Env = out, out, Environment()
	if p.cmd.SysProcAttr == nil {
		p.cmd.SysProcAttr = attributes()
	}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.result = p.cmd.Wait()
		}
		close(p.ended)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	return p, nil
}

// Environment keeps our own variables from the processes, which are told by
// flags alone.
func Environment() []string {
	var kept []string
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "MYDATA_") {
			kept = append(kept, pair)
		}
	}
	return kept
}

// running says whether the process has not ended yet.
func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// kill is kill -9, and waits until the process is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended by itself
	<-p.ended
}

// stop asks the process to end by a signal, and waits.
func (p *process) stop(signal os.Signal, patience time.Duration) error {
	_ = p.cmd.Process.Signal(signal) // it may have ended by itself
	select {
	case <-p.ended:
		return p.result
	case <-time.After(patience):
		p.kill()
		return errors.New(p.name + " did not stop and was killed")
	}
}

// answers waits until an address answers 200, or the process is gone.
func (p *process) answers(ctx context.Context, address string) error {
	for {
		if up(ctx, address) {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%s ended: %w", p.name, p.result)
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer at %s: %w", p.name, address, ctx.Err())
		case <-time.After(15 * time.Millisecond):
		}
	}
}

func up(ctx context.Context, address string) bool {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return false
	}
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	res.Body.Close()
	return res.StatusCode == http.StatusOK
}
