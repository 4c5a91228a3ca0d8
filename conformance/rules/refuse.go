package rules

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// refuses tells whether statements end with an error of their own making: not
// one that is only handed on, whose guard is where it was made.
func (f *finder) refuses(body []ast.Stmt) bool {
	if len(body) == 0 {
		return false
	}
	switch last := body[len(body)-1].(type) {
	case *ast.ExprStmt: // noted, in a report
		call, ok := last.X.(*ast.CallExpr)
		return ok && slices.ContainsFunc(call.Args, made)
	case *ast.ReturnStmt:
		if len(last.Results) == 0 {
			return f.refuses(body[:len(body)-1])
		}
		return len(last.Results) > 0 && (made(last.Results[len(last.Results)-1]) || f.says(last.Results))
	case *ast.AssignStmt:
		left, ok := last.Lhs[0].(*ast.Ident)
		return ok && len(last.Rhs) == 1 && strings.HasSuffix(strings.ToLower(left.Name), "err") && made(last.Rhs[0])
	}
	return false
}

// says tells whether a function named check answers with the words of a refusal.
func (f *finder) says(results []ast.Expr) bool {
	if len(results) != 1 || !strings.HasSuffix(f.fn, ".check") {
		return false
	}
	words := results[0]
	if sum, ok := words.(*ast.BinaryExpr); ok {
		words = sum.X
	}
	text, ok := words.(*ast.BasicLit)
	return ok && text.Kind == token.STRING && text.Value != `""`
}

// asks tells whether an if makes a check and hands its refusal on: the rule is
// then that it is asked here. What answers with a value besides is left out; the
// value is missed where it is used.
func asks(n *ast.IfStmt) bool {
	call, ok := n.Init.(*ast.AssignStmt)
	if !ok || len(n.Body.List) == 0 {
		return false
	}
	values, last := call.Lhs[:len(call.Lhs)-1], call.Lhs[len(call.Lhs)-1]
	if slices.ContainsFunc(values, named) {
		return false
	}
	refusal, ok := last.(*ast.Ident)
	cond, compared := n.Cond.(*ast.BinaryExpr)
	if !ok || !compared || cond.Op != token.NEQ {
		return false
	}
	asked, ok := cond.X.(*ast.Ident)
	if !ok || asked.Name != refusal.Name {
		return false
	}
	handed, ok := n.Body.List[len(n.Body.List)-1].(*ast.ReturnStmt)
	return ok && len(handed.Results) > 0 && mentions(handed.Results[len(handed.Results)-1], refusal.Name)
}

func named(e ast.Expr) bool {
	id, ok := e.(*ast.Ident)
	return !ok || id.Name != "_"
}

func mentions(e ast.Expr, name string) (found bool) {
	ast.Inspect(e, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		found = found || ok && id.Name == name
		return !found
	})
	return found
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
	for _, word := range []string{"refus", "invalid", "fail", "wrong", "malformed", "reject", "problem", "error", "bad"} {
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
