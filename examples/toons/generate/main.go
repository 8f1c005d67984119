// Command generate makes what the demo site does not write by hand: the artwork
// of every title in catalog.ndjson, and rotation.ndjson, the windows that keep
// the demo alive at any date until the end of 2031.
//
//	go run ./examples/toons/generate
//
// Its output is checked in; a test says when it is stale.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	site := flag.String("site", "examples/toons", "the demo site's folder")
	flag.Parse()
	if err := run(*site); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(site string) error {
	titles, err := readTitles(filepath.Join(site, "catalog.ndjson"))
	if err != nil {
		return err
	}
	files, err := generate(titles)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(site, "artwork"), 0o750); err != nil {
		return err
	}
	for name, body := range files {
		// These are sources, for everyone to read.
		if err := os.WriteFile(filepath.Join(site, name), body, 0o644); err != nil { //nolint:gosec // as above
			return err
		}
	}
	return nil
}

// generate returns the files to write, by path below the site.
func generate(titles map[string]title) (map[string][]byte, error) {
	files := make(map[string][]byte)
	for _, t := range titles {
		for _, image := range t.Images {
			files[filepath.FromSlash(image.URL[1:])] = []byte(draw(t, root(titles, t.ID), image))
		}
	}
	var rotation bytes.Buffer
	for _, l := range licenses() {
		line, err := json.Marshal(l)
		if err != nil {
			return nil, err
		}
		rotation.Write(append(line, '\n'))
	}
	files["rotation.ndjson"] = rotation.Bytes()
	return files, nil
}

// title is as much of a title's record as artwork needs.
type title struct {
	Type   string  `json:"type"`
	ID     string  `json:"id"`
	Parent string  `json:"parent"`
	Images []image `json:"images"`
	Texts  struct {
		Name map[string]string `json:"name"`
	} `json:"texts"`
}

// image is one picture that a title's record names.
type image struct {
	Role   string `json:"role"`
	URL    string `json:"url"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
}

// root returns the id at the top of id's family, so that a series and its
// episodes look related.
func root(titles map[string]title, id string) string {
	for titles[id].Parent != "" {
		id = titles[id].Parent
	}
	return id
}

func readTitles(name string) (map[string]title, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // only read
	titles := make(map[string]title)
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var t title
		if err := json.Unmarshal(lines.Bytes(), &t); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if t.Type == "title" {
			titles[t.ID] = t
		}
	}
	return titles, lines.Err()
}
