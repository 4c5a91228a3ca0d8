package audit_test

import (
	"context"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/govmydata/mydata/pkg/audit"
	"github.com/govmydata/mydata/pkg/tlog"
)

// torn is a database while whose reading something happens to the room that an
// audit has for leaves.
type torn struct {
	rows
	tear func() error
}

func (d torn) Lost(context.Context, func(tlog.Hash) error) error { return d.tear() }

// TestRoom has no room for leaves, or takes some of it away again: no event is
// found, or forgiven, by what was lost.
func TestRoom(t *testing.T) {
	// Long enough that its bucket goes to a file at once.
	wide := audit.Stored{Name: strings.Repeat("x", 0xffff), Entry: entryOf(0)}
	t.Setenv("TMPDIR", t.TempDir())
	cut := func(size int64) func() error {
		return func() error {
			files, err := filepath.Glob(filepath.Join(os.TempDir(), "mydata-audit-*", "leaves-*"))
			if err != nil || len(files) != 1 {
				t.Fatalf("%v, %v", files, err)
			}
			return os.Truncate(files[0], size)
		}
	}
	for _, tt := range []struct {
		name string
		size int64
	}{
		{"it says that it cannot read a hash again", 20},
		{"it says that it cannot read a time again", 33 + 5},
		{"it says that it cannot read a name again", 33 + 10 + 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newLog(t)
			p.publish(t, 0, nil)
			a := audit.Audit{Log: audit.Dir{FS: os.DirFS(p.folder)}, Policy: p.policy, Events: torn{rows{stored: []audit.Stored{wide}}, cut(tt.size)}}
			report, err := a.Run(t.Context())
			if err == nil || !strings.Contains(err.Error(), "read the leaves again") {
				t.Errorf("%+v, %v", report, err)
			}
		})
	}
	t.Run("it says that no room is left for the log", func(t *testing.T) {
		if !apart(t) {
			return
		}
		var one []int // entries of one bucket, more than it holds in memory
		for n := 0; len(one) < 2000; n++ {
			if tlog.LeafHash(entryOf(n))[0]%64 == 0 {
				one = append(one, n)
			}
		}
		p := newLog(t)
		p.publish(t, len(one), func(n int) []byte { return entryOf(one[n]) })
		full(t, 100)
		a := audit.Audit{Log: audit.Dir{FS: os.DirFS(p.folder)}, Policy: p.policy, Events: rows{}}
		if report, err := a.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "room for the leaves") {
			t.Errorf("%+v, %v", report, err)
		}
	})
	t.Run("it says that no room is left", func(t *testing.T) {
		if !apart(t) {
			return
		}
		p := newLog(t)
		p.publish(t, 0, nil)
		full(t, 100)
		a := audit.Audit{Log: audit.Dir{FS: os.DirFS(p.folder)}, Policy: p.policy, Events: rows{stored: []audit.Stored{wide}}}
		report, err := a.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		expect(t, report, audit.Unreadable, "room for the leaves")
	})
}

// apart runs a test in a process of its own, where it answers true: what a test does to
// its process it does to what go test writes beside it.
func apart(t *testing.T) bool {
	t.Helper()
	const variable = "AUDIT_TEST_APART"
	if os.Getenv(variable) != "" {
		return true
	}
	cmd := exec.Command(os.Args[0], "-test.v", "-test.run", "^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$")
	cmd.Env = append(os.Environ(), variable+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

// full lets no file of this process grow past so many bytes, as a disk that is full
// does.
func full(t *testing.T, bytes uint64) {
	t.Helper()
	signal.Ignore(syscall.SIGXFSZ) // without it the program ends
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: bytes, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
}
