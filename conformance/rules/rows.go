package rules

import (
	"go/ast"
	"go/token"
)

// rows of a table over which a loop refuses: a map whose values are conditions,
// or structs that end with one, as in `if !row.holds`.
func (f *finder) rows(loop *ast.RangeStmt) {
	table, ok := loop.X.(*ast.CompositeLit)
	row, named := loop.Value.(*ast.Ident)
	if !ok || !named {
		return
	}
	for _, each := range loop.Body.List {
		if guard, ok := each.(*ast.IfStmt); !ok || !f.refuses(guard.Body.List) {
			continue
		} else if over, must := isRow(guard.Cond, row.Name); over {
			for _, cell := range table.Elts {
				f.add(nil, condOf(cell))
				f.found[len(f.found)-1].must = must
			}
			return
		}
	}
}

// isRow tells whether a condition is a row itself, or that its field is false.
func isRow(cond ast.Expr, row string) (over, must bool) {
	if not, ok := cond.(*ast.UnaryExpr); ok && not.Op == token.NOT {
		cond, must = not.X, true
	}
	if field, ok := cond.(*ast.SelectorExpr); ok && must {
		cond = field.X
	}
	id, ok := cond.(*ast.Ident)
	return ok && id.Name == row, must
}

// condOf is the condition of a row.
func condOf(cell ast.Expr) ast.Expr {
	if pair, ok := cell.(*ast.KeyValueExpr); ok {
		cell = pair.Value
	}
	if row, ok := cell.(*ast.CompositeLit); ok && len(row.Elts) > 0 {
		return condOf(row.Elts[len(row.Elts)-1])
	}
	return cell
}
