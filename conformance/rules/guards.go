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
		if refuses(n.Body.List) {
			f.add(n.Cond)
		}
	case *ast.SwitchStmt:
		if n.Tag != nil {
			return true
		}
		for _, each := range n.Body.List {
			if c := each.(*ast.CaseClause); len(c.List) == 1 && refuses(c.Body) {
				f.add(c.List[0])
			}
		}
	}
	return true
}

func (f *finder) add(cond ast.Expr) {
	var text bytes.Buffer
	if err := printer.Fprint(&text, token.NewFileSet(), cond); err != nil {
		f.err = err
		return
	}
	line := strings.Join(strings.Fields(text.String()), " ")
	if f.seen[line]++; f.seen[line] > 1 {
		line = fmt.Sprintf("%s #%d", line, f.seen[line])
	}
	f.found = append(f.found, Guard{
		File: f.file, Func: f.fn, Cond: line,
		from: f.set.Position(cond.Pos()).Offset, to: f.set.Position(cond.End()).Offset,
	})
}

// refuses tells whether statements end with an error of their own making: not
// one that is only handed on, whose guard is where it was made.
func refuses(body []ast.Stmt) bool {
	if len(body) == 0 {
		return false
	}
	switch last := body[len(body)-1].(type) {
	case *ast.ReturnStmt:
		return len(last.Results) > 0 && made(last.Results[len(last.Results)-1])
	case *ast.AssignStmt:
		left, ok := last.Lhs[0].(*ast.Ident)
		return ok && len(last.Rhs) == 1 && strings.HasSuffix(strings.ToLower(left.Name), "err") && made(last.Rhs[0])
	}
	return false
}

// made tells whether an expression is an error made here: a sentinel, a literal,
// or a call whose name says so.
func made(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return strings.HasPrefix(e.Name, "Err") || strings.HasPrefix(e.Name, "err") && e.Name != "err"
	case *ast.SelectorExpr:
		return strings.HasPrefix(e.Sel.Name, "Err")
	case *ast.UnaryExpr:
		_, literal := e.X.(*ast.CompositeLit)
		return e.Op == token.AND && literal
	case *ast.CallExpr:
		return !wraps(e) && maker(e.Fun)
	}
	return false
}

// maker tells whether a call makes errors, by the names that the house uses.
func maker(fun ast.Expr) bool {
	var text string
	switch f := fun.(type) {
	case *ast.Ident:
		text = f.Name
	case *ast.SelectorExpr:
		text = f.Sel.Name
		if x, ok := f.X.(*ast.Ident); ok && (x.Name == "errors" && text == "New" || x.Name == "fmt" && text == "Errorf") {
			return true
		}
	default:
		return false
	}
	text = strings.ToLower(text)
	for _, word := range []string{"refus", "invalid", "fail", "wrong", "malformed", "reject", "problem", "error"} {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}

// wraps tells whether a call only adds words to an error that it is given.
func wraps(call *ast.CallExpr) bool {
	for _, arg := range call.Args {
		if id, ok := arg.(*ast.Ident); ok && id.Name == "err" {
			return true
		}
	}
	return false
}
