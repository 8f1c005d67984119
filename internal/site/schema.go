package site

import (
	"embed"

	"ovenbird/internal/ovenbird"
)

//go:embed schemas/*.schema.json
var schemas embed.FS

// SchemaNames lists what has a JSON Schema: site for site.yaml, and the name of a
// kind for the stack.yaml of its stacks.
func SchemaNames() []string { return []string{"site", "content", "permanent"} }

// Schema returns the JSON Schema (2020-12) of one of SchemaNames.
func Schema(name string) ([]byte, error) {
	body, err := schemas.ReadFile("schemas/" + name + ".schema.json")
	if err != nil {
		return nil, ovenbird.Errorf(ovenbird.NotFound, "no schema %q; %s", name, suggest(name, SchemaNames()))
	}
	return body, nil
}
