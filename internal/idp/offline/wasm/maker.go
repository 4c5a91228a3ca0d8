//go:build !js

package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const itself = "github.com/govmydata/mydata/internal/idp/offline/wasm"

func main() {
	out := flag.String("out", "", "folder to write checker.wasm.gz and wasm_exec.js into")
	flag.Parse()
	if err := build(*out); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func build(out string) error {
	if out == "" {
		return errors.New("--out is required")
	}
	dir, err := os.MkdirTemp("", "mydata-wasm-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	plain := filepath.Join(dir, "checker.wasm")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", plain, itself) //nolint:gosec // G204: a folder that we made
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS=")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("compile the checker: %w", err)
	}
	wasm, err := os.ReadFile(plain)
	if err != nil {
		return err
	}
	packed, err := pack(wasm)
	if err != nil {
		return err
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("go env GOROOT: %w", err)
	}
	loader, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "wasm_exec.js"))
	if err != nil {
		return err
	}
	return errors.Join(replace(filepath.Join(out, "checker.wasm.gz"), packed), replace(filepath.Join(out, "wasm_exec.js"), loader))
}

// pack writes no name and no time, so that the same bytes come out.
func pack(raw []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(raw); err != nil {
		return nil, err
	}
	err = w.Close()
	return b.Bytes(), err
}

// replace leaves a file alone that holds the same already.
func replace(name string, data []byte) error {
	if there, err := os.ReadFile(name); err == nil && bytes.Equal(there, data) {
		return nil
	}
	if err := os.WriteFile(name+".new", data, 0o644); err != nil { //nolint:gosec // G306: everybody may read it
		return err
	}
	return os.Rename(name+".new", name)
}
