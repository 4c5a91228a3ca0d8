package stage

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// call is how a process is started: program and flags, as examples/story gives
// them.
func (s *Stage) call(name string) (program string, args []string) {
	listen := []string{"--listen", s.Addr(name)}
	agency := func(office string) []string {
		return append(listen, "--url", s.URL(name), "--hub", s.URL(IDP), "--identity", s.Path("agencies", office),
			"--trust", s.Path("trust"), "--data", s.Path(name))
	}
	switch name {
	case IDP:
		return "idp", append([]string{"serve", "--data", s.Data(), "--development", "--issuer", s.URL(IDP),
			"--database", s.Database(), "--register", s.Path("residents.csv"), "--log-policy", s.Path("log-policy.txt"),
			"--agency-ca", s.Path("agencies", "ca.pem"), "--wallet", s.URL(Wallet)}, listen...)
	case Verifier:
		return "verifier", append([]string{"serve", "--data", s.Data(), "--development", "--url", s.URL(Verifier),
			"--trust", s.Path("trust"), "--trust-policy", s.Path("trust-policy.json"), "--wallet", s.URL(Wallet), "--hub", s.URL(IDP)}, listen...)
	case Insurer:
		return "insurer", agency("health-insurance")
	case Licence:
		return "licence", agency("driving-licence")
	case Extract:
		return "extract", append(agency("town-hall"), "--wallet", s.URL(Wallet))
	case Portal:
		return "portal", agency("housing-benefit")
	case Wallet:
		return "wallet", append(listen, "--url", s.URL(Wallet), "--hub", s.URL(IDP), "--trust", s.Path("trust"), "--data", s.Path("wallet"))
	default: // a witness
		return "idp", append([]string{"witness", "serve", "--data", s.Path(name), "--log-policy", s.Path("log-policy.txt")}, listen...)
	}
}

func (s *Stage) process(name string) *process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.processes[name]
}

// Running tells whether the process was started and has not ended.
func (s *Stage) Running(name string) bool {
	p := s.process(name)
	return p != nil && p.running()
}

// Start starts a process that does not run; Wait waits until it is ready.
func (s *Stage) Start(name string) error {
	if s.Running(name) {
		return fmt.Errorf("%s runs", name)
	}
	program, args := s.call(name)
	p, err := start(name, s.Log(name), filepath.Join(s.bin, program), append(args, s.options.Flags[name]...)...)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.processes[name] = p
	return nil
}

// Launch starts one more process under a name of its own, which Kill, Stop, Tail
// and Close then know; a name again starts it again.
func (s *Stage) Launch(name, program string, args ...string) error {
	if s.Running(name) {
		return fmt.Errorf("%s runs", name)
	}
	p, err := start(name, s.Log(name), program, args...)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.processes[name] = p
	return nil
}

// PID of a process that runs; 0 when it does not.
func (s *Stage) PID(name string) int {
	if p := s.process(name); p != nil && p.running() {
		return p.cmd.Process.Pid
	}
	return 0
}

// Kill is kill -9; it returns when the process is gone. A process that is gone
// already stays so.
func (s *Stage) Kill(name string) error {
	p := s.process(name)
	if p == nil {
		return fmt.Errorf("%s was never started", name)
	}
	p.kill()
	return nil
}

// Stop asks a process to end, as a service manager does, and waits; an error
// says that it did not end well.
func (s *Stage) Stop(name string) error {
	p := s.process(name)
	if p == nil || !p.running() {
		return nil
	}
	return p.stop(syscall.SIGTERM, stopWait)
}

// Wait until a process is ready: the hub by /readyz, the others by /healthz.
func (s *Stage) Wait(ctx context.Context, name string) error {
	p := s.process(name)
	if p == nil {
		return fmt.Errorf("%s was never started", name)
	}
	path := "/healthz"
	if name == IDP {
		path = "/readyz"
	}
	ctx, cancel := context.WithTimeout(ctx, readyWait)
	defer cancel()
	if err := p.answers(ctx, "http://"+s.Addr(name)+path); err != nil {
		return fmt.Errorf("%w\n%s", err, s.Tail(name))
	}
	return nil
}

// Log is the file of what a process wrote, over all its starts.
func (s *Stage) Log(name string) string { return s.Path("logs", name+".log") }

// Tail is the end of that file.
func (s *Stage) Tail(name string) string {
	text, _ := os.ReadFile(s.Log(name)) // no log, no tail
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-8):], "\n")
}

// Errors are the lines of all logs that somebody should read.
func (s *Stage) Errors() string {
	var found strings.Builder
	for _, name := range order {
		text, _ := os.ReadFile(s.Log(name)) // what never ran has none
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, "ERROR") || strings.Contains(line, "panic") {
				fmt.Fprintf(&found, "%s: %s", name, line)
			}
		}
	}
	return found.String()
}
