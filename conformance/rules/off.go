package rules

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// A Bench is the test program of one package in which each guard can be switched
// off, by its number in the environment.
type Bench struct {
	dir     string // where the package's tests run
	program string
	scratch string
}

const variable = "MYDATA_RULE_OFF"

// the file that a package gets in addition.
const switches = `package %s

import "os"

var ruleOff = os.Getenv(%q)

func ruleOn(number string) bool { return number != ruleOff }
`

// Build compiles a package's tests with switches, by an overlay: the sources stay
// as they are. Guards are numbered in the order given, from 1.
func Build(ctx context.Context, root, folder string, guards []Guard) (*Bench, error) {
	scratch, err := os.MkdirTemp("", "mydata-rules-")
	if err != nil {
		return nil, err
	}
	b := &Bench{dir: filepath.Join(root, folder), scratch: scratch}
	if err := b.build(ctx, root, folder, guards); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

func (b *Bench) build(ctx context.Context, root, folder string, guards []Guard) error {
	overlay, err := b.overlay(root, folder, guards)
	if err != nil {
		return err
	}
	b.program = filepath.Join(b.scratch, "test")
	cmd := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-ldflags=-s -w", "-overlay", overlay, "-o", b.program, "./"+folder)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s with its guards to be switched: %w\n%s", folder, err, out)
	}
	return nil
}

// Close removes what Build wrote.
func (b *Bench) Close() error { return os.RemoveAll(b.scratch) }

func (b *Bench) overlay(root, folder string, guards []Guard) (string, error) {
	replace := map[string]string{}
	byFile := map[string][]int{}
	for i, g := range guards {
		byFile[g.File] = append(byFile[g.File], i)
	}
	for file, numbers := range byFile {
		source, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			return "", err
		}
		changed := filepath.Join(b.scratch, filepath.Base(file))
		if err := os.WriteFile(changed, switched(source, guards, numbers), 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(root, file)] = changed
	}
	pkg, err := exec.Command("go", "list", "-C", root, "-f", "{{.Name}}", "./"+folder).Output()
	if err != nil {
		return "", err
	}
	added := filepath.Join(b.scratch, "rule_off.go")
	replace[filepath.Join(root, folder, "rule_off.go")] = added
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	list := filepath.Join(b.scratch, "overlay.json")
	return list, errors.Join(
		os.WriteFile(added, fmt.Appendf(nil, switches, strings.TrimSpace(string(pkg)), variable), 0o600),
		os.WriteFile(list, text, 0o600),
	)
}

// switched is a source in which each guard asks first whether it is on. Guards
// may lie within one another.
func switched(source []byte, guards []Guard, numbers []int) []byte {
	before, after := map[int]string{}, map[int]string{}
	for _, i := range numbers {
		g, asks := guards[i], "(ruleOn(%q) && ("
		if g.must {
			asks = "(!ruleOn(%q) || ("
		}
		before[g.from] += fmt.Sprintf(asks, strconv.Itoa(i+1))
		after[g.to] += "))"
	}
	var out bytes.Buffer
	for at, c := range source {
		out.WriteString(after[at])
		out.WriteString(before[at])
		out.WriteByte(c)
	}
	return out.Bytes()
}

var failed = regexp.MustCompile(`(?m)^--- FAIL: (\w+)`)

// Missed runs the tests that match without guard number n, and names the first
// that fails; "" when all of them pass. 0 switches off none.
func (b *Bench) Missed(ctx context.Context, run string, n int) (string, error) {
	cmd := exec.CommandContext(ctx, b.program, "-test.v", "-test.short", "-test.failfast", "-test.timeout=2m", "-test.run="+run)
	cmd.Dir, cmd.Env = b.dir, append(os.Environ(), variable+"="+strconv.Itoa(n))
	out, err := cmd.CombinedOutput()
	if err == nil {
		return "", nil
	}
	if _, ran := errors.AsType[*exec.ExitError](err); !ran || ctx.Err() != nil {
		return "", err
	}
	if found := failed.FindSubmatch(out); found != nil {
		return string(found[1]), nil
	}
	if found := panicked.FindSubmatch(out); found != nil {
		return string(found[1]), nil
	}
	if began := begun.FindAllSubmatch(out, -1); began != nil && fatal.Match(out) {
		return string(began[len(began)-1][1]), nil
	}
	return "", fmt.Errorf("neither passed nor failed:\n%s", out)
}

var fatal = regexp.MustCompile(`(?m)^(panic|fatal error): `)

// A test whose own goroutines panic is the last that began.
var begun = regexp.MustCompile(`(?m)^=== RUN   (\w+)$`)

// A test that panics, or does not end, is named by its goroutine alone.
var panicked = regexp.MustCompile(`(?m)\.(Test\w+|Fuzz\w+)(?:\.func\d+)*\(`)
