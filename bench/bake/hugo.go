package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// hugoConfig is a site that makes JSON of its pages, and nothing else.
const hugoConfig = `
baseURL = "https://example.org/"
disableKinds = ["home", "section", "taxonomy", "term", "RSS", "sitemap", "robotsTXT", "404"]
[outputs]
page = ["JSON"]
`

// hugoTemplates are the documents of baketest.Sources as templates, by kind. Hugo
// writes the keys of front matter in lower case, but for those within lists, which
// it takes as they are: what is in them need not be written field by field.
var hugoTemplates = map[string]string{
	"home": `{{ dict "collections" .Params.document.collections | jsonify }}`,
	"titles": `{{ with .Params.document.title }}` +
		`{{ $title := dict "id" .id "kind" .kind "name" .name "synopsis" .synopsis "year" .year "runtime" .runtime "genres" .genres ` +
		`"cast" .cast "directors" .directors "rating" .rating "image" .image "seasons" .seasons }}` +
		`{{ if isset . "availability" }}{{ $title = merge $title (dict "availability" .availability) }}{{ end }}` +
		`{{ dict "title" $title | jsonify }}{{ end }}`,
	"collections": `{{ with .Params.document.collection }}` +
		`{{ dict "collection" (dict "name" .name "pages" .pages "titleCount" .titlecount "titles" .titles) | jsonify }}{{ end }}`,
	"leaving": `{{ dict "leaving" .Params.document.leaving | jsonify }}`,
	"search":  `{{ dict "search" .Params.document.search | jsonify }}`,
}

// hugo has Hugo render the documents: a page for each, with the document's fields
// in its front matter and a template for each kind.
func hugo(ctx context.Context, dir string, documents []document) (time.Duration, func(int) string, error) {
	files := map[string][]byte{"config.toml": []byte(hugoConfig)}
	for kind, template := range hugoTemplates {
		files[filepath.Join("layouts", kind, "single.json")] = []byte(template)
	}
	name := func(i int) string { return filepath.Join(documents[i].kind, fmt.Sprintf("d%06d", i)) }
	for i, d := range documents {
		page, err := json.Marshal(map[string]any{"document": json.RawMessage(d.body)})
		if err != nil {
			return 0, nil, err
		}
		files[filepath.Join("content", name(i)+".md")] = page
	}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		path, body := filepath.Join(dir, path), files[path]
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return 0, nil, err
		}
		if err := os.WriteFile(path, body, 0o600); err != nil {
			return 0, nil, err
		}
	}
	syscall.Sync() // its input is not what it renders
	start := time.Now()
	said, err := exec.CommandContext(ctx, "hugo", "--quiet", "--source", dir).CombinedOutput() //nolint:gosec // a folder of this program's
	took := time.Since(start)
	if err != nil {
		return 0, nil, fmt.Errorf("%w: %s (it is in Debian: apt-get install hugo)", err, said)
	}
	return took, func(i int) string { return filepath.Join(dir, "public", name(i), "index.json") }, nil
}
