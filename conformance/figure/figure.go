package figure

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Update tells whether this run rewrites what it would otherwise compare.
func Update() bool { return os.Getenv("MYDATA_UPDATE") == "1" }

// Soak tells whether this run takes the long forms.
func Soak() bool { return os.Getenv("MYDATA_SOAK") == "1" }

// Hold compares docs/figures/<name>.txt with what a test counted, or writes it
// under MYDATA_UPDATE=1. A test that failed has counted nothing. The long forms
// alone count what only they do: they call Hold if Soak().
func Hold(t testing.TB, name string, n int, what string) {
	t.Helper()
	if t.Failed() {
		return
	}
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	File(t, filepath.Join(root, "docs", "figures", name+".txt"), fmt.Sprintf("%d %s\n", n, what))
}

// File compares a file that tests write with what it ought to say.
func File(t testing.TB, path, want string) {
	t.Helper()
	if Update() {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		t.Errorf("%s is not there; MYDATA_UPDATE=1 writes it: %s", path, firstDifference("", want))
	case err != nil:
		t.Error(err)
	case string(kept) != want:
		t.Errorf("%s is not what was counted; MYDATA_UPDATE=1 rewrites it: %s", path, firstDifference(string(kept), want))
	}
}

func firstDifference(kept, want string) string {
	a, b := strings.Split(kept, "\n"), strings.Split(want, "\n")
	for i := range max(len(a), len(b)) {
		x, y := "", ""
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		if x != y {
			return fmt.Sprintf("line %d says %q, counted %q", i+1, x, y)
		}
	}
	return "the same"
}

// Root is the folder of the module, from anywhere in it.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("no go.mod above the working folder")
		}
		dir = up
	}
}
