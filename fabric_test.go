package mydata_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// apart are the modules below fabric/, which the main module never links. What is held
// of our packages in house_test.go is held of theirs here.
func apart(t *testing.T) []string {
	t.Helper()
	mods, err := filepath.Glob("fabric/*/go.mod")
	if err != nil || len(mods) < 2 {
		t.Fatalf("modules %q: %v", mods, err)
	}
	var dirs []string
	for _, mod := range mods {
		dirs = append(dirs, filepath.Dir(mod))
	}
	return dirs
}

// what a module below fabric/ may take from the main one; nothing where none is named
var fromMain = map[string]string{"fabric/sdkanchor": "pkg/tlog/..."}

func TestFabricModulesStandApart(t *testing.T) {
	for _, dir := range apart(t) {
		for _, path := range strings.Fields(command(t, dir, nil, "go", "list", "-deps", "./...")) {
			at := folder(path)
			if strings.HasPrefix(path, module) && !in(at, dir+"/... "+fromMain[dir]) {
				t.Errorf("%s reaches %s: what runs beside Fabric is a module of its own", dir, at)
			}
		}
		if _, err := os.Stat(filepath.Join(dir, "doc.go")); err != nil {
			t.Errorf("%s has no doc.go: say what it does, by which sections, what it leaves out, what always holds", dir)
		}
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			checkSize(t, file)
		}
	}
}

// What runs beside Fabric is under licences that we accept, too.
func TestFabricLicences(t *testing.T) {
	supply := filepath.Join(t.TempDir(), "supply")
	command(t, "", nil, "go", "build", "-C", "tools", "-o", supply, "./supply")
	for _, dir := range apart(t) {
		if table := command(t, dir, nil, supply, "licences", "."); !strings.Contains(table, "hyperledger/fabric-") {
			t.Errorf("%s: %s", dir, table)
		}
	}
}
