package admit

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/report"
)

func sample() Report {
	return Report{Role: "provider", Agency: "urn:mydata:agency:clinic", URL: `https://clinic.example/release?"><script>`, At: time.Unix(1790000000, 0).UTC(), Results: []Result{
		{Part: partToken, Name: "refuses an expired token", Korean: "만료된 토큰을 거부한다", Clause: "RFC 9068, 4", Outcome: report.Failed, Detail: "it <b>released</b>", Took: time.Second},
		{Part: partRelease, Name: "answers a retry", Korean: "재요청에 응답한다", Clause: "consent.md", Outcome: report.Passed},
		{Part: partRelease, Name: "waits", Korean: "기다린다", Clause: "consent.md", Outcome: report.Skipped, Detail: "long"},
	}}
}

// The page stands alone, is in both languages, and runs nothing.
//
//clause:admission a plan is read strictly; the report in its four forms; an exit code that fails
func TestReportPage(t *testing.T) {
	var out bytes.Buffer
	if err := WriteHTML(&out, sample()); err != nil {
		t.Fatal(err)
	}
	page := out.String()
	for _, want := range []string{`<html lang="ko">`, `lang="en"`, "만료된 토큰을 거부한다", "refuses an expired token", "통과하지 못했습니다", "Not passed",
		`scope="row"`, `scope="col"`, "<main>", "default-src 'none'", "it &lt;b&gt;released"} {
		if !strings.Contains(page, want) {
			t.Errorf("it lacks %q", want)
		}
	}
	for _, never := range []string{"<script", "src=", "@import", "url(", "onclick", "http-equiv=\"refresh"} {
		if strings.Contains(page, never) {
			t.Errorf("it has %q", never)
		}
	}
	for _, at := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if !strings.HasPrefix(at[1], "#") {
			t.Errorf("it leads to %s", at[1])
		}
	}
	ids := map[string]bool{}
	for _, m := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if ids[m[1]] {
			t.Errorf("the id %s is there twice", m[1])
		}
		ids[m[1]] = true
	}
	if strings.Count(page, "<h1 ") != 2 || strings.Count(page, "<section") != 2 {
		t.Error("not one heading for each language")
	}
}

// Each case has a name in both languages, a clause, and a name of its own.
func TestCasesAreNamed(t *testing.T) {
	rules, err := os.ReadFile("../../docs/agencies.md")
	if err != nil {
		t.Fatal(err)
	}
	for role, parts := range map[string][][]check{
		"provider": {releaseCases, commitCases, retryCases, tokenCases, proofCases, requestCases, hubCases, numberCases, personCases, inputCases, allCases},
		"consumer": {firstCases, askCases, backCases, grantCases, evidenceCases, afterCases, pageCases},
	} {
		names := map[string]bool{}
		for _, part := range parts {
			for _, c := range part {
				if names[c.name] || names[c.korean] {
					t.Errorf("%s: %q is there twice", role, c.name)
				}
				names[c.name], names[c.korean] = true, true
				if rule, ours := strings.CutPrefix(c.clause, "docs/agencies.md, "); ours && !bytes.Contains(rules, []byte("**"+rule+"**")) {
					t.Errorf("%s: docs/agencies.md has no rule %q", role, rule)
				}
				if c.clause == "" || c.korean == "" || both["ko"].parts[c.part] == "" || strings.HasPrefix(c.name, "it ") {
					t.Errorf("%s: %+v", role, c.name)
				}
			}
		}
		if len(names) < 100 {
			t.Errorf("%s: only %d cases", role, len(names)/2)
		}
	}
}

//clause:admission a plan is read strictly; the report in its four forms; an exit code that fails
func TestParsePlanRefuses(t *testing.T) {
	good, err := plans.ReadFile("plans/example.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, from, to, check string }{
		{"it refuses what is no JSON", "{", "[", "JSON"},
		{"it refuses a member that it does not know", `"provider":`, `"more": 1, "provider":`, "JSON"},
		{"it refuses a provider that is no agency", "urn:mydata:agency:health-insurance", "health-insurance", "provider"},
		{"it refuses a consumer with a space", "urn:mydata:agency:driving-licence", "urn:mydata:agency:driving licence", "consumer"},
		{"it refuses one agency for both", "agency:driving-licence", "agency:health-insurance", "consumer"},
		{"it refuses a data set without an id", `"id": "health-checkup"`, `"id": ""`, "data_set"},
		{"it refuses to ask for nothing", `["vision_ok", "hearing_ok"]`, `[]`, "claims"},
		{"it refuses a claim that the data set does not have", `["vision_ok", "hearing_ok"]`, `["shoe_size"]`, "claims"},
		{"it refuses a purpose of no use", `"max_uses": 2`, `"max_uses": 0`, "purpose"},
		{"it refuses two people who are one", `"resident-03"`, `"resident-01"`, "people"},
		{"it refuses what follows", "\n}\n", "\n}{}\n", "JSON"},
		{"it refuses what is too long", "\n}\n", "\n}" + strings.Repeat(" ", maxPlan), "size"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			raw := strings.Replace(string(good), tt.from, tt.to, 1)
			if tt.from == "\n}\n" {
				raw = strings.TrimSuffix(string(good), tt.from) + tt.to
			}
			_, err := ParsePlan([]byte(raw))
			var refused *PlanError
			if raw == string(good) || !errors.As(err, &refused) || refused.Check != tt.check || refused.Cause == "" || refused.Mender == "" {
				t.Errorf("%v, want %q", err, tt.check)
			}
		})
	}
	if _, err := ParsePlan(good); err != nil {
		t.Error(err)
	}
	own := strings.NewReplacer("urn:mydata:agency:", "urn:mydata:sandbox:", `"max_uses": 2`, `"max_uses": 1`)
	if p, err := ParsePlan([]byte(own.Replace(string(good)))); err != nil || p.Purpose.MaxUses != 2 {
		t.Errorf("it takes a sandbox's agencies, and a purpose of one use: %v, %+v", err, p.Purpose)
	}
}

// The keys of a trial replace those of a trial before, and nothing else's.
//
//clause:admission a plan is read strictly; the report in its four forms; an exit code that fails
func TestATrialWritesOverNoAgency(t *testing.T) {
	p, err := ExamplePlan()
	if err != nil {
		t.Fatal(err)
	}
	b, err := Open(Options{Plan: p, URL: "http://127.0.0.1:1/release", Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for _, name := range []string{"trust", "identity"} {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := b.WriteAgency(dir, "provider"); err == nil || !strings.Contains(err.Error(), name+" is there, and not of a trial") {
			t.Errorf("%s: %v", name, err)
		}
		if left, err := filepath.Glob(filepath.Join(dir, "*", "*")); err != nil || len(left) > 0 {
			t.Errorf("%s: it wrote %v, %v", name, left, err)
		}
	}
	dir := filepath.Join(t.TempDir(), "admission")
	for range 2 {
		if err := b.WriteAgency(dir, "provider"); err != nil {
			t.Error(err)
		}
	}
}

func FuzzParsePlan(f *testing.F) {
	good, err := plans.ReadFile("plans/example.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"provider":"urn:mydata:agency:a","consumer":"urn:mydata:agency:b"}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := ParsePlan(raw)
		if err == nil && (p.Provider == p.Consumer || len(p.Claims) == 0 || p.DataSet.Provider != p.Provider) {
			t.Errorf("accepted %q", raw)
		}
	})
}
