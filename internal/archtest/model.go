package archtest

import (
	"go/ast"
	"path"
	"slices"
	"strings"
)

// model is the folder of the independent model. What it says is held against what
// the bake made, which proves something only while the two have no code in common.
const model = "internal/model"

// judge is the folder of the audit, which asks the model about releases.
const judge = "internal/audit"

// plain are the functions of the vocabulary that the model may call: they make
// errors. Its other functions decide something, and the model decides for itself.
var plain = []string{"Errorf", "ErrorAt"}

// everyday are methods so common that their name says nothing about whose they are.
var everyday = []string{"Error", "Unwrap", "String", "Len"}

// checkModel reports code that the model shares with what it judges: imports of
// ours but the vocabulary, calls of the vocabulary's functions and methods; and,
// the other way round, packages beside the programs that build on the model.
func checkModel(p *pkg) []string {
	var wrong []string
	for s := range p.code {
		for _, spec := range s.syntax.Imports {
			imported, ours := strings.CutPrefix(importPath(spec.Path.Value), modulePath+"/")
			switch {
			case !ours:
			case p.dir == model && imported != "internal/"+vocabulary:
				wrong = append(wrong, p.at(spec.Pos(), "imports %s: the model shares no code with what it judges", imported))
			case p.dir != model && p.dir != judge && imported == model && strings.HasPrefix(p.dir, "internal/"):
				wrong = append(wrong, p.at(spec.Pos(), "imports %s: what the model judges must not be built on it", imported))
			}
		}
		if p.dir == model {
			wrong = append(wrong, decidedElsewhere(p, s)...)
		}
	}
	return wrong
}

// decidedElsewhere reports calls of the vocabulary's functions and methods.
func decidedElsewhere(p *pkg, s source) []string {
	functions, methods := vocabularyCode(p.module)
	var packages []string
	for _, spec := range s.syntax.Imports {
		packages = append(packages, path.Base(importPath(spec.Path.Value)))
	}
	var wrong []string
	for node := range ast.Preorder(s.syntax) {
		call, ok := node.(*ast.CallExpr)
		if !ok {
			continue
		}
		selector, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			continue
		}
		name := selector.Sel.Name
		of, isName := selector.X.(*ast.Ident)
		switch {
		case isName && of.Name == vocabulary && slices.Contains(functions, name),
			(!isName || !slices.Contains(packages, of.Name)) && slices.Contains(methods, name):
			wrong = append(wrong, p.at(call.Pos(), "calls %s of the vocabulary: the model takes its data and decides for itself", name))
		}
	}
	return wrong
}

// vocabularyCode lists the vocabulary's functions and methods, without those that
// the model may use.
func vocabularyCode(module []*pkg) (functions, methods []string) {
	for _, p := range module {
		if p.dir != "internal/"+vocabulary {
			continue
		}
		for s := range p.code {
			for _, decl := range s.syntax.Decls {
				f, ok := decl.(*ast.FuncDecl)
				switch {
				case !ok:
				case f.Recv == nil && !slices.Contains(plain, f.Name.Name):
					functions = append(functions, f.Name.Name)
				case f.Recv != nil && !slices.Contains(everyday, f.Name.Name):
					methods = append(methods, f.Name.Name)
				}
			}
		}
	}
	return functions, methods
}
