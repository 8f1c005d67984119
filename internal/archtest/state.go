package archtest

import (
	"errors"
	"go/ast"
	"go/token"
	"go/types"
	"strings"
)

// builders are the calls whose results a package may keep in a variable: values
// that nobody can change afterwards. Names that begin with Must count as well,
// and so do functions of the package itself, which build its tables.
var builders = map[string]bool{
	"errors.New": true, "fmt.Errorf": true, "ovenbird.Errorf": true, "ovenbird.ErrorAt": true,
	"sync.OnceValue": true, "sync.OnceValues": true,
	"strings.NewReplacer": true, "crc32.MakeTable": true, "time.Date": true, "reflect.TypeFor": true,
	"json.JoinOptions": true,
}

// checkState reports init functions, and package-level variables that change or
// could: a package holds tables, patterns and error values, and no state.
func checkState(p *pkg) []string {
	var wrong []string
	for _, s := range p.sources {
		for _, decl := range s.syntax.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				wrong = append(wrong, p.at(f.Pos(), "func init runs behind everybody's back: call it from where it is needed"))
			}
		}
	}
	for s := range p.handwritten {
		for _, decl := range s.syntax.Decls {
			if d, ok := decl.(*ast.GenDecl); ok && d.Tok == token.VAR {
				wrong = append(wrong, mutableSpecs(p, d)...)
			}
		}
	}
	return append(wrong, assignments(p)...)
}

// mutableSpecs reports the variables of a package-level declaration whose values
// are not made to stay.
func mutableSpecs(p *pkg, d *ast.GenDecl) []string {
	var wrong []string
	for _, spec := range d.Specs {
		s, ok := spec.(*ast.ValueSpec)
		if !ok || embeds(d, s) {
			continue
		}
		for i, name := range s.Names {
			if name.Name == "_" {
				continue
			}
			var value ast.Expr
			if len(s.Values) > 0 {
				value = s.Values[min(i, len(s.Values)-1)]
			}
			if !lasting(value) {
				wrong = append(wrong, p.at(name.Pos(),
					"package variable %s can change: make it a constant, a table, or a field of what uses it", name.Name))
			}
		}
	}
	return wrong
}

// embeds reports whether a variable is filled by the compiler from files.
func embeds(d *ast.GenDecl, s *ast.ValueSpec) bool {
	for _, group := range []*ast.CommentGroup{d.Doc, s.Doc} {
		if group == nil {
			continue
		}
		for _, comment := range group.List {
			if strings.HasPrefix(comment.Text, "//go:embed ") {
				return true
			}
		}
	}
	return false
}

// lasting reports whether an expression makes a value that a package may keep.
func lasting(value ast.Expr) bool {
	switch v := value.(type) {
	case *ast.CompositeLit:
		return !synchronizes(v.Type)
	case *ast.UnaryExpr:
		literal, ok := v.X.(*ast.CompositeLit)
		return ok && !synchronizes(literal.Type)
	case *ast.CallExpr:
		return builds(v.Fun)
	default:
		return false
	}
}

// synchronizes reports whether a type is a lock or an atomic, which exist to change.
func synchronizes(typ ast.Expr) bool {
	selector, ok := typ.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	name, ok := selector.X.(*ast.Ident)
	return ok && (name.Name == "sync" || name.Name == "atomic")
}

// builds reports whether calling fun makes a value that a package may keep.
func builds(fun ast.Expr) bool {
	switch f := fun.(type) {
	case *ast.FuncLit, *ast.ArrayType:
		return true
	case *ast.IndexExpr:
		return builds(f.X)
	case *ast.Ident:
		return f.Name != "make" && f.Name != "new"
	case *ast.SelectorExpr:
		x, ok := f.X.(*ast.Ident)
		return ok && (strings.HasPrefix(f.Sel.Name, "Must") || builders[x.Name+"."+f.Sel.Name])
	default:
		return false
	}
}

// assignments reports where functions of p, tests included, write to its
// package-level variables.
func assignments(p *pkg) []string {
	files := make([]*ast.File, 0, len(p.sources))
	for _, s := range p.sources {
		if !strings.HasSuffix(s.syntax.Name.Name, "_test") {
			files = append(files, s.syntax)
		}
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: noImporter{}, Error: func(error) {}}
	// Nothing is imported, so there are errors; what names mean inside the
	// package is known all the same.
	checked, _ := config.Check(p.dir, p.fset, files, info)

	var wrong []string
	for _, file := range files {
		for node := range ast.Preorder(file) {
			for _, target := range targets(node) {
				name := rootName(target)
				if name == nil {
					continue
				}
				v, ok := info.Uses[name].(*types.Var)
				if ok && v.Parent() == checked.Scope() && declaredInCode(p, v) {
					wrong = append(wrong, p.at(name.Pos(), "writes to package variable %s: keep what changes in a struct", name.Name))
				}
			}
		}
	}
	return wrong
}

// declaredInCode reports whether a variable belongs to the program: tests may
// keep variables of their own.
func declaredInCode(p *pkg, v *types.Var) bool {
	return !strings.HasSuffix(p.fset.Position(v.Pos()).Filename, "_test.go")
}

// targets returns the expressions that a statement or call writes to.
func targets(node ast.Node) []ast.Expr {
	switch n := node.(type) {
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			return n.Lhs
		}
	case *ast.IncDecStmt:
		return []ast.Expr{n.X}
	case *ast.RangeStmt:
		if n.Tok == token.ASSIGN {
			return []ast.Expr{n.Key, n.Value}
		}
	case *ast.CallExpr:
		if f, ok := n.Fun.(*ast.Ident); ok && len(n.Args) > 0 && (f.Name == "delete" || f.Name == "clear" || f.Name == "copy") {
			return n.Args[:1]
		}
	}
	return nil
}

// rootName returns the variable at the root of an expression such as x.f[i], or nil.
func rootName(expr ast.Expr) *ast.Ident {
	for {
		switch e := expr.(type) {
		case *ast.Ident:
			return e
		case *ast.ParenExpr:
			expr = e.X
		case *ast.StarExpr:
			expr = e.X
		case *ast.IndexExpr:
			expr = e.X
		case *ast.SliceExpr:
			expr = e.X
		case *ast.SelectorExpr:
			expr = e.X
		default:
			return nil
		}
	}
}

// noImporter refuses every import: the rules look at one package at a time.
type noImporter struct{}

// Import implements types.Importer.
func (noImporter) Import(string) (*types.Package, error) {
	return nil, errors.New("imports are not followed")
}
