package figure

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// tell records what a test is told, in place of failing.
type tell struct {
	testing.TB
	said []string
}

func (t *tell) Helper()                   {}
func (t *tell) Error(args ...any)         { t.said = append(t.said, fmt.Sprint(args...)) }
func (t *tell) Errorf(f string, a ...any) { t.said = append(t.said, fmt.Sprintf(f, a...)) }

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kept.txt")
	said := func(want, update string) int {
		t.Setenv("MYDATA_UPDATE", update)
		told := &tell{TB: t}
		File(told, path, want)
		return len(told.said)
	}
	if said("3 rules\n", "") == 0 {
		t.Error("it accepts a figure that is not there")
	}
	if said("3 rules\n", "1") != 0 || said("3 rules\n", "") != 0 {
		t.Error("it does not keep what it was told to write")
	}
	if said("4 rules\n", "") == 0 {
		t.Error("it accepts another figure than was counted")
	}
	if kept, err := os.ReadFile(path); err != nil || string(kept) != "3 rules\n" {
		t.Errorf("it writes without being told to: %q %v", kept, err)
	}
}
