package site

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"ovenbird/internal/ovenbird"
)

// schemaOf names the schema of each file that has one.
var schemaOf = map[string]string{siteFile: "site", contentFile: "content"}

func compiled(t testing.TB, name string) *jsonschema.Schema {
	t.Helper()
	body, err := Schema(name)
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource(name, document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile(name)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// value turns a node into what a JSON Schema judges.
func value(n *node) any {
	switch n.kind {
	case listKind:
		list := []any{}
		for _, item := range n.items {
			list = append(list, value(item))
		}
		return list
	case mappingKind:
		members := map[string]any{}
		for _, e := range n.entries {
			members[e.key] = value(e.value)
		}
		return members
	case numberKind:
		return json.Number(n.text)
	case booleanKind:
		return n.text == "true"
	case textKind:
		return n.text
	default:
		return nil
	}
}

// accepts reports whether a schema accepts a YAML file; ok is false where it is not YAML.
func accepts(schema *jsonschema.Schema, source []byte) (accepted, ok bool) {
	p := &problems{}
	root := parseYAML(p, "file", source)
	if root == nil || len(p.list) > 0 {
		return false, false
	}
	return schema.Validate(value(root)) == nil, true
}

func TestSchemasAcceptWhatLoads(t *testing.T) {
	for file, name := range schemaOf {
		schema := compiled(t, name)
		sources := map[string][]byte{"small": small()[file].Data}
		for _, example := range []string{"toons", "netflix", "cms"} {
			sources[example] = read(t, filepath.Join("..", "..", "examples", example, file))
		}
		for where, source := range sources {
			if accepted, ok := accepts(schema, source); !accepted || !ok {
				t.Errorf("the schema %s refuses %s of %s", name, file, where)
			}
		}
	}
}

// TestSchemasRefuseTheWrongStructure lists the golden files whose mistake an
// editor that knows the schema underlines.
func TestSchemasRefuseTheWrongStructure(t *testing.T) {
	structural := map[string]string{
		"application-empty": contentFile, "application-names": contentFile, "application-values": contentFile, "catalog": contentFile,
		"countries": contentFile, "country-values": contentFile, "default-locale": contentFile, "document-paths": contentFile,
		"document-sizes": contentFile, "groups": contentFile, "ratings": contentFile, "schedule": contentFile, "shape-files": contentFile,
		"site-keys": siteFile, "site-values": siteFile, "sources": contentFile, "unknown-keys": contentFile,
	}
	for golden, file := range structural {
		archive, err := txtar.ParseFile("testdata/errors/" + golden + ".txtar")
		if err != nil {
			t.Fatal(err)
		}
		files, _ := patched(archive)
		if accepted, ok := accepts(compiled(t, schemaOf[file]), files[file].Data); accepted || !ok {
			t.Errorf("%s: the schema accepts %s", golden, file)
		}
	}
}

func TestSchemaOfNothing(t *testing.T) {
	if _, err := Schema("../../site"); ovenbird.CodeOf(err) != ovenbird.NotFound {
		t.Errorf("error = %v, want not_found", err)
	}
}
