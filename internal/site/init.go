package site

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"ovenbird/internal/ovenbird"
)

//go:embed start
var start embed.FS

// Init writes a new small site into the folder dir, which it makes, and returns
// the files. The site is called like the folder. A folder that has files already
// is a Conflict.
func Init(dir string) ([]string, error) {
	name := filepath.Base(filepath.Clean(dir))
	if !namePattern.MatchString(name) {
		return nil, ovenbird.Errorf(ovenbird.Invalid, "%q can not be a site's name; %s", name, nameRule)
	}
	if there, err := os.ReadDir(dir); err == nil && len(there) > 0 {
		return nil, ovenbird.Errorf(ovenbird.Conflict, "the folder %s has files in it; name a new one", dir)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("look into the new site's folder: %w", err)
	}
	var files []string
	write := func(file string, body []byte) error {
		file = filepath.Join(dir, file)
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			return err
		}
		files = append(files, file)
		return os.WriteFile(file, body, 0o644) //nolint:gosec // for everybody who works on the site
	}
	if err := writeStart(name, write); err != nil {
		return nil, fmt.Errorf("write the new site: %w", err)
	}
	return files, nil
}

// writeStart writes the files of a new site and the schemas of its files.
func writeStart(name string, write func(file string, body []byte) error) error {
	err := fs.WalkDir(start, "start", func(from string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := start.ReadFile(from)
		if err != nil {
			return err
		}
		to, err := filepath.Rel("start", filepath.FromSlash(from))
		if err != nil {
			return err
		}
		if to == "gitignore" { // which git would follow here, too, under its real name
			to = ".gitignore"
		}
		return write(to, bytes.ReplaceAll(body, []byte("NAME"), []byte(name)))
	})
	if err != nil {
		return err
	}
	for _, schema := range SchemaNames() {
		body, err := Schema(schema)
		if err != nil {
			return err
		}
		if err := write(filepath.Join("schemas", schema+".schema.json"), body); err != nil {
			return err
		}
	}
	return nil
}
