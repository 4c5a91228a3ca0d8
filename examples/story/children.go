package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	startWait = 20 * time.Second
	stopWait  = 6 * time.Second
)

// A child is one of our processes. Only processes started here are ever
// signalled, each by its own id.
type child struct {
	service
	cmd    *exec.Cmd
	log    string
	ended  chan struct{} // closed when the process is gone
	result error
}

type family struct {
	bin, logs string
	children  []*child
	held      []*os.File // inputs of those that end with them
	failed    chan *child
}

// start runs a program with its output in a log file of its own.
func (f *family) start(s service, program string, args ...string) (*child, error) {
	return f.launch(s, nil, filepath.Join(f.bin, program), args...)
}

// startHeld runs a program that ends with its input, which is open as long as we
// live: it has children of its own to end.
func (f *family) startHeld(s service, path string, args ...string) (*child, error) {
	input, held, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer input.Close() // the child has its own descriptor
	f.held = append(f.held, held)
	return f.launch(s, input, path, args...)
}

func (f *family) launch(s service, input *os.File, program string, args ...string) (*child, error) {
	path := filepath.Join(f.logs, s.name+".log")
	log, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the child has its own descriptor
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr, cmd.Env = log, log, environment()
	cmd.SysProcAttr = childAttributes()
	if input != nil {
		cmd.Stdin = input
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", s.name, err)
	}
	c := &child{service: s, cmd: cmd, log: path, ended: make(chan struct{})}
	f.children = append(f.children, c)
	go func() {
		c.result = cmd.Wait()
		close(c.ended)
		f.failed <- c
	}()
	return c, nil
}

// environment keeps what a process needs and none of our own variables: the
// children are told by flags alone.
func environment() []string {
	var kept []string
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "MYDATA_") {
			kept = append(kept, pair)
		}
	}
	return kept
}

// healthy waits until the child answers path with 200.
func (c *child) healthy(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	for {
		if up(ctx, "http://"+c.addr()+path) {
			return nil
		}
		select {
		case <-c.ended:
			return c.explain("stopped while starting")
		case <-ctx.Done():
			return c.explain("does not answer at " + c.addr() + path)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func up(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// explain shows the end of the child's log, which is where the reason stands.
func (c *child) explain(what string) error {
	text, _ := os.ReadFile(c.log) // an unreadable log leaves the message without its tail
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	tail := lines[max(0, len(lines)-8):]
	return fmt.Errorf("%s %s; the end of %s:\n  %s", c.name, what, c.log, strings.Join(tail, "\n  "))
}

// stop asks every child to end, the last started first, and waits; one that
// does not listen is killed.
func (f *family) stop() error {
	var errs []error
	for i := len(f.children) - 1; i >= 0; i-- {
		c := f.children[i]
		select {
		case <-c.ended:
			continue
		default:
		}
		_ = c.cmd.Process.Signal(syscall.SIGTERM) // it may end between the look and the signal
		select {
		case <-c.ended:
		case <-time.After(stopWait):
			_ = c.cmd.Process.Kill()
			<-c.ended
			errs = append(errs, c.explain("had to be killed"))
		}
	}
	for _, input := range f.held {
		errs = append(errs, input.Close())
	}
	return errors.Join(errs...)
}
