package main

import (
	"io"
	"path/filepath"
	"testing"

	"ovenbird/internal/catalog"
	"ovenbird/internal/ovenbird"
)

// An edit made since the site's files were imported stays, however --site is
// written the next time.
func TestTheSitesFilesAreImportedOnce(t *testing.T) {
	relative := filepath.Join("..", "..", "examples", "toons")
	absolute, err := filepath.Abs(relative)
	if err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	for i, dir := range []string{relative, absolute} {
		c := &cli{stdout: io.Discard, stderr: io.Discard, siteDir: dir, env: "dev", data: data}
		e, err := c.open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := newSeeds(c, e).importAll(t.Context()); err != nil {
			t.Fatal(err)
		}
		snapshot, err := e.catalog.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		name := snapshot.Titles["sintel"].Texts[ovenbird.Name]["en"]
		if want := []string{"Sintel", "Edited"}[i]; name != want {
			t.Errorf("run %d: the name is %q, want %q", i, name, want)
		}
		record, err := catalog.ParseRecord([]byte(`{"type":"title","id":"sintel","op":"merge","texts":{"name":{"en":"Edited"}}}`))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.catalog.Apply(t.Context(), catalog.Batch{Actor: "test", Records: []catalog.Record{record}}); err != nil {
			t.Fatal(err)
		}
		if err := e.close(); err != nil {
			t.Fatal(err)
		}
	}
}
