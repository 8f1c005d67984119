package main

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
)

var (
	declaredMetric = regexp.MustCompile(`Name: "(ovenbird_[a-z_]+)"`)
	mentioned      = regexp.MustCompile(`\bovenbird_[a-z_]+`)
	ofHistogram    = regexp.MustCompile(`_(bucket|sum|count)$`)
)

// metricsIn returns what a pattern finds in the files of a folder with an ending.
func metricsIn(t *testing.T, folder, ending string, pattern *regexp.Regexp) map[string]bool {
	t.Helper()
	found := make(map[string]bool)
	files := os.DirFS(folder)
	if err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, ending) || strings.HasSuffix(name, "_test.go") {
			return err
		}
		body, err := fs.ReadFile(files, name)
		for _, match := range pattern.FindAllStringSubmatch(string(body), -1) {
			found[match[len(match)-1]] = true
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return found
}

// Whoever is woken by an alert must not find that it could never have fired.
func TestAlertsDashboardAndDocsNameMetricsThatThereAre(t *testing.T) {
	declared := metricsIn(t, "../../internal", ".go", declaredMetric)
	for name := range metricsIn(t, ".", ".go", declaredMetric) {
		declared[name] = true
	}
	if len(declared) < 30 {
		t.Fatalf("found %d metrics in the code: is the pattern right?", len(declared))
	}
	for folder, ending := range map[string]string{
		"../../docs/observability": ".yaml", "../../docs/observability/": ".json", "../../docs": "observability.md",
	} {
		for name := range metricsIn(t, folder, ending, mentioned) {
			if !declared[name] && !declared[ofHistogram.ReplaceAllString(name, "")] {
				t.Errorf("%s: nothing reports %s", ending, name)
			}
		}
	}
	documented := metricsIn(t, "../../docs", "observability.md", mentioned)
	for name := range declared {
		if !documented[name] {
			t.Errorf("docs/observability.md does not have %s", name)
		}
	}
}
