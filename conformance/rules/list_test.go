package rules

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRead(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, filepath.Dir(ListFile)), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Run("it takes no file for no lines", func(t *testing.T) {
		if lines, err := Read(root); err != nil || len(lines) != 0 {
			t.Errorf("%v %v", lines, err)
		}
	})
	t.Run("it reads what Write wrote", func(t *testing.T) {
		want := []Line{{Key: "a.go\tf\tb > 1", Test: "TestB"}, {Key: "a.go\tf\tc", Reason: "a second belt"}}
		if err := Write(root, want); err != nil {
			t.Fatal(err)
		}
		lines, err := Read(root)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]Line{want[0].Key: want[0], want[1].Key: want[1]}, lines); diff != "" {
			t.Error(diff)
		}
	})
	for _, c := range []struct{ name, text string }{
		{"it refuses a line without a test", "a.go\tf\tc\n"},
		{"it refuses a line with more", "a.go\tf\tc\tTestC\tTestD\n"},
		{"it refuses an empty test", "a.go\tf\tc\t\n"},
		{"it refuses an empty reason", "a.go\tf\tc\t- \n"},
		{"it refuses a guard twice", "a.go\tf\tc\tTestC\na.go\tf\tc\tTestD\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := os.WriteFile(filepath.Join(root, ListFile), []byte("# head\n\n"+c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if lines, err := Read(root); !errors.Is(err, ErrLine) {
				t.Errorf("%v %v", lines, err)
			}
		})
	}
}
