package mydata_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	testName = regexp.MustCompile("`([a-z0-9/_-]+)\\.((?:Test|Fuzz|Benchmark|Example)\\w*)`")
	link     = regexp.MustCompile(`\]\(([^)#:]+)\)`)
	goBlock  = regexp.MustCompile("(?s)```go\n(.*?)```")
)

func documents(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/adr/*.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			texts[file] = string(text)
		}
	}
	return texts
}

// sources joins what a folder's Go files of one kind say.
func sources(t *testing.T, pattern string) string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}

// A document that names a test which is not there promises what nobody checks.
func TestDocumentsNameTestsThatExist(t *testing.T) {
	found := 0
	for file, text := range documents(t) {
		for _, m := range testName.FindAllStringSubmatch(text, -1) {
			found++
			if !strings.Contains(sources(t, filepath.Join(m[1], "*_test.go")), "func "+m[2]+"(") {
				t.Errorf("%s names %s.%s, which is not there", file, m[1], m[2])
			}
		}
	}
	if found == 0 {
		t.Error("no document names a test")
	}
}

func TestDocumentsLinkToFilesThatExist(t *testing.T) {
	for file, text := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), m[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", file, m[1])
			}
		}
	}
}

// What an audit found is told by exit codes, which the operator's table and the
// command's help explain, all of them.
func TestExitCodesAreExplained(t *testing.T) {
	table := documents(t)["docs/operations.md"]
	_, table, _ = strings.Cut(table, "| code | found |")
	table, _, _ = strings.Cut(table, "\n\n")
	_, help, _ := strings.Cut(sources(t, "cmd/idp/audit.go"), "Exit codes: ")
	help, _, _ = strings.Cut(help, "`")
	codes := regexp.MustCompile(`\b[A-Z]\w+: (\d+),`).FindAllStringSubmatch(sources(t, "pkg/audit/report.go"), -1)
	if len(codes) < 20 {
		t.Fatalf("found %d codes", len(codes))
	}
	for _, code := range codes {
		word := regexp.MustCompile(`\b` + code[1] + `\b`)
		for where, text := range map[string]string{"docs/operations.md": table, "idp audit --help": help} {
			if !word.MatchString(text) {
				t.Errorf("%s does not explain exit code %s", where, code[1])
			}
		}
	}
}

// The README's Go is the SDK's compiled examples, line by line.
func TestReadmeQuotesExamples(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := map[string]bool{}
	for line := range strings.SplitSeq(sources(t, "sdk/*example*_test.go"), "\n") {
		examples[strings.TrimSpace(line)] = true
	}
	blocks := goBlock.FindAllStringSubmatch(string(readme), -1)
	if text := string(readme); strings.Contains(text, "http.ListenAndServe") || !strings.Contains(text, "NewCrossOriginProtection") {
		t.Error("the README serves as no agency passes its trial: without a bound on requests, or for the buttons of other sites")
	}
	if len(blocks) < 4 {
		t.Errorf("the README has %d blocks of Go; a provider, a consumer, a verifier and an issuer are promised", len(blocks))
	}
	for _, block := range blocks {
		for line := range strings.SplitSeq(block[1], "\n") {
			if line = strings.TrimSpace(line); line != "" && !examples[line] {
				t.Errorf("the README says %q, which no example of the SDK does", line)
			}
		}
	}
}
