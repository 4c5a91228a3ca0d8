package stage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	readyWait = 30 * time.Second
	stopWait  = 10 * time.Second
)

// Options of a stage.
type Options struct {
	// Database of the hub: "" is SQLite in the data folder; see StartPostgres.
	Database string
	// Behind is how far above its own port others reach a process: there a test
	// puts proxies between New and Open. 0 means no proxies.
	Behind int
	// Flags are more of a process's, by its name.
	Flags map[string][]string
}

// A Stage is one deployment. Its methods may be called concurrently, save Open,
// Close and those of the story.
type Stage struct {
	options Options
	folder  string // of everything
	bin     string
	base    int

	story     *process // while it runs
	mu        sync.Mutex
	processes map[string]*process
}

// Run opens a stage for a test and closes it with the test.
func Run(t testing.TB, o Options) *Stage {
	t.Helper()
	s, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(s.Errors())
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// New builds the programs and chooses folder and ports; nothing runs yet.
func New(ctx context.Context, o Options) (*Stage, error) {
	bin, err := Programs(ctx)
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("/tmp", "mydata-stage-") // a socket's path is short
	if err != nil {
		return nil, err
	}
	s := &Stage{options: o, folder: folder, bin: bin, processes: map[string]*process{}}
	s.base, err = freeBase(o.Behind)
	return s, err
}

// Open lets the story make keys, catalogue, clients and letters, then starts
// every process and waits until all are ready.
func (s *Stage) Open(ctx context.Context) error {
	if err := s.StartStory(ctx); err != nil {
		return err
	}
	if err := s.StopStory(); err != nil {
		return err
	}
	return s.StartAll(ctx)
}

// StartAll starts what does not run and waits until everything is ready.
func (s *Stage) StartAll(ctx context.Context) error {
	for _, name := range order {
		if s.Running(name) {
			continue
		}
		if err := s.Start(name); err != nil {
			return err
		}
		if name == IDP { // the others ask it while they start
			if err := s.Wait(ctx, name); err != nil {
				return err
			}
		}
	}
	for _, name := range order {
		if err := s.Wait(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// Close ends every process, the last started first, and deletes the folder.
func (s *Stage) Close() error {
	errs := []error{s.StopStory()}
	for name := range maps.Clone(s.processes) {
		if !slices.Contains(order, name) {
			errs = append(errs, s.Stop(name))
		}
	}
	for _, name := range slices.Backward(order) {
		errs = append(errs, s.Stop(name))
	}
	return errors.Join(append(errs, os.RemoveAll(s.folder))...)
}

// Data is the folder of everything that the deployment keeps, Path a file in it.
func (s *Stage) Data() string { return s.Path() }

// Path is a file in the data folder: keys, trust, agencies/NAME, idp.db, …
func (s *Stage) Path(parts ...string) string {
	return filepath.Join(append([]string{s.folder, "data"}, parts...)...)
}

// Database is the hub's, as its commands take it.
func (s *Stage) Database() string {
	if s.options.Database == "" {
		return "sqlite:" + s.Path("idp.db")
	}
	return s.options.Database
}

// Base is the port of the hub, from which the others count.
func (s *Stage) Base() int { return s.base }

// Port on which a process listens.
func (s *Stage) Port(name string) int { return s.base + offsets[name] }

// Addr is where a process listens.
func (s *Stage) Addr(name string) string { return "127.0.0.1:" + strconv.Itoa(s.Port(name)) }

// URL is where others reach a process.
func (s *Stage) URL(name string) string {
	return "http://localhost:" + strconv.Itoa(s.Port(name)+s.options.Behind)
}

// Program is the path of one of the programs: idp, verifier, insurer, licence,
// wallet, story.
func (s *Stage) Program(name string) string { return filepath.Join(s.bin, name) }

// Command runs one of the programs on the data folder, as an operator would, and
// answers what it printed.
func (s *Stage) Command(ctx context.Context, program string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, program), append(args, "--data", s.Data())...)
	var complaint strings.Builder
	cmd.Env, cmd.Stderr = Environment(), &complaint
	out, err := cmd.Output()
	if err != nil {
		return out, fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, complaint.String())
	}
	return out, nil
}

// Letter is what the operator sends to a resident.
type Letter struct {
	URL  string `json:"url"`
	Code string `json:"code"`
}

// Letter has the operator write a resident a new letter; replace is for a lost
// phone.
func (s *Stage) Letter(ctx context.Context, resident string, replace bool) (Letter, error) {
	args := []string{"enrol", "--resident", resident, "--json"}
	if replace {
		args = append(args, "--replace")
	}
	out, err := s.Command(ctx, "idp", args...)
	if err != nil {
		return Letter{}, err
	}
	var l Letter
	return l, json.Unmarshal(out, &l)
}
