package site

import (
	"embed"

	"ovenbird/internal/ovenbird"
)

//go:embed schemas/*.schema.json
var schemas embed.FS

// SchemaNames lists the files of a site that have a JSON Schema: site for
// site.yaml, content for content/stack.yaml.
func SchemaNames() []string { return []string{"site", "content"} }

// Schema returns the JSON Schema (2020-12) of one of SchemaNames.
func Schema(name string) ([]byte, error) {
	body, err := schemas.ReadFile("schemas/" + name + ".schema.json")
	if err != nil {
		return nil, ovenbird.Errorf(ovenbird.NotFound, "no schema %q; %s", name, suggest(name, SchemaNames()))
	}
	return body, nil
}
