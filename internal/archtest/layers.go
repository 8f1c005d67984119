package archtest

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

// layers is the house, from the ground up: a package imports from the rows below
// its own, never from beside or above. What a package in internal/ is called
// decides where it stands, and its subfolders stand with it. The programs in cmd
// and bench and the demo sites in examples stand on top of everything.
//
// docs/decisions/0002-layers.md says why the rows are what they are.
var layers = [][]string{
	// Know no domain.
	{"accesslog", "archtest", "bucket", "database", "engine", "keepalive", "lifecycle", "metric", "trace", "words"},
	// The words as types.
	{vocabulary},
	// What exists; what holds where and when; how a release lies in the bucket.
	// Who may see another country; where an address is; versions of stacks.
	{"backup", "catalog", "facts", "geoip", "ledger", "preview", "release", "stack"},
	// What a document contains; and, without that code, what it ought to contain.
	// Edits that wait; who is told of what happened; and how far that has spread.
	{"draft", "shape", "model", "spread", "webhook"},
	// What people write: configuration, feeds.
	{"site", "importer", "avails"},
	// The services.
	{"admin", "audit", "bake", "edge", "observe", "origin", "purge", "source", "storefront", "tree"},
}

// top are the folders that stand above all layers.
var top = []string{"cmd", "bench", "examples"}

// vocabulary is the package whose types all others speak in, and that imports
// nothing but the standard library.
const vocabulary = "ovenbird"

// level returns the row of a folder, counted from the ground, and whether it has one.
func level(dir string) (int, bool) {
	root, rest, _ := strings.Cut(dir, "/")
	if slices.Contains(top, root) {
		return len(layers), true
	}
	if root != "internal" {
		return 0, false
	}
	name, _, _ := strings.Cut(rest, "/")
	row := slices.IndexFunc(layers, func(row []string) bool { return slices.Contains(row, name) })
	return row, row >= 0
}

// family returns the folder that dir belongs to as a part: internal/bucket for
// internal/bucket/buckettest.
func family(dir string) string {
	parts := strings.SplitN(dir, "/", 3)
	return strings.Join(parts[:min(len(parts), 2)], "/")
}

// testOnly reports whether a package is there for tests: part of another, and
// named like buckettest.
func testOnly(dir string) bool {
	return dir != family(dir) && strings.HasSuffix(path.Base(dir), "test")
}

// checkLayers reports packages that no row names and imports that do not point down.
func checkLayers(p *pkg) []string {
	if _, known := level(p.dir); !known {
		return []string{fmt.Sprintf("%s: no layer has this package: put it in the table in internal/archtest/layers.go, "+
			"and say why in docs/decisions", p.dir)}
	}
	var wrong []string
	for _, s := range p.sources {
		for _, spec := range s.syntax.Imports {
			imported, ours := strings.CutPrefix(importPath(spec.Path.Value), modulePath+"/")
			if !ours {
				continue
			}
			if reason := refuseImport(p.dir, imported, s.test); reason != "" {
				wrong = append(wrong, p.at(spec.Pos(), "imports %s: %s", imported, reason))
			}
		}
	}
	return wrong
}

// refuseImport says why a file in the folder from, a test or not, may not import
// the folder to; "" when it may.
func refuseImport(from, to string, test bool) string {
	if testOnly(to) && !test && !testOnly(from) && !within(from, "bench") {
		return "a package whose name ends in test is for tests and programs that measure, and would end up in the program"
	}
	if family(from) == family(to) {
		return ""
	}
	above, _ := level(from)
	below, known := level(to)
	switch {
	case !known:
		return "no layer has it: see internal/archtest/layers.go"
	case family(from) == "internal/"+vocabulary:
		return "the vocabulary imports only the standard library"
	case below == above && test && above < len(layers):
		// A test may bring in its neighbor: the real thing rather than a fake.
		return ""
	case below == above:
		return "packages of one layer do not import each other: declare a small interface in deps.go and let cmd/ovenbird connect them"
	case below > above:
		return "imports point to lower layers only: declare a small interface in deps.go"
	}
	return ""
}

// importPath takes the quotes off an import's path, which the parser has checked.
func importPath(literal string) string {
	unquoted, err := strconv.Unquote(literal)
	if err != nil {
		return literal
	}
	return unquoted
}
