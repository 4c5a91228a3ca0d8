package pages_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/govmydata/mydata/conformance/stage"
)

// sources of each service's public routes. Commands come through a socket, which
// no browser reaches: they are left out by file.
var sources = map[string][]string{
	stage.IDP:      {"internal/idp/*/*.go", "internal/oauth/*.go", "internal/web/*.go", "cmd/idp/health.go"},
	stage.Verifier: {"internal/verifier/*.go", "internal/web/*.go"},
	stage.Insurer:  {"examples/insurer/*.go", "examples/page/*.go"},
	stage.Licence:  {"examples/licence/*.go", "examples/page/*.go"},
	stage.Wallet:   {"examples/wallet/*.go"},
}

var routePattern = regexp.MustCompile(`"((?:GET |POST )/[^"\s]*)"`)

// routes that a service serves, as its sources say.
func routes(t testing.TB, service string) []string {
	t.Helper()
	root, err := stage.Root()
	must(t, err)
	var all []string
	for _, pattern := range sources[service] {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		must(t, err)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") || strings.Contains(file, "/admin") || strings.Contains(file, "/idp/sandbox/") { // a sandbox has pages for nobody
				continue
			}
			text, err := os.ReadFile(file)
			must(t, err)
			for _, m := range routePattern.FindAllStringSubmatch(string(text), -1) {
				if !slices.Contains(all, m[1]) {
					all = append(all, m[1])
				}
			}
		}
	}
	if len(all) < 3 {
		t.Fatalf("%s: %d routes found", service, len(all))
	}
	return all
}

// posts are the routes that may change something.
func posts(t testing.TB, service string) (all []string) {
	for _, route := range routes(t, service) {
		if path, ok := strings.CutPrefix(route, "POST "); ok {
			all = append(all, path)
		}
	}
	return all
}
