package archtest

import (
	"go/ast"
	"go/token"
	"strings"
)

// obvious lists the methods that need no comment: interfaces of the standard
// library say what they do.
var obvious = map[string]bool{
	"Error": true, "String": true, "Unwrap": true, "Is": true, "As": true,
	"Len": true, "Less": true, "Swap": true,
	"Read": true, "Write": true, "Close": true, "ServeHTTP": true,
	"MarshalJSON": true, "UnmarshalJSON": true, "MarshalText": true, "UnmarshalText": true,
}

// checkDocs reports packages and exported names without a doc comment.
func checkDocs(p *pkg) []string {
	var wrong []string
	if lacksPackageDoc(p) {
		wrong = append(wrong, p.dir+": the package has no comment that begins with \"Package\" or \"Command\" and its name")
	}
	for s := range p.handwritten {
		for _, decl := range s.syntax.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if undocumentedFunc(d) {
					wrong = append(wrong, p.at(d.Pos(), "%s has no doc comment", d.Name.Name))
				}
			case *ast.GenDecl:
				wrong = append(wrong, undocumentedSpecs(p, d)...)
			}
		}
	}
	return wrong
}

// lacksPackageDoc reports whether no file of p says what the package is. Folders
// with tests alone have nothing to say.
func lacksPackageDoc(p *pkg) bool {
	files := 0
	for s := range p.code {
		files++
		name := s.syntax.Name.Name
		begin := "Package " + name + " "
		if name == "main" {
			begin = "Command "
		}
		if s.syntax.Doc != nil && strings.HasPrefix(s.syntax.Doc.Text(), begin) {
			return false
		}
	}
	return files > 0
}

// undocumentedFunc reports whether a function, or a method of an exported type,
// is exported and has no comment.
func undocumentedFunc(d *ast.FuncDecl) bool {
	if !d.Name.IsExported() || d.Doc.Text() != "" {
		return false
	}
	if d.Recv == nil {
		return true
	}
	return !obvious[d.Name.Name] && ast.IsExported(receiver(d))
}

// receiver returns the name of the type that a method belongs to.
func receiver(d *ast.FuncDecl) string {
	expr := d.Recv.List[0].Type
	for {
		switch e := expr.(type) {
		case *ast.StarExpr:
			expr = e.X
		case *ast.IndexExpr:
			expr = e.X
		case *ast.IndexListExpr:
			expr = e.X
		case *ast.Ident:
			return e.Name
		default:
			return ""
		}
	}
}

// undocumentedSpecs reports the exported types, constants and variables of a
// declaration that have no comment: their own, one on the line, or their group's.
func undocumentedSpecs(p *pkg, d *ast.GenDecl) []string {
	var wrong []string
	report := func(name *ast.Ident, comments ...*ast.CommentGroup) {
		if !name.IsExported() {
			return
		}
		for _, c := range comments {
			if c.Text() != "" {
				return
			}
		}
		wrong = append(wrong, p.at(name.Pos(), "%s has no doc comment", name.Name))
	}
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			// A group's comment does not say what each of its types is.
			if d.Lparen == token.NoPos {
				report(s.Name, s.Doc, d.Doc)
			} else {
				report(s.Name, s.Doc)
			}
		case *ast.ValueSpec:
			for _, name := range s.Names {
				report(name, s.Doc, s.Comment, d.Doc)
			}
		}
	}
	return wrong
}
