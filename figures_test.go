package mydata_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/govmydata/mydata/conformance/figure"
)

// A block is what tests write into a document, between two comments that name
// it. Everything outside the marks is people's.
func block(t *testing.T, path, name, body string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- "+name+" -->\n", "<!-- /"+name+" -->\n"
	before, rest, ok := strings.Cut(string(text), begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed || strings.Contains(after, begin) {
		t.Fatalf("%s needs one block from %q to %q", path, begin, end)
	}
	figure.File(t, path, before+begin+body+end+after)
}

// The numbers of the threat model are those that tests counted. After
// MYDATA_UPDATE=1 on a test that counts, MYDATA_UPDATE=1 on this one shows them.
func TestFigures(t *testing.T) {
	files, err := filepath.Glob("docs/figures/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	tests := testSources(t)
	var body strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		number, what, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
		if _, err := strconv.Atoi(number); err != nil {
			t.Errorf("%s begins with no number", file)
		}
		if !strings.Contains(tests, strconv.Quote(name)) {
			t.Errorf("%s: no test counts %q", file, name)
		}
		fmt.Fprintf(&body, "- %s: %s%s\n", name, number, strings.TrimRight(" "+what, " "))
	}
	block(t, "docs/threat-model.md", "counts", body.String())
}

// testSources joins all tests of the tree.
func testSources(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, p := range ours(t) {
		all.WriteString(sources(t, filepath.Join(p.Dir, "*_test.go")))
	}
	return all.String()
}
