package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Offsets of the services from the base port, as examples/story counts them;
// others reach each at its port plus `behind`, where a proxy listens.
const (
	idpPort = iota
	verifierPort
	insurerPort
	licencePort
	walletPort
	firstWitnessPort = 11
	behind           = 20
)

var offsets = []int{idpPort, verifierPort, insurerPort, licencePort, walletPort, firstWitnessPort, firstWitnessPort + 1, firstWitnessPort + 2}

// A stage is a story of our own: programs, a data folder, ports, proxies.
type stage struct {
	root, bin, data string
	base            int
	tape            *tape
	cmd             *exec.Cmd
	out             *output
	ended           chan error
}

func (s *stage) url(offset int) string {
	return "http://localhost:" + strconv.Itoa(s.base+offset+behind)
}

// openStage builds the programs, starts the story on free ports and waits for
// its guide.
func openStage(ctx context.Context, root string) (*stage, error) {
	data, err := os.MkdirTemp("", "mydata-tour-")
	if err != nil {
		return nil, err
	}
	s := &stage{root: root, bin: filepath.Join(data, "bin"), data: filepath.Join(data, "data"), ended: make(chan error, 1)}
	build := exec.CommandContext(ctx, "go", "build", "-o", s.bin+"/", "./cmd/idp", "./cmd/verifier", "./examples/insurer", "./examples/licence", "./examples/wallet", "./examples/story")
	build.Dir, build.Stderr = root, os.Stderr
	if err := build.Run(); err != nil {
		return nil, fmt.Errorf("build: %w", err)
	}
	if s.base, err = freeBase(); err != nil {
		return nil, err
	}
	if s.tape, err = newTape(s.base, behind, offsets); err != nil {
		return nil, err
	}
	return s, s.start()
}

func (s *stage) start() error {
	s.out = &output{}
	s.cmd = exec.Command(filepath.Join(s.bin, "story"), "run", "--data", s.data, "--bin", s.bin, "--base-port", strconv.Itoa(s.base), "--behind", strconv.Itoa(behind))
	s.cmd.Stdout, s.cmd.Stderr = s.out, s.out
	s.cmd.Env = environment()
	if err := s.cmd.Start(); err != nil {
		return err
	}
	go func() { s.ended <- s.cmd.Wait() }()
	for end := time.Now().Add(60 * time.Second); !s.out.has("Ctrl-C stops it"); time.Sleep(20 * time.Millisecond) {
		select {
		case err := <-s.ended:
			return fmt.Errorf("the story ended: %w\n%s", err, s.out)
		default:
		}
		if time.Now().After(end) {
			return fmt.Errorf("the story prints no guide:\n%s", s.out)
		}
	}
	return nil
}

// stop is Ctrl-C.
func (s *stage) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGINT); err != nil {
		return err
	}
	select {
	case err := <-s.ended:
		if err != nil {
			return fmt.Errorf("the story did not end well: %w\n%s", err, s.out)
		}
		return nil
	case <-time.After(30 * time.Second):
		_ = s.cmd.Process.Kill()
		return errors.New("the story does not stop")
	}
}

// errors are the lines of the services' logs that somebody should read.
func (s *stage) errors() string {
	var found strings.Builder
	files, _ := filepath.Glob(filepath.Join(s.data, "logs", "*.log")) // the pattern is fine
	for _, file := range files {
		text, _ := os.ReadFile(file) // what cannot be read cannot be shown
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, "ERROR") || strings.Contains(line, "panic") {
				fmt.Fprintf(&found, "%s: %s", filepath.Base(file), line)
			}
		}
	}
	return found.String()
}

func (s *stage) remove() {
	s.tape.close()
	os.RemoveAll(filepath.Dir(s.data))
}

// idp runs a command of the idp as an operator or a citizen would.
func (s *stage) idp(args ...string) (string, error) { return s.command("idp", args...) }

func (s *stage) command(program string, args ...string) (string, error) {
	var out, complaint bytes.Buffer
	cmd := exec.Command(filepath.Join(s.bin, program), append(args, "--data", s.data)...)
	cmd.Stdout, cmd.Stderr, cmd.Env = &out, &complaint, environment()
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, complaint.String())
	}
	return out.String(), nil
}

// ask runs a command with --json and reads its answer.
func (s *stage) ask(into any, program string, args ...string) error {
	text, err := s.command(program, append(args, "--json")...)
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte(text), into)
}

func environment() []string {
	var kept []string
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "MYDATA_") {
			kept = append(kept, pair)
		}
	}
	return kept
}

// freeBase finds a base port whose neighbours are free too.
func freeBase() (int, error) {
	for range 200 {
		base := 20000 + rand.IntN(10000)
		if allFree(base) {
			return base, nil
		}
	}
	return 0, errors.New("no free ports")
}

func allFree(base int) bool {
	for _, offset := range offsets {
		if !free(base+offset) || !free(base+offset+behind) {
			return false
		}
	}
	return true
}

func free(port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	l.Close()
	return true
}

// output is what a process printed so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

var _ io.Writer = (*output)(nil)

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func (o *output) has(text string) bool { return strings.Contains(o.String(), text) }
