package mydata_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/govmydata/mydata/conformance/figure"
)

func command(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	var complaint bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stderr = dir, append(os.Environ(), env...), &complaint
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, complaint.String())
	}
	return string(out)
}

// Everything that we link has a licence that we accept, and the document says which.
func TestLicences(t *testing.T) {
	supply := filepath.Join(t.TempDir(), "supply")
	command(t, "", nil, "go", "build", "-C", "tools", "-o", supply, "./supply")
	var packages []string
	for _, p := range ours(t) {
		if p.Name == "main" && in(folder(p.ImportPath), "cmd/... examples/...") {
			packages = append(packages, "./"+folder(p.ImportPath))
		}
	}
	if len(packages) < 6 {
		t.Fatalf("programs: %q", packages)
	}
	table := command(t, "", nil, supply, append([]string{"licences"}, append(packages, "./sdk")...)...)
	figure.File(t, "docs/licences.md", table)
}

// The services are the same bytes wherever they are built. The long form gives
// the second build a cache of its own, so that nothing is merely found again.
func TestReproducible(t *testing.T) {
	var built []map[string][32]byte
	for _, folder := range []string{"here", "another/place"} {
		tree := filepath.Join(t.TempDir(), folder)
		copyTree(t, tree)
		var env []string
		if figure.Soak() && len(built) == 1 {
			env = []string{"GOCACHE=" + filepath.Join(t.TempDir(), "cache")}
		}
		command(t, tree, env, "make", "--no-print-directory", "release", "RELEASE="+filepath.Join(tree, "out"))
		built = append(built, digests(t, filepath.Join(tree, "out")))
	}
	for name, sum := range built[0] {
		if built[1][name] != sum {
			t.Errorf("%s differs from one folder to another: %x, %x", name, sum, built[1][name])
		}
	}
	if len(built[0]) != 2 || len(built[1]) != 2 {
		t.Errorf("built %v", built)
	}
}

func digests(t *testing.T, dir string) map[string][32]byte {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string][32]byte{}
	for _, file := range files {
		raw, err := os.ReadFile(filepath.Join(dir, file.Name()))
		if err != nil {
			t.Fatal(err)
		}
		sums[file.Name()] = sha256.Sum256(raw)
	}
	return sums
}

// copyTree copies what Git would take, so that no build leaves a trace here.
func copyTree(t *testing.T, to string) {
	t.Helper()
	for name := range strings.SplitSeq(command(t, "", nil, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"), "\x00") {
		if name == "" {
			continue
		}
		raw, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted, not committed yet
		} else if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
