// Command catalog measures the catalog on SQLite and on PostgreSQL: an import
// beside the database's own loader, which checks nothing and keeps no feed, of the
// same rows into the same tables; snapshots; single edits. It needs the programs
// sqlite3 and psql, and starts a PostgreSQL of its own. Its flags:
//
//	-titles N,N  sizes of catalogs, in titles of six rows each (10000,100000)
//	-json        print one JSON array instead of lines
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"ovenbird/internal/catalog"
	"ovenbird/internal/database"
	"ovenbird/internal/database/databasetest"
	"ovenbird/internal/importer"
	"ovenbird/internal/ovenbird"
)

// figures are what one run on one database measures.
type figures struct {
	Database        string  `json:"database"`
	Titles          int     `json:"titles"`
	Rows            int     `json:"rows"` // of the tables that both ways of loading fill
	Records         int64   `json:"records"`
	ImportSeconds   float64 `json:"import_seconds"`
	ImportCPU       float64 `json:"import_cpu_seconds"` // of this process, without the server's
	RowsPerSecond   float64 `json:"import_rows_per_second"`
	Loader          string  `json:"loader"`
	LoaderSeconds   float64 `json:"loader_seconds"`
	Ratio           float64 `json:"import_by_loader"` // how many times as long an import takes
	SnapshotSeconds float64 `json:"snapshot_seconds"` // the median of three
	SnapshotCPU     float64 `json:"snapshot_cpu_seconds"`
	EditP50         float64 `json:"edit_p50_ms"` // of 50: one field of one title, until it is committed
	EditP99         float64 `json:"edit_p99_ms"`
	RefreshP50      float64 `json:"refresh_p50_ms"` // the snapshot brought up to date after each
}

func main() {
	sizes := flag.String("titles", "10000,100000", "sizes of catalogs")
	asJSON := flag.Bool("json", false, "print one JSON array")
	flag.Parse()
	all, err := measure(context.Background(), *sizes)
	if err == nil {
		err = show(all, *asJSON)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/catalog:", err)
		os.Exit(1)
	}
}

func show(all []figures, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(os.Stdout).Encode(all)
	}
	for _, f := range all {
		if _, err := fmt.Printf("%s, %d titles: import of %d rows %.2f s (CPU %.2f s), %.0f rows/s, %.1f times as long as %s (%.2f s); "+
			"snapshot %.2f s (CPU %.2f s); edit p50 %.1f ms, p99 %.1f ms; refresh p50 %.1f ms\n",
			f.Database, f.Titles, f.Rows, f.ImportSeconds, f.ImportCPU, f.RowsPerSecond, f.Ratio, f.Loader, f.LoaderSeconds,
			f.SnapshotSeconds, f.SnapshotCPU, f.EditP50, f.EditP99, f.RefreshP50); err != nil {
			return err
		}
	}
	return nil
}

func measure(ctx context.Context, sizes string) (all []figures, err error) {
	dir, err := os.MkdirTemp("", "bench-catalog-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	cluster, err := databasetest.Start(ctx, databasetest.Config{Durable: true})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, cluster.Stop()) }()
	for text := range strings.SplitSeq(sizes, ",") {
		titles, err := strconv.Atoi(text)
		if err != nil {
			return nil, fmt.Errorf("-titles: %w", err)
		}
		records := filepath.Join(dir, text+".ndjson")
		if err := os.WriteFile(records, generate(titles), 0o600); err != nil {
			return nil, err
		}
		for _, b := range []backend{sqlite{dir}, postgres{cluster}} {
			r := run{backend: b, dir: dir, f: figures{Database: b.name(), Loader: b.loader(), Titles: titles}}
			if err := r.run(ctx, records); err != nil {
				return nil, fmt.Errorf("%s, %d titles: %w", b.name(), titles, err)
			}
			all = append(all, r.f)
		}
	}
	return all, nil
}

// generate returns an import file: each title makes a row of its own, four texts
// and a license.
func generate(titles int) []byte {
	var b []byte
	for i := range titles {
		b = fmt.Appendf(b, `{"type":"title","id":"t%d","kind":"movie","sort_key":"%06d","year":%d,"runtime_seconds":%d,`+
			`"genres":["drama","comedy"],"texts":{"name":{"en":"The movie %d","fi":"Elokuva %d"},`+
			`"synopsis":{"en":"What happens in movie %d, told in a sentence or two.",`+
			`"fi":"Mitä elokuvassa %d tapahtuu, parilla lauseella."}}}`+"\n", i, i, 1950+i%75, 5000+i%3000, i, i, i, i)
		b = fmt.Appendf(b, `{"type":"license","id":"l%d","title":"t%d","territories":["FI","SE"],"applications":["*"],`+
			`"start":"2026-01-01","model":"svod"}`+"\n", i, i)
	}
	return b
}

// run is one catalog on one database.
type run struct {
	backend
	dir   string
	store *catalog.Store
	f     figures
}

func (r *run) run(ctx context.Context, records string) (err error) {
	at, err := r.create(ctx)
	if err != nil {
		return err
	}
	db, err := database.Open(ctx, at)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if r.store, err = catalog.New(ctx, catalog.Config{}, catalog.Deps{DB: db}); err != nil {
		return err
	}
	before := cpu()
	if r.f.ImportSeconds, err = seconds(func() error { return r.imports(ctx, records) }); err != nil {
		return err
	}
	r.f.ImportCPU = cpu() - before
	if err := r.compare(ctx, db); err != nil {
		return err
	}
	r.f.RowsPerSecond, r.f.Ratio = float64(r.f.Rows)/r.f.ImportSeconds, r.f.ImportSeconds/r.f.LoaderSeconds
	snapshot, err := r.snapshots(ctx)
	if err != nil {
		return err
	}
	return r.edits(ctx, snapshot)
}

func (r *run) imports(ctx context.Context, records string) (err error) {
	source, closer, err := importer.Open(records, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closer.Close()) }()
	imports, err := importer.New(importer.Config{}, importer.Deps{Catalog: r.store})
	if err != nil {
		return err
	}
	report, err := imports.Run(ctx, source, nil)
	r.f.Records = report.Changed
	if err == nil && report.Changed != int64(2*r.f.Titles) {
		err = fmt.Errorf("of %d records, %d were written", 2*r.f.Titles, report.Changed)
	}
	return err
}

