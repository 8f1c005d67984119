package shape

import (
	"strings"
	"testing"

	"ovenbird/internal/ovenbird"
)

func TestTemplatesKnowTheirKeyAndExpand(t *testing.T) {
	keys := Keys{Title: "t1", Collection: "c1", Page: 2, Prefix: "el"}
	for _, test := range []struct {
		path     string
		key      Key
		expanded string
	}{
		{"home.json", Unkeyed, "home.json"},
		{"titles/{title}.json", ByTitle, "titles/t1.json"},
		{"titles/{title}/seasons.json", ByTitle, "titles/t1/seasons.json"},
		{"collections/{collection}.json", ByCollection, "collections/c1.json"},
		{"collections/{collection}/{page}.json", ByPage, "collections/c1/2.json"},
		{"rails/{page}/{collection}.json", ByPage, "rails/2/c1.json"},
		{"search/{prefix}.json", ByPrefix, "search/el.json"},
	} {
		template, err := ParseTemplate(test.path)
		if err != nil {
			t.Errorf("%s: %v", test.path, err)
			continue
		}
		if template.Key() != test.key || template.Expand(keys) != test.expanded || template.String() != test.path {
			t.Errorf("%s: key %d, expands to %s", template, template.Key(), template.Expand(keys))
		}
	}
}

func TestTemplatesThatNameNoDocumentAreRefused(t *testing.T) {
	for path, want := range map[string]string{
		"":                               "does not end in .json",
		"home":                           "does not end in .json",
		".json":                          "an id is empty",
		"/home.json":                     "an id is empty",
		"../home.json":                   "only dots",
		"a/../b.json":                    "only dots",
		"a b.json":                       "use letters, digits",
		"titles/{id}.json":               "do not go together",
		"{page}.json":                    "do not go together",
		"{title}/{prefix}.json":          "do not go together",
		"{title}/{title}.json":           "do not go together",
		"titles/t-{title}.json":          "mixes a key",
		"c/{collection}-{page}.json":     "mixes a key",
		"titles/{title.json":             "mixes a key",
		"{title}.json/{collection}/x":    "does not end in .json",
		"collections/{collection}}.json": "mixes a key",
	} {
		_, err := ParseTemplate(path)
		if err == nil || !strings.Contains(err.Error(), want) || ovenbird.CodeOf(err) != ovenbird.Invalid {
			t.Errorf("%q: %v, want %q", path, err, want)
		}
	}
}
