package rules

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// A Guard is a condition under which a function refuses.
type Guard struct {
	File string // from the module's root
	Func string // with its receiver's type
	Cond string // in one line; " #2" for the second of its kind in the function
	from int    // of the condition, in bytes
	to   int
	must bool // it refuses unless the condition holds
}

// Key names a guard in docs/rules.txt.
func (g Guard) Key() string { return g.File + "\t" + g.Func + "\t" + g.Cond }

// Guards of a folder's sources, tests left out, in their order.
func Guards(root, folder string) ([]Guard, error) {
	names, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
	if err != nil {
		return nil, err
	}
	sort.Strings(names)
	var all []Guard
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		source, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		found, err := guardsOf(folder+"/"+filepath.Base(name), source)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

func guardsOf(file string, source []byte) ([]Guard, error) {
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, file, source, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	f := finder{file: file, set: set}
	for _, d := range parsed.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
			f.fn, f.seen = name(fn), map[string]int{}
			ast.Inspect(fn.Body, f.visit)
		}
	}
	return f.found, f.err
}

// Tests that a folder's test files declare, by name.
func Tests(root, folder string) (map[string]bool, error) {
	names, err := filepath.Glob(filepath.Join(root, folder, "*_test.go"))
	if err != nil {
		return nil, err
	}
	found := map[string]bool{}
	for _, name := range names {
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, d := range parsed.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Test") {
				found[fn.Name.Name] = true
			}
		}
	}
	return found, nil
}

// name of a function, as T.Method for a method.
func name(fn *ast.FuncDecl) string {
	if fn.Recv == nil {
		return fn.Name.Name
	}
	of := fn.Recv.List[0].Type
	if star, ok := of.(*ast.StarExpr); ok {
		of = star.X
	}
	if generic, ok := of.(*ast.IndexExpr); ok {
		of = generic.X
	}
	return fmt.Sprintf("%s.%s", of, fn.Name.Name)
}

type finder struct {
	file  string
	fn    string
	set   *token.FileSet
	seen  map[string]int
	found []Guard
	err   error
}

func (f *finder) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.IfStmt:
		if f.refuses(n.Body.List) {
			f.add(nil, n.Cond)
		} else if asks(n) {
			f.add(n.Init, n.Cond)
		}
	case *ast.RangeStmt:
		f.rows(n)
	case *ast.SwitchStmt:
		if n.Tag != nil {
			return true
		}
		for _, each := range n.Body.List {
			if c := each.(*ast.CaseClause); f.refuses(c.Body) {
				for _, cond := range c.List {
					f.add(nil, cond)
				}
			}
		}
	}
	return true
}

// add a condition, with the call whose answer it is, if that is what names it.
func (f *finder) add(call ast.Stmt, cond ast.Expr) {
	line := f.text(cond)
	if call != nil {
		line = f.text(call) + "; " + line
	}
	if f.seen[line]++; f.seen[line] > 1 {
		line = fmt.Sprintf("%s #%d", line, f.seen[line])
	}
	f.found = append(f.found, Guard{
		File: f.file, Func: f.fn, Cond: line,
		from: f.set.Position(cond.Pos()).Offset, to: f.set.Position(cond.End()).Offset,
	})
}

func (f *finder) text(n ast.Node) string {
	var text bytes.Buffer
	if err := printer.Fprint(&text, token.NewFileSet(), n); err != nil {
		f.err = err
	}
	return strings.Join(strings.Fields(text.String()), " ")
}
