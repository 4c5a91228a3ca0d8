package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

var programs = map[string]string{
	"idp":      "./cmd/idp",
	"verifier": "./cmd/verifier",
	"insurer":  "./examples/insurer",
	"licence":  "./examples/licence",
	"extract":  "./examples/extract",
	"portal":   "./examples/portal",
	"wallet":   "./examples/wallet",
}

// buildMissing lets `go run ./examples/story run` work in a fresh clone;
// `make run` has built everything before.
func buildMissing(ctx context.Context, bin string) error {
	args := []string{"build", "-o", bin + string(filepath.Separator)}
	missing := false
	for name, pkg := range programs {
		if _, err := os.Stat(filepath.Join(bin, name)); err != nil {
			missing = true
		}
		args = append(args, pkg)
	}
	if !missing {
		return nil
	}
	fmt.Fprintln(os.Stderr, "building the programs into", bin)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build: %w", err)
	}
	return nil
}
