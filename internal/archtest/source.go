package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// modulePath is this module's name, as go.mod has it.
const modulePath = "ovenbird"

// source is one parsed Go file.
type source struct {
	path      string // from the root of the module, with slashes
	test      bool   // compiled by go test only
	generated bool   // carries the standard "Code generated" marker
	syntax    *ast.File
}

// pkg is one folder of Go files: a package, with its external tests if it has some.
type pkg struct {
	dir     string // from the root of the module, with slashes
	fset    *token.FileSet
	sources []source
	module  []*pkg // all packages, this one among them
}

// code yields the files that end up in a program.
func (p *pkg) code(yield func(source) bool) {
	for _, s := range p.sources {
		if !s.test && !yield(s) {
			return
		}
	}
}

// handwritten yields the files of code that people wrote and maintain.
func (p *pkg) handwritten(yield func(source) bool) {
	for s := range p.code {
		if !s.generated && !yield(s) {
			return
		}
	}
}

// at says that something is wrong at a position.
func (p *pkg) at(pos token.Pos, format string, args ...any) string {
	place := p.fset.Position(pos)
	return fmt.Sprintf("%s:%d: ", place.Filename, place.Line) + fmt.Sprintf(format, args...)
}

// load parses every Go file of a module, whatever its build constraints, and
// returns its packages ordered by folder.
func load(module fs.FS) ([]*pkg, error) {
	byDir := map[string]*pkg{}
	err := fs.WalkDir(module, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if ignored(name) {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		p := byDir[path.Dir(name)]
		if p == nil {
			p = &pkg{dir: path.Dir(name), fset: token.NewFileSet()}
			byDir[p.dir] = p
		}
		return p.add(module, name)
	})
	if err != nil {
		return nil, fmt.Errorf("load the module: %w", err)
	}
	packages := make([]*pkg, 0, len(byDir))
	for _, p := range byDir {
		packages = append(packages, p)
	}
	slices.SortFunc(packages, func(a, b *pkg) int { return strings.Compare(a.dir, b.dir) })
	for _, p := range packages {
		p.module = packages
	}
	return packages, nil
}

// ignored reports whether the go command passes over a folder, or a build made it.
func ignored(dir string) bool {
	base := path.Base(dir)
	return dir != "." && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") ||
		base == "testdata" || base == "node_modules" || dir == "bin")
}

// add parses one file into p.
func (p *pkg) add(module fs.FS, name string) error {
	content, err := fs.ReadFile(module, name)
	if err != nil {
		return err
	}
	syntax, err := parser.ParseFile(p.fset, name, content, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	p.sources = append(p.sources, source{
		path:      name,
		test:      strings.HasSuffix(name, "_test.go"),
		generated: ast.IsGenerated(syntax),
		syntax:    syntax,
	})
	return nil
}
