package main

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"reflect"
	"sync"
	"testing"

	"ovenbird/internal/backup"
	"ovenbird/internal/catalog"
	"ovenbird/internal/database"
	"ovenbird/internal/database/databasetest"
	"ovenbird/internal/ovenbird"
)

func openCatalogAt(t *testing.T, at database.Config) (*database.DB, *catalog.Store) {
	t.Helper()
	db, err := database.Open(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	store, err := catalog.New(t.Context(), catalog.Config{}, catalog.Deps{DB: db})
	if err != nil {
		t.Fatal(err)
	}
	return db, store
}

func writeRecords(ctx context.Context, store *catalog.Store, lines ...string) error {
	var records []catalog.Record
	for _, line := range lines {
		r, err := catalog.ParseRecord([]byte(line))
		if err != nil {
			return err
		}
		records = append(records, r)
	}
	_, err := store.Apply(ctx, catalog.Batch{Actor: "test", Records: records, Atomic: true})
	return err
}

// editForever makes, renames and removes things until ctx ends.
func editForever(ctx context.Context, store *catalog.Store, who int) {
	for i := 0; ctx.Err() == nil; i++ {
		id := fmt.Sprintf("w%d-%d", who, i%50)
		_ = writeRecords(ctx, store, // the last one is canceled
			fmt.Sprintf(`{"type":"title","id":%q,"kind":"movie","texts":{"name":{"en":"Number %d"}}}`, id, i),
			fmt.Sprintf(`{"type":"license","id":%q,"title":%q,"territories":["*"],"applications":["*"],"model":"free"}`, "l"+id, id),
			fmt.Sprintf(`{"type":"collection","id":"c%d","items":[%q]}`, who, id))
		if i%7 == 6 {
			_ = writeRecords(ctx, store, fmt.Sprintf(`{"type":"license","id":%q,"op":"delete"}`, "l"+id), fmt.Sprintf(`{"type":"title","id":%q,"op":"delete"}`, id))
		}
	}
}

// A backup that is made while others write holds the catalog at one change: what
// the feed that is in it leads to, change by change, is what the tables in it say.
func TestABackupUnderLoadIsTheCatalogAtOneChange(t *testing.T) {
	if testing.Short() {
		t.Skip("starts PostgreSQL")
	}
	for name, at := range map[string]database.Config{
		"SQLite": {Path: filepath.Join(t.TempDir(), "catalog.db")}, "PostgreSQL": {URL: databasetest.Postgres(t)},
	} {
		t.Run(name, func(t *testing.T) {
			db, store := openCatalogAt(t, at)
			cfg, err := backupConfig()
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			var writers sync.WaitGroup
			for who := range 3 {
				writers.Go(func() { editForever(ctx, store, who) })
			}
			t.Cleanup(writers.Wait)
			defer stop()
			var last int64
			for n := range 4 {
				path := filepath.Join(t.TempDir(), fmt.Sprint("backup", n))
				m, err := backup.WriteFile(t.Context(), cfg, db, path)
				if err != nil {
					t.Fatal(err)
				}
				checkMoment(t, cfg, path, m.Sequence)
				if n > 0 && m.Sequence == last {
					t.Error("nobody wrote meanwhile")
				}
				last = m.Sequence
			}
		})
	}
}

// checkMoment restores a backup, and makes the same catalog from its feed alone.
func checkMoment(t *testing.T, cfg backup.Config, path string, sequence int64) {
	t.Helper()
	db, restored := openCatalogAt(t, database.Config{Path: filepath.Join(t.TempDir(), "restored.db")})
	if _, err := backup.Restore(t.Context(), cfg, db, path, false); err != nil {
		t.Fatal(err)
	}
	changes, err := restored.Changes(t.Context(), 0, int(sequence)+10)
	if err != nil || int64(len(changes)) != sequence {
		t.Fatalf("it has %d changes, and is at change %d: %v", len(changes), sequence, err)
	}
	_, replayed := openCatalogAt(t, database.Config{Path: filepath.Join(t.TempDir(), "replayed.db")})
	for from := 0; from < len(changes); from += 500 {
		var lines []string
		for _, change := range changes[from:min(from+500, len(changes))] {
			line := string(change.After)
			if change.Action == catalog.Deleted {
				line = fmt.Sprintf(`{"type":%q,"id":%q,"op":"delete"}`, change.Type, change.ID)
			}
			lines = append(lines, line)
		}
		if err := writeRecords(t.Context(), replayed, lines...); err != nil {
			t.Fatal(err)
		}
	}
	if a, b := exported(t, restored), exported(t, replayed); !bytes.Equal(a, b) {
		t.Errorf("at change %d the tables say\n%s\nand the feed\n%s", sequence, a, b)
	}
	snapshots := [2]*ovenbird.Snapshot{}
	for i, store := range []*catalog.Store{restored, replayed} {
		if snapshots[i], err = store.Snapshot(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if snapshots[0].Sequence != sequence || !reflect.DeepEqual(snapshots[0], snapshots[1]) {
		t.Errorf("the snapshots at %d and %d differ", snapshots[0].Sequence, snapshots[1].Sequence)
	}
}

func exported(t *testing.T, store *catalog.Store) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := store.Export(t.Context(), func(line []byte) error {
		out.Write(line)
		return out.WriteByte('\n')
	}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
