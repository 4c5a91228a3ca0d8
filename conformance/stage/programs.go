package stage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// programs are built once per test binary, from the module that holds the
// working directory.
var programs struct {
	once    sync.Once
	folder  string
	problem error
}

// Programs builds what a deployment runs and answers the folder of binaries. It
// stays until the process ends; RemovePrograms deletes it.
func Programs(ctx context.Context) (string, error) {
	programs.once.Do(func() { programs.folder, programs.problem = build(ctx) })
	return programs.folder, programs.problem
}

// RemovePrograms is for TestMain.
func RemovePrograms() {
	if programs.folder != "" {
		_ = os.RemoveAll(programs.folder) // a folder of the system's temporary ones
	}
}

func build(ctx context.Context) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	folder, err := os.MkdirTemp("", "mydata-programs-")
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-ldflags=-w", "-o", folder+string(filepath.Separator),
		"./cmd/idp", "./cmd/verifier", "./examples/insurer", "./examples/licence", "./examples/extract", "./examples/portal", "./examples/wallet", "./examples/story")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the programs: %w\n%s", err, out)
	}
	return folder, nil
}

// Root is the folder of the product's module, also from a module within it.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(mod), "module github.com/govmydata/mydata\n") {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("the working directory is not in the product's source")
		}
		dir = filepath.Dir(dir)
	}
}