// compare loads the rows that the import has made into the tables of another,
// empty catalog, with the database's own loader.
func (r *run) compare(ctx context.Context, from *database.DB) error {
	at, err := r.create(ctx)
	if err != nil {
		return err
	}
	empty, err := database.Open(ctx, at)
	if err != nil {
		return err
	}
	_, err = catalog.New(ctx, catalog.Config{}, catalog.Deps{DB: empty})
	if err := errors.Join(err, empty.Close()); err != nil {
		return err
	}
	for _, table := range []string{"titles", "title_texts", "licenses"} {
		file := filepath.Join(r.dir, table+".csv")
		rows, err := writeCSV(ctx, from, table, file)
		if err != nil {
			return fmt.Errorf("write the rows of %s: %w", table, err)
		}
		took, err := seconds(func() error { return r.load(ctx, at, table, file) })
		if err != nil {
			return fmt.Errorf("load %s: %w", table, err)
		}
		r.f.Rows += rows
		r.f.LoaderSeconds += took
	}
	return nil
}

func (r *run) snapshots(ctx context.Context) (snapshot *ovenbird.Snapshot, err error) {
	var took []float64
	before := cpu()
	for range 3 {
		s, err := seconds(func() error {
			snapshot, err = r.store.Snapshot(ctx)
			return err
		})
		if err != nil {
			return nil, err
		}
		took = append(took, s)
	}
	slices.Sort(took)
	r.f.SnapshotSeconds, r.f.SnapshotCPU = took[1], (cpu()-before)/3
	return snapshot, nil
}

func (r *run) edits(ctx context.Context, snapshot *ovenbird.Snapshot) error {
	var edits, refreshes []float64
	for i := range 50 {
		line := fmt.Sprintf(`{"type":"title","id":"t%d","op":"merge","texts":{"name":{"en":"Edited"}}}`, i*r.f.Titles/50)
		record, err := catalog.ParseRecord([]byte(line))
		if err != nil {
			return err
		}
		edit, err := seconds(func() error {
			_, err := r.store.Apply(ctx, catalog.Batch{Actor: "bench", Atomic: true, Records: []catalog.Record{record}})
			return err
		})
		if err != nil {
			return err
		}
		refresh, err := seconds(func() error {
			snapshot, _, err = r.store.Refresh(ctx, snapshot)
			return err
		})
		if err != nil {
			return err
		}
		edits, refreshes = append(edits, 1000*edit), append(refreshes, 1000*refresh)
	}
	slices.Sort(edits)
	slices.Sort(refreshes)
	r.f.EditP50, r.f.EditP99, r.f.RefreshP50 = edits[25], edits[49], refreshes[25]
	return nil
}

func seconds(do func() error) (float64, error) {
	start := time.Now()
	err := do()
	return time.Since(start).Seconds(), err
}

// cpu is the time that this process has computed, which other programs on the
// machine do not change.
func cpu() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0 // the system does not say
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}
