package rules

import (
	"os"
	"testing"

	"github.com/govmydata/mydata/conformance/figure"
)

const untested = "?"

// TestRules holds docs/rules.txt to the sources; the long form switches every
// guard off and runs the test that is named for it. MYDATA_UPDATE=1 looks for the
// test of each guard that has none, in the package that MYDATA_RULES names or in
// all.
func TestRules(t *testing.T) {
	root, err := figure.Root()
	if err != nil {
		t.Fatal(err)
	}
	known, err := Read(root)
	if err != nil {
		t.Fatal(err)
	}
	var all []Line
	for _, folder := range Packages {
		guards, err := Guards(root, folder)
		if err != nil {
			t.Fatal(err)
		}
		tests, err := Tests(root, folder)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(folder, func(t *testing.T) {
			p := pkg{T: t, root: root, folder: folder, guards: guards, tests: tests, known: known}
			if one := os.Getenv("MYDATA_RULES"); figure.Update() && (one == "" || one == folder) {
				p.find()
			}
			all = append(all, p.lines()...)
			if figure.Soak() {
				p.try()
			}
		})
	}
	if figure.Update() {
		if err := Write(root, all); err != nil {
			t.Fatal(err)
		}
	}
	tested := 0
	for _, l := range all {
		if l.Test != "" {
			tested++
		}
	}
	if len(known) > len(all) && !figure.Update() {
		t.Errorf("%s has %d lines, the sources have %d guards: MYDATA_UPDATE=1 takes out what is gone", ListFile, len(known), len(all))
	}
	figure.Hold(t, "rules", tested, "refusals switched off one by one, each missed by the test that docs/rules.txt names")
}

// A pkg is one package with its guards.
type pkg struct {
	*testing.T
	root, folder string
	guards       []Guard
	tests        map[string]bool
	known        map[string]Line
}

// lines of the package, and a complaint for each guard that has none.
func (p pkg) lines() (all []Line) {
	p.Helper()
	for _, g := range p.guards {
		l, ok := p.known[g.Key()]
		switch {
		case !ok:
			p.Errorf("no line for %s in %s: `%s`; MYDATA_UPDATE=1 looks for the test that misses it", g.Func, g.File, g.Cond)
		case l.Reason == untested:
			p.Errorf("no test misses %s in %s: `%s`", g.Func, g.File, g.Cond)
		case l.Test != "" && !p.tests[l.Test]:
			p.Errorf("%s is gone, which missed %s in %s: `%s`; MYDATA_UPDATE=1 looks for another", l.Test, g.Func, g.File, g.Cond)
		}
		if ok {
			all = append(all, l)
		}
	}
	return all
}

func (p pkg) bench() *Bench {
	p.Helper()
	b, err := Build(p.Context(), p.root, p.folder, p.guards)
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() {
		if err := b.Close(); err != nil {
			p.Error(err)
		}
	})
	return b
}

// find names the tests of guards without a line, or whose test is gone.
func (p pkg) find() {
	p.Helper()
	var b *Bench
	for i, g := range p.guards {
		if l := p.known[g.Key()]; p.tests[l.Test] || l.Reason != "" && l.Reason != untested {
			continue
		}
		if b == nil {
			b = p.bench()
		}
		test, err := b.Missed(p.Context(), "^Test", i+1)
		if err != nil {
			p.Fatal(err)
		}
		l := Line{Key: g.Key(), Test: test}
		if test == "" {
			l.Reason = untested
		}
		p.Logf("%s", l)
		p.known[g.Key()] = l
	}
}

// try switches off each guard that has a test.
func (p pkg) try() {
	p.Helper()
	b := p.bench()
	sound := map[string]bool{}
	for i, g := range p.guards {
		l := p.known[g.Key()]
		if l.Test == "" {
			continue
		}
		run := "^" + l.Test + "$"
		if !sound[l.Test] {
			if test, err := b.Missed(p.Context(), run, 0); test != "" || err != nil {
				p.Fatalf("%s fails with every guard on: %v", l.Test, err)
			}
			sound[l.Test] = true
		}
		if test, err := b.Missed(p.Context(), run, i+1); err != nil || test == "" {
			p.Errorf("%s passes although %s in %s does not refuse: `%s` (%v)", l.Test, g.Func, g.File, g.Cond, err)
		}
	}
}
