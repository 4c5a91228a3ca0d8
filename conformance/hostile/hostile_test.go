package hostile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/govmydata/mydata/conformance/stage"
)

// An attempt is one bad input and the refusal that it must meet.
type attempt struct {
	name   string
	try    func(t *testing.T, w *world) answer
	status int
	code   string // of the error; "" where a person reads a page
	check  string // of a problem document; "" where the code says it all
}

// tables of attempts, by what they attack. Controls show, before, that the
// unbent input is accepted: a refusal is then due to the bend alone.
var tables = []struct {
	name     string
	controls []control
	attempts func() []attempt
}{
	{"doors", nil, doors},
	{"PAR", parControls, pars},
	{"authorize", nil, authorizations},
	{"token", nil, tokens},
	{"proofs", nil, proofs},
	{"resources", nil, resources},
	{"issuance", issuanceControls, issuances},
	{"ceremonies", nil, ceremonies},
	{"approval", nil, approvals},
	{"dashboard", nil, dashboards},
	{"requests", requestControls, requests},
	{"agency", agencyControls, agencies},
	{"release", releaseControls, releases},
	{"public", nil, publics},
	{"lost", lostControls, losses}, // before the verifier has a status list to keep for seconds
	{"verifier", nil, verifiers},
	{"sites", nil, sites},
	{"witnesses", nil, witnesses},
	{"races", nil, races},
}

// A control is a good input.
type control struct {
	name   string
	try    func(t *testing.T, w *world) answer
	status int
}

func TestMain(m *testing.M) {
	code := m.Run()
	stage.RemovePrograms()
	os.Exit(code)
}

// TestHostile stands on PostgreSQL; the long form (MYDATA_SOAK=1) on SQLite too.
func TestHostile(t *testing.T) {
	count := attack(t, newWorld(t, postgres(t)))
	if os.Getenv("MYDATA_SOAK") == "1" {
		t.Run("SQLite", func(t *testing.T) { attack(t, newWorld(t, "")) })
	}
	if !t.Failed() {
		figure(t, "hostile-cases", count)
	}
	if count < 150 {
		t.Errorf("%d attempts: at least 150 are promised", count)
	}
}

// attack makes every attempt, and counts them.
func attack(t *testing.T, w *world) (count int) {
	seen := map[string]bool{}
	w.settle(t)
	for i, table := range tables {
		stranger = newStranger(fmt.Sprintf("127.0.4.%d", i+1))
		t.Run(table.name, func(t *testing.T) {
			for _, c := range table.controls {
				if a := c.try(t, w); a.status != c.status {
					t.Fatalf("control: %s: answered %d, wanted %d\n%s", c.name, a.status, c.status, short(a.body))
				}
			}
			if len(table.controls) > 0 { // else nothing was done since the last look
				w.settle(t)
			}
			for _, a := range table.attempts() {
				count++
				if key := table.name + "/" + a.name; seen[key] {
					t.Errorf("two attempts are called %q", key)
				} else {
					seen[key] = true
				}
				t.Run(a.name, func(t *testing.T) {
					a.try(t, w).check(t, a)
					w.unchanged(t, count%20 == 0)
				})
			}
			w.quiet(t)
		})
	}
	if lines := w.Errors(); lines != "" {
		t.Errorf("bad input made somebody cry for an operator:\n%s", lines)
	}
	return count
}

// figure holds a number of the documents to what the test counted; with
// MYDATA_UPDATE=1 it writes it.
func figure(t *testing.T, name string, n int) {
	t.Helper()
	root, err := stage.Root()
	if err != nil {
		t.Fatal(err)
	}
	path, text := filepath.Join(root, "docs", "figures", name+".txt"), fmt.Sprintln(n)
	if os.Getenv("MYDATA_UPDATE") == "1" {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if kept, err := os.ReadFile(path); err != nil || strings.TrimSpace(string(kept)) != strings.TrimSpace(text) {
		t.Errorf("%s says %q, counted %d (MYDATA_UPDATE=1 writes it): %v", path, kept, n, err)
	}
}
