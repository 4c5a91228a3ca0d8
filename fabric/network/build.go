package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

const fabricModule = "github.com/hyperledger/fabric"

var fabricCommands = []string{"configtxgen", "cryptogen", "orderer", "osnadmin", "peer"}

// cache is where built commands lie, each under the digest of what it was built from:
// FABRIC_BIN, or .tools/fabric of the repository.
type cache struct{ fabric, chaincode string }

func newCache() (cache, error) {
	source, err := findSource()
	if err != nil {
		return cache{}, err
	}
	root := os.Getenv("FABRIC_BIN")
	if root == "" {
		root = filepath.Join(source, "..", ".tools", "fabric")
	}
	if root, err = filepath.Abs(root); err != nil {
		return cache{}, err
	}
	unlock, err := lock(root)
	if err != nil {
		return cache{}, err
	}
	defer unlock()
	var c cache
	commands := filepath.Join(source, "network", "commands")
	if c.fabric, err = built(root, "fabric", commands, buildFabric); err != nil {
		return cache{}, err
	}
	dir, err := built(root, "chaincode", filepath.Join(source, "chaincode"), func(source, into string) error {
		return goTool(source, "build", "-o", filepath.Join(into, "chaincode"), ".")
	})
	c.chaincode = filepath.Join(dir, "chaincode")
	return c, err
}

// findSource looks for the folder fabric/ of the repository from here and from the
// program upwards.
func findSource() (string, error) {
	here, err := os.Getwd()
	if err != nil {
		return "", err
	}
	program, err := os.Executable()
	if err != nil {
		return "", err
	}
	for _, dir := range []string{here, filepath.Dir(program)} {
		for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
			if _, err := os.Stat(filepath.Join(dir, "fabric", "network", "commands", "go.mod")); err == nil {
				return filepath.Join(dir, "fabric"), nil
			}
		}
	}
	return "", errors.New("the repository is neither above this folder nor above the program")
}

// lock lets one process build at a time.
func lock(root string) (func(), error) {
	if err := os.MkdirAll(root, 0o755); err != nil { //nolint:gosec // commands, for whoever may read the repository
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(root, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}

// built answers the folder of what build makes of the sources, and makes it when it is
// not there: beside, then renamed, so that it is there whole or not at all.
func built(root, name, source string, build func(source, into string) error) (string, error) {
	sum, err := digestOf(source)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, name+"-"+sum)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	beside, err := os.MkdirTemp(root, "building-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(beside)
	if err := build(source, beside); err != nil {
		return "", err
	}
	return dir, os.Rename(beside, dir)
}

func digestOf(source string) (string, error) {
	files, err := fs.Glob(os.DirFS(source), "*")
	if err != nil {
		return "", err
	}
	slices.Sort(files)
	all := sha256.New()
	for _, file := range files {
		if filepath.Ext(file) != ".go" && !strings.HasPrefix(file, "go.") || strings.HasSuffix(file, "_test.go") {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(source, file))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(all, "%s %d\n%s", file, len(raw), raw)
	}
	return hex.EncodeToString(all.Sum(nil))[:16], nil
}

// buildFabric also keeps the sample settings that peer and orderer start from.
func buildFabric(source, into string) error {
	args := []string{"build", "-o", into + string(filepath.Separator)}
	for _, name := range fabricCommands {
		args = append(args, fabricModule+"/cmd/"+name)
	}
	if err := goTool(source, args...); err != nil {
		return err
	}
	list := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", fabricModule)
	list.Dir = source
	out, err := list.Output()
	if err != nil {
		return fmt.Errorf("find the settings of Fabric: %w", err)
	}
	for _, name := range []string{"core.yaml", "orderer.yaml"} {
		raw, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(out)), "sampleconfig", name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(into, name), raw, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func goTool(dir string, args ...string) error {
	cmd := exec.Command("go", args...) //nolint:gosec // our own arguments
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-trimpath -buildvcs=false", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s in %s: %w\n%s", args[0], dir, err, out)
	}
	return nil
}
