package archtest

import (
	"fmt"
	"go/ast"
	"path"
	"slices"
	"strings"
)

// What is longer than these hides what it does, and comes apart more easily than it seems.
const (
	maxFileLines     = 600
	maxFunctionLines = 70
	maxDepsMethods   = 5
)

// vague lists names that say nothing about what a package is for, so that
// everything ends up in it.
var vague = []string{"util", "utils", "common", "helper", "helpers", "types", "models", "core", "shared", "misc", "defs", "base", "lib"}

// checkNames reports packages with names that say nothing.
func checkNames(p *pkg) []string {
	var wrong []string
	if base := path.Base(p.dir); slices.Contains(vague, base) {
		wrong = append(wrong, fmt.Sprintf("%s: %q says nothing: name the folder for what it is about", p.dir, base))
	}
	for _, s := range p.sources {
		name := strings.TrimSuffix(s.syntax.Name.Name, "_test")
		if slices.Contains(vague, name) {
			wrong = append(wrong, p.at(s.syntax.Name.Pos(), "package %s says nothing: name it for what it is about", name))
		}
	}
	return wrong
}

// checkSize reports files and functions that are too long.
func checkSize(p *pkg) []string {
	var wrong []string
	for s := range p.handwritten {
		if lines := p.fset.File(s.syntax.Pos()).LineCount(); lines > maxFileLines {
			wrong = append(wrong, fmt.Sprintf("%s: has %d lines, %d are allowed: split it by what its parts are about",
				s.path, lines, maxFileLines))
		}
		for node := range ast.Preorder(s.syntax) {
			name, ok := functionName(node)
			if !ok {
				continue
			}
			if lines := p.fset.Position(node.End()).Line - p.fset.Position(node.Pos()).Line + 1; lines > maxFunctionLines {
				wrong = append(wrong, p.at(node.Pos(), "%s has %d lines, %d are allowed: give its steps names",
					name, lines, maxFunctionLines))
			}
		}
	}
	return wrong
}

// functionName returns what to call a function, and whether node is one.
func functionName(node ast.Node) (name string, ok bool) {
	switch n := node.(type) {
	case *ast.FuncDecl:
		return n.Name.Name, true
	case *ast.FuncLit:
		return "a function literal", true
	default:
		return "", false
	}
}

// checkDeps reports interfaces in deps.go, where a package says what it needs of
// others, that ask for too much or that others could come to depend on.
func checkDeps(p *pkg) []string {
	var wrong []string
	for s := range p.handwritten {
		if path.Base(s.path) != "deps.go" {
			continue
		}
		for node := range ast.Preorder(s.syntax) {
			spec, ok := node.(*ast.TypeSpec)
			if !ok {
				continue
			}
			if declared, ok := spec.Type.(*ast.InterfaceType); ok {
				wrong = append(wrong, refuseInterface(p, spec, declared)...)
			}
		}
	}
	return wrong
}

// refuseInterface says what is wrong with one interface of a deps.go.
func refuseInterface(p *pkg, spec *ast.TypeSpec, declared *ast.InterfaceType) []string {
	var wrong []string
	if spec.Name.IsExported() {
		wrong = append(wrong, p.at(spec.Pos(), "interface %s belongs to this package alone: do not export it", spec.Name.Name))
	}
	methods := 0
	for _, field := range declared.Methods.List {
		methods += len(field.Names)
		if len(field.Names) == 0 {
			wrong = append(wrong, p.at(field.Pos(), "interface %s embeds another: list the methods it needs", spec.Name.Name))
		}
	}
	if methods > maxDepsMethods {
		wrong = append(wrong, p.at(spec.Pos(), "interface %s has %d methods, %d are allowed: ask for less",
			spec.Name.Name, methods, maxDepsMethods))
	}
	return wrong
}

// checkGetters reports exported functions and methods that only get: in Go the
// name of what they return is enough.
func checkGetters(p *pkg) []string {
	var wrong []string
	for s := range p.handwritten {
		for _, decl := range s.syntax.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || f.Type.Params.NumFields() > 0 {
				continue
			}
			rest, get := strings.CutPrefix(f.Name.Name, "Get")
			if get && (rest == "" || ast.IsExported(rest)) {
				wrong = append(wrong, p.at(f.Pos(), "%s gets: name it for what it returns", f.Name.Name))
			}
		}
	}
	return wrong
}
