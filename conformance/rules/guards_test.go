package rules

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestGuards(t *testing.T) {
	for _, c := range []struct {
		name, body string
		want       []string
	}{
		{"it finds a literal error", `if a > 1 { return errors.New("x") }; return nil`, []string{"a > 1"}},
		{"it finds a sentinel", `if a > 1 { return ErrX }; return nil`, []string{"a > 1"}},
		{"it finds another's sentinel", `if a > 1 { return io.ErrUnexpectedEOF }; return nil`, []string{"a > 1"}},
		{"it finds a typed error", `if a > 1 { return &Error{} }; return nil`, []string{"a > 1"}},
		{"it finds an error by a maker's name", `if a > 1 { return s.refuse("x") }; return nil`, []string{"a > 1"}},
		{"it finds an error that is set", `if a > 1 { err = errors.New("x") }; return err`, []string{"a > 1"}},
		{"it finds what is done before it refuses", `if a > 1 { log(); return ErrX }; return nil`, []string{"a > 1"}},
		{"it finds a refusal in other words", `if err != nil { return fmt.Errorf("no such thing") }; return nil`, []string{"err != nil"}},
		{"it finds each alternative of a case", `switch { case a > 1, b: return ErrX }; return nil`, []string{"a > 1", "b"}},
		{"it finds a guard within a guard", `if a > 1 { if b { return ErrX }; return ErrY }; return nil`, []string{"a > 1", "b"}},
		{"it finds a guard within a function's literal", `f := func() error { if b { return ErrX }; return nil }; return f()`, []string{"b"}},
		{"it finds a check that is asked, by its call", `if err := check(a); err != nil { return fmt.Errorf("x: %w", err) }; return nil`, []string{"err := check(a); err != nil"}},
		{"it finds a check whose value nobody takes", `if _, err := parse(a); err != nil { return err }; return nil`, []string{"_, err := parse(a); err != nil"}},
		{"it finds an error that is noted", `if b { report.add("x", errors.New("x"), ""); return }; return nil`, []string{"b"}},
		{"it finds each row of a map over which a loop refuses", `for name, is := range map[string]bool{"x": a > 1, "y": b} { if is { return refuse(name) } }; return nil`, []string{"a > 1", "b", "is"}},
		{"it finds each row of a table over which a loop refuses", `for _, c := range []struct{n string; ok bool}{{"x", a > 1}, {"y", b}} { if !c.ok { return refuse(c.n) } }; return nil`, []string{"a > 1", "b", "!c.ok"}},
		{"it finds two of a kind", `if b { return ErrX }; if b { return ErrY }; return nil`, []string{"b", "b #2"}},
		{"it finds a condition over lines, in one", "if a > 1 ||\n\t\tb { return ErrX }; return nil", []string{"a > 1 || b"}},

		{"it leaves out an error that came with a value", `v, err := f(); if err != nil { return fmt.Errorf("x: %w", err) }; return v`, nil},
		{"it leaves out an error that came with a value used below", `if v, err := f(); err != nil { return err } else { use(v) }; return nil`, nil},
		{"it leaves out what returns something else", `if a > 1 { return nil }; return f()`, nil},
		{"it leaves out rows over which nothing refuses", `for _, c := range []struct{ok bool}{{a > 1}} { if !c.ok { a++ } }; return nil`, nil},
		{"it leaves out what goes on", `if a > 1 { a = 1 }; return nil`, nil},
		{"it leaves out a switch with a tag", `switch a { case 1: return ErrX }; return nil`, nil},
		{"it leaves out words that refuse nothing", `if a > 1 { return "more than one" }; return "one"`, nil},
		{"it leaves out an error that is not the check's", `if err := undo(); err != nil { return nil }; return nil`, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			found, err := guardsOf("x.go", []byte("package x\nfunc (s *Server) do() error {\n"+c.body+"\n}\n"))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, g := range found {
				file, rest, _ := strings.Cut(g.Key(), "\t")
				fn, cond, _ := strings.Cut(rest, "\t")
				if got = append(got, cond); file != "x.go" || fn != "Server.do" {
					t.Errorf("%q", g.Key())
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("it finds words with which a check refuses", func(t *testing.T) {
		found, err := guardsOf("x.go", []byte("package x\nfunc (a T[K]) check() string {\nif a.n > 1 { return \"too many, \" + a.n }\nreturn \"\"\n}\n"))
		if err != nil || len(found) != 1 || found[0].Func != "T.check" {
			t.Errorf("%v %v", found, err)
		}
	})
	t.Run("it refuses what is not Go", func(t *testing.T) {
		if _, err := guardsOf("x.go", []byte("package")); err == nil {
			t.Error("took it")
		}
	})
}

func TestTests(t *testing.T) {
	found, err := Tests("../..", "conformance/rules")
	if err != nil {
		t.Fatal(err)
	}
	if !found["TestTests"] || !found["TestRules"] || found["Tests"] {
		t.Errorf("it finds %v", found)
	}
}
