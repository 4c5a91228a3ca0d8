package sdk_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// What an agency gets when it imports the SDK.
const maxModules = 25

//clause:kit Close ends everything; few modules come with the SDK
func TestImportingPullsInFewModules(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", ".", "./sdktest").Output()
	if err != nil {
		t.Fatal(err)
	}
	modules := strings.Fields(string(out))
	slices.Sort(modules)
	modules = slices.Compact(modules)
	if len(modules) > maxModules {
		t.Errorf("%d modules, at most %d: %s", len(modules), maxModules, strings.Join(modules, " "))
	}
	t.Logf("%d modules, this one included: %s", len(modules), strings.Join(modules, " "))
}
