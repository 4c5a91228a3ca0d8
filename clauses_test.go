package mydata_test

import (
	"bufio"
	"cmp"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/govmydata/mydata/conformance/figure"
)

const clausesFile = "docs/conformance.md"

var (
	clauseLine = regexp.MustCompile(`^//clause:([a-z]+) (.+)$`)
	testFunc   = regexp.MustCompile(`^func ((?:Test|Fuzz|Example)\w*)\(`)
	tableHead  = regexp.MustCompile(`(?m)^<!-- clauses: ([a-z]+) -->\n`)
	digits     = regexp.MustCompile(`\d+`)
)

// A test says above itself which clauses it holds the code to, one to a line:
//
//	//clause:as RFC 7636, 4.6: S256 alone; plain and none refused
//
// The tables of docs/conformance.md are made of these lines and of nothing else.
func TestClauses(t *testing.T) {
	said, err := os.ReadFile(clausesFile)
	if err != nil {
		t.Fatal(err)
	}
	tables := clauses(t)
	want := tableHead.ReplaceAllStringFunc(withoutTables(string(said)), func(head string) string {
		part := tableHead.FindStringSubmatch(head)[1]
		rows := tables[part]
		delete(tables, part)
		if len(rows) == 0 {
			t.Errorf("no test holds a clause of %q", part)
		}
		return head + clauseTable(rows)
	})
	for part := range tables {
		t.Errorf("%s has no table for the clauses of %q", clausesFile, part)
	}
	figure.File(t, clausesFile, want)
}

// clauses are the tests of each clause, by part.
func clauses(t *testing.T) map[string]map[string][]string {
	t.Helper()
	found := map[string]map[string][]string{}
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() != "." && strings.HasPrefix(entry.Name(), ".")):
			return filepath.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		return claims(path, func(part, clause, test string) {
			if found[part] == nil {
				found[part] = map[string][]string{}
			}
			found[part][clause] = append(found[part][clause], strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path))+"."+test, ".."))
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// claims reads what the tests of one file say that they hold.
func claims(path string, each func(part, clause, test string)) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	var open [][]string
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if m := clauseLine.FindStringSubmatch(line); m != nil {
			open = append(open, m)
			continue
		}
		if m := testFunc.FindStringSubmatch(line); m != nil {
			for _, claim := range open {
				each(claim[1], claim[2], m[1])
			}
		}
		if !strings.HasPrefix(line, "//") {
			open = nil
		}
	}
	return lines.Err()
}

func clauseTable(rows map[string][]string) string {
	var out strings.Builder
	out.WriteString("| clause | test |\n|---|---|\n")
	var names []string
	for clause := range rows {
		names = append(names, clause)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(ordered(a), ordered(b)), cmp.Compare(a, b)) })
	for _, clause := range names {
		tests := slices.Compact(slices.Sorted(slices.Values(rows[clause])))
		out.WriteString("| " + clause + " | `" + strings.Join(tests, "` `") + "` |\n")
	}
	return out.String()
}

// ordered sorts 8.2 before 12.1, and RFC 7636 before RFC 9101.
func ordered(clause string) string {
	return digits.ReplaceAllStringFunc(strings.ToLower(clause), func(n string) string {
		return strings.Repeat("0", max(0, 6-len(n))) + n
	})
}

// withoutTables is the text without what stands in its tables now.
func withoutTables(text string) string {
	var kept []string
	inside := false
	for line := range strings.Lines(text) {
		switch {
		case tableHead.MatchString(line):
			inside = true
		case inside && strings.HasPrefix(line, "|"):
			continue
		default:
			inside = false
		}
		kept = append(kept, line)
	}
	return strings.Join(kept, "")
}
