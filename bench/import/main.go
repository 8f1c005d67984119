// Command import measures an import of generated NDJSON into a new catalog on
// disk: how fast it is, and how much memory it takes at most. Its flags:
//
//	-mib N      size of the file (16)
//	-order O    parents before what hangs on them, or children first: then all
//	            of the file but its end waits on disk (parents)
//	-dir D      where file and catalog are made and removed again (a temporary one)
//	-json       print one JSON object instead of lines
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"ovenbird/internal/catalog"
	"ovenbird/internal/database"
	"ovenbird/internal/importer"
)

// figures are what a run measures.
type figures struct {
	Order         string  `json:"order"`
	Bytes         int64   `json:"bytes"`
	Rows          int64   `json:"rows"`
	Changed       int64   `json:"changed"`
	Seconds       float64 `json:"seconds"`
	RowsPerSecond float64 `json:"rows_per_second"`
	PeakRSS       int64   `json:"peak_rss_bytes"`
	Database      int64   `json:"database_bytes"`
	AgainSeconds  float64 `json:"again_seconds"` // the same file again, which changes nothing
}

func main() {
	mib := flag.Int64("mib", 16, "size of the file in MiB")
	order := flag.String("order", "parents", "parents or children: which come first")
	dir := flag.String("dir", "", "where file and catalog are made")
	asJSON := flag.Bool("json", false, "print one JSON object")
	flag.Parse()
	f, err := measure(context.Background(), *dir, *mib<<20, *order)
	if err == nil && *asJSON {
		err = json.NewEncoder(os.Stdout).Encode(f)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/import:", err)
		os.Exit(1)
	}
	if !*asJSON {
		fmt.Printf("%s first: %d MiB, %d rows in %.1f s: %.0f rows/s, %.1f MiB/s, at most %d MiB of memory; again %.1f s\n", f.Order,
			f.Bytes>>20, f.Rows, f.Seconds, f.RowsPerSecond, float64(f.Bytes)/f.Seconds/(1<<20), f.PeakRSS>>20, f.AgainSeconds)
	}
}

func measure(ctx context.Context, parent string, size int64, order string) (f figures, err error) {
	dir, err := os.MkdirTemp(parent, "bench-import-*")
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "catalog.ndjson")
	if err := generate(path, size, order); err != nil {
		return f, err
	}
	db, err := database.Open(ctx, database.Config{Path: filepath.Join(dir, "catalog.db")})
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	started := time.Now()
	report, err := run(ctx, db, dir, path)
	if err != nil {
		return f, err
	}
	f = figures{Order: order, Bytes: report.Size, Rows: report.Rows, Changed: report.Changed, Seconds: time.Since(started).Seconds()}
	f.RowsPerSecond = float64(f.Rows) / f.Seconds
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return f, err
	}
	f.PeakRSS = usage.Maxrss << 10
	if info, err := os.Stat(filepath.Join(dir, "catalog.db")); err == nil {
		f.Database = info.Size()
	}
	started = time.Now()
	again, err := run(ctx, db, dir, path)
	f.AgainSeconds = time.Since(started).Seconds()
	if err == nil && (again.Changed != 0 || report.Rejected != 0) {
		err = fmt.Errorf("the generated file is wrong: %+v, then %+v", report, again)
	}
	return f, err
}

// run imports as the command does, with all that it needs to go on after a kill.
func run(ctx context.Context, db *database.DB, dir, path string) (report importer.Report, err error) {
	store, err := catalog.New(ctx, catalog.Config{}, catalog.Deps{DB: db})
	if err != nil {
		return report, err
	}
	ledger, err := importer.OpenLedger(ctx, db)
	if err != nil {
		return report, err
	}
	cfg := importer.Config{StateDir: filepath.Join(dir, "state"), RejectsPath: filepath.Join(dir, "rejects.ndjson")}
	imports, err := importer.New(cfg, importer.Deps{Catalog: store, Ledger: ledger})
	if err != nil {
		return report, err
	}
	source, closer, err := importer.Open(path, nil)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, closer.Close()) }()
	return imports.Run(ctx, source, nil)
}

// generate writes series with episodes and licenses, one group of 22 after the
// other, until the file has its size: the series of each group first or, in
// order "children", all series at the end.
func generate(path string, size int64, order string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(file, 1<<20)
	var written int64
	groups := 0
	for ; written < size; groups++ {
		if order == "parents" {
			written += series(out, groups)
		}
		for e := range 10 {
			written += episode(out, groups, e)
		}
	}
	if order != "parents" {
		for g := range groups {
			series(out, g)
		}
	}
	return errors.Join(out.Flush(), file.Close())
}

const synopsis = "Somebody has lost something, somebody else has found it, and neither knows yet what it was good for."

func series(out *bufio.Writer, group int) int64 {
	n, _ := fmt.Fprintf(out, `{"type":"title","id":"s%d","kind":"series","sort_key":"%08d","genres":["drama"],`+
		`"texts":{"name":{"en":"Series %d"},"synopsis":{"en":"%s"}}}`+"\n", group, group, group, synopsis) // Flush has the error
	m, _ := fmt.Fprintf(out, `{"type":"license","id":"s%d-world","title":"s%d","territories":["*"],"applications":["*"],"model":"svod",`+
		`"start":"2026-01-01T00:00:00Z"}`+"\n", group, group)
	return int64(n + m)
}

func episode(out *bufio.Writer, group, number int) int64 {
	n, _ := fmt.Fprintf(out, `{"type":"title","id":"s%d-e%d","kind":"episode","parent":"s%d","sort_key":"%04d",`+
		`"number":"%d","runtime_seconds":2580,"texts":{"name":{"en":"Episode %d"},"synopsis":{"en":"%s","fi":"%s"}},`+
		`"ratings":[{"system":"FSK","value":"12"}]}`+"\n",
		group, number, group, number, number+1, number+1, synopsis, synopsis)
	m, _ := fmt.Fprintf(out, `{"type":"license","id":"s%d-e%d-eu","title":"s%d-e%d","territories":["FI","SE","DK"],`+
		`"applications":["*"],"model":"svod","start":"2026-01-01T00:00:00Z","end":"2027-01-01T00:00:00Z"}`+"\n",
		group, number, group, number)
	return int64(n + m)
}
