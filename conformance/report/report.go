package report

import (
	"cmp"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// Outcome is how a case ended.
type Outcome string

// The outcomes.
const (
	Passed  Outcome = "passed"
	Failed  Outcome = "failed"
	Skipped Outcome = "skipped"
)

// Result is one case after it ran. Its names finish the sentence "it …".
type Result struct {
	Part    string        `json:"part"`
	Name    string        `json:"name"`
	Korean  string        `json:"name_ko,omitempty"`
	Clause  string        `json:"clause"` // what prescribes it
	Outcome Outcome       `json:"outcome"`
	Detail  string        `json:"detail,omitempty"`
	Took    time.Duration `json:"took_ns"`
}

// Report is a whole run.
type Report struct {
	Role    string    `json:"role"` // provider, consumer, idp, verifier
	Agency  string    `json:"agency,omitempty"`
	URL     string    `json:"url"`
	At      time.Time `json:"at"`
	Results []Result  `json:"results"`
}

// Count is how many cases ended so.
func (r Report) Count(o Outcome) int {
	n := 0
	for _, each := range r.Results {
		if each.Outcome == o {
			n++
		}
	}
	return n
}

// OK says that something passed and nothing failed.
func (r Report) OK() bool { return r.Count(Passed) > 0 && r.Count(Failed) == 0 }

// Failed are the names of what failed.
func (r Report) Failed() []string {
	var names []string
	for _, each := range r.Results {
		if each.Outcome == Failed {
			names = append(names, each.Name)
		}
	}
	return names
}

// WriteText writes a table for people.
func (r Report) WriteText(w io.Writer) error {
	part := ""
	for _, each := range r.Results {
		if each.Part != part {
			part = each.Part
			if _, err := fmt.Fprintf(w, "\n%s: it …\n", part); err != nil {
				return err
			}
		}
		line := fmt.Sprintf("  %-7s  %s  [%s]", each.Outcome, each.Name, each.Clause)
		if each.Detail != "" && each.Outcome != Passed {
			line += "\n           " + each.Detail
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	who := r.Agency
	if who == "" {
		who = r.URL
	}
	_, err := fmt.Fprintf(w, "\n%s %s: %d passed, %d failed, %d skipped\n", r.Role, who, r.Count(Passed), r.Count(Failed), r.Count(Skipped))
	return err
}

// WriteJSON writes one JSON object.
func (r Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(struct {
		Report
		Passed  int `json:"passed"`
		Failed  int `json:"failed"`
		Skipped int `json:"skipped"`
	}{r, r.Count(Passed), r.Count(Failed), r.Count(Skipped)})
}

type suite struct {
	XMLName  xml.Name   `xml:"testsuite"`
	Name     string     `xml:"name,attr"`
	Tests    int        `xml:"tests,attr"`
	Failures int        `xml:"failures,attr"`
	Skipped  int        `xml:"skipped,attr"`
	Time     string     `xml:"timestamp,attr"`
	Cases    []testCase `xml:"testcase"`
}

type testCase struct {
	Class   string `xml:"classname,attr"`
	Name    string `xml:"name,attr"`
	Seconds string `xml:"time,attr"`
	Failure *note  `xml:"failure"`
	Skipped *note  `xml:"skipped"`
}

type note struct {
	Message string `xml:"message,attr"`
}

// WriteJUnit writes what build servers read.
func (r Report) WriteJUnit(w io.Writer) error {
	s := suite{Name: "trial: " + r.Role, Tests: len(r.Results), Failures: r.Count(Failed), Skipped: r.Count(Skipped), Time: r.At.Format("2006-01-02T15:04:05")}
	for _, each := range r.Results {
		c := testCase{Class: r.Role + "." + each.Part, Name: "it " + each.Name, Seconds: fmt.Sprintf("%.3f", each.Took.Seconds())}
		switch each.Outcome {
		case Failed:
			c.Failure = &note{each.Detail}
		case Skipped:
			c.Skipped = &note{each.Detail}
		}
		s.Cases = append(s.Cases, c)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(s); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// Skip is why a case cannot run here.
type Skip string

func (s Skip) Error() string { return string(s) }

// Case is one thing to try. Its names finish the sentence "it …".
type Case struct {
	Part, Name, Korean string
	Clause             string // what prescribes it
}

// Add notes how a case that began then ended.
func (r *Report) Add(c Case, began time.Time, err error) Result {
	one := Result{Part: c.Part, Name: c.Name, Korean: c.Korean, Clause: c.Clause, Outcome: Passed, Took: time.Since(began)}
	if err != nil {
		one.Outcome, one.Detail = Failed, err.Error()
		if _, ok := errors.AsType[Skip](err); ok {
			one.Outcome = Skipped
		}
	}
	r.Results = append(r.Results, one)
	return one
}

// Gather puts together what belongs to one part, in the order of the parts'
// first cases.
func (r *Report) Gather() {
	first := map[string]int{}
	for i, each := range r.Results {
		if _, there := first[each.Part]; !there {
			first[each.Part] = i
		}
	}
	slices.SortStableFunc(r.Results, func(a, b Result) int { return cmp.Compare(first[a.Part], first[b.Part]) })
}
