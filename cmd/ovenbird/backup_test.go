package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// leftOut are features with tables that are made again from others, or that say
// what is so at the moment.
var leftOut = []string{"search", "spread"}

func TestEveryFeatureWithTablesIsInBackups(t *testing.T) {
	cfg, err := backupConfig()
	if err != nil {
		t.Fatal(err)
	}
	var known []string
	for _, f := range cfg.Features {
		known = append(known, f.Name)
	}
	migrates := regexp.MustCompile(`\.Migrate\(ctx, "(\w+)"`)
	found := 0
	for _, root := range []string{"../../internal", "."} {
		err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			body, err := os.ReadFile(path)
			for _, match := range migrates.FindAllSubmatch(body, -1) {
				found++
				if name := string(match[1]); !slices.Contains(known, name) && !slices.Contains(leftOut, name) {
					t.Errorf("%s makes tables of feature %s, which backupConfig leaves out", path, name)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found < len(known) {
		t.Errorf("only %d places make tables: has Migrate got another form?", found)
	}
}
