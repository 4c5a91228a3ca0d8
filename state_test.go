package mydata_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// libraries are what strangers build on: they hold no state but what their caller
// makes.
const libraries = "pkg/credential pkg/credential/... pkg/did pkg/dpop pkg/fetch"

// tables are the variables of libraries that are written once, where they are
// declared, and read from then on; and the room that is used again, in which nothing
// is left. Sentinels (errors.New) need no line.
var tables = map[string]string{
	"pkg/credential/openid4vp.answerElsewhere":   "response modes that are refused by name",
	"pkg/credential/openid4vp.contentEncryption": "algorithms that are opened",
	"pkg/credential/openid4vp.unspoken":          "prefixes that are refused by name",
	"pkg/credential/sdjwt.b64":                   "an encoding",
	"pkg/credential/sdjwt.builders":              "room to write in, emptied each time",
	"pkg/credential/sdjwt.undisclosable":         "claims that stay in the clear",
	"pkg/did.codecP256":                          "a prefix of bytes",
	"pkg/credential/statuslist.cborIn":           "how CBOR is read",
	"pkg/credential/statuslist.cborOut":          "how CBOR is written",
	"pkg/did.codecEd25519":                       "a prefix of bytes",
	"pkg/dpop.es256":                             "the algorithm of a policy that names none",
}

//clause:trust libraries hold no state and do nothing by being imported
func TestLibrariesHoldNoState(t *testing.T) {
	for _, p := range ours(t) {
		at := folder(p.ImportPath)
		if !in(at, libraries) {
			continue
		}
		var trees []*ast.File
		set := token.NewFileSet()
		for _, name := range p.GoFiles {
			tree, err := parser.ParseFile(set, filepath.Join(p.Dir, name), nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			trees = append(trees, tree)
		}
		for _, name := range variables(trees) {
			if _, ok := tables[at+"."+name]; !ok {
				t.Errorf("%s.%s: a library has no variables of its own: make it a constant, a sentinel, or a field", at, name)
			}
			for _, where := range written(trees, name) {
				t.Errorf("%s: %s.%s is written to: a table is made once", set.Position(where), at, name)
			}
		}
		for _, tree := range trees {
			for _, decl := range tree.Decls {
				if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
					t.Errorf("%s: a library does nothing by being imported", set.Position(f.Pos()))
				}
			}
		}
	}
}

// variables are those at the top of the files that are neither sentinels nor
// embedded files.
func variables(trees []*ast.File) []string {
	var names []string
	for _, tree := range trees {
		for _, decl := range tree.Decls {
			g, ok := decl.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR || embeds(g.Doc) {
				continue
			}
			for _, spec := range g.Specs {
				v := spec.(*ast.ValueSpec)
				for i, name := range v.Names {
					if name.Name != "_" && (i >= len(v.Values) || !sentinel(v.Values[i])) {
						names = append(names, name.Name)
					}
				}
			}
		}
	}
	return names
}

func sentinel(value ast.Expr) bool {
	call, ok := value.(*ast.CallExpr)
	if !ok {
		return false
	}
	fun, ok := call.Fun.(*ast.SelectorExpr)
	return ok && fun.Sel.Name == "New" && base(fun.X) == "errors"
}

// base is the name at the root of a[i].b.
func base(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.IndexExpr:
		return base(e.X)
	case *ast.SelectorExpr:
		return base(e.X)
	case *ast.StarExpr:
		return base(e.X)
	}
	return ""
}

// written are the places where a name is assigned to, or its address is taken.
func written(trees []*ast.File, name string) []token.Pos {
	var places []token.Pos
	for _, tree := range trees {
		ast.Inspect(tree, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				if n.Tok != token.DEFINE && slices.ContainsFunc(n.Lhs, func(e ast.Expr) bool { return base(e) == name }) {
					places = append(places, n.Pos())
				}
			case *ast.IncDecStmt:
				if base(n.X) == name {
					places = append(places, n.Pos())
				}
			case *ast.UnaryExpr:
				if n.Op == token.AND && base(n.X) == name {
					places = append(places, n.Pos())
				}
			case *ast.CallExpr:
				if f, ok := n.Fun.(*ast.Ident); ok && (f.Name == "delete" || f.Name == "clear") && base(n.Args[0]) == name {
					places = append(places, n.Pos())
				}
			}
			return true
		})
	}
	return places
}

func embeds(doc *ast.CommentGroup) bool {
	return doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") })
}
