package catalog_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ovenbird/internal/catalog"
	"ovenbird/internal/database"
)

func export(ctx context.Context, store *catalog.Store, types ...catalog.RecordType) ([]string, error) {
	var lines []string
	err := store.Export(ctx, func(line []byte) error {
		lines = append(lines, string(line))
		return nil
	}, types...)
	return lines, err
}

// What is exported makes the same catalog elsewhere, which exports the same bytes;
// and it changes nothing where it comes from.
func TestAnExportMakesTheSameCatalog(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		store, replica := newStore(t), newStore(t)
		applyDrawn(r, store, rapid.SliceOfN(rapid.Custom(anyRecord), 1, 40).Draw(r, "lines"))
		lines, err := export(r.Context(), store)
		if err != nil {
			r.Fatal(err)
		}
		for i, result := range applyDrawn(r, replica, lines) {
			if result.Err != nil {
				r.Fatalf("%s: %v", lines[i], result.Err)
			}
		}
		again, err := export(r.Context(), replica)
		if err != nil || !slices.Equal(lines, again) {
			r.Fatalf("exported\n%s\nthen\n%s\n%v", strings.Join(lines, "\n"), strings.Join(again, "\n"), err)
		}
		a, b := snapshot(t, store), snapshot(t, replica)
		if b.Sequence = a.Sequence; !reflect.DeepEqual(a, b) {
			r.Fatalf("the catalog is %+v\nimported %+v", a, b)
		}
		for i, result := range applyDrawn(r, store, lines) {
			if result.Err != nil || result.Changed {
				r.Fatalf("%s changes the catalog that it was exported from: %v", lines[i], result.Err)
			}
		}
	})
}

// Every record can be taken on its own, in the order of the export.
func TestAnExportHasParentsFirst(t *testing.T) {
	store, replica := newStore(t), newStore(t)
	mustApply(t, store,
		`{"type":"title","id":"a-series","kind":"series"}`,
		`{"type":"title","id":"0-season","kind":"season","parent":"a-series"}`,
		`{"type":"title","id":"b-episode","kind":"episode","parent":"0-season"}`,
		`{"type":"title","id":"a-clip","kind":"clip","parent":"b-episode"}`,
		`{"type":"license","id":"0","title":"a-clip","territories":["*"],"applications":["*"],"model":"free"}`,
		`{"type":"collection","id":"0","published":false,"items":["gone"]}`,
	)
	lines, err := export(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		mustApply(t, replica, line)
	}
}

func TestItemsThatAListCanNotSayAreRecordsOfTheirOwn(t *testing.T) {
	store := newStore(t)
	mustApply(t, store, `{"type":"collection","id":"list","items":["b","a"]}`,
		`{"type":"collection","id":"placed"}`, `{"type":"collection_item","collection":"placed","title":"b","position":"7"}`)
	lines, err := export(t.Context(), store)
	want := []string{
		`{"type":"collection","id":"list","published":true,"items":["b","a"]}`,
		`{"type":"collection","id":"placed","published":true}`,
		`{"type":"collection_item","collection":"placed","title":"b","position":"7"}`,
	}
	if err != nil || !slices.Equal(lines, want) {
		t.Errorf("exported %q, want %q; %v", lines, want, err)
	}
	many := make([]string, 1001)
	for i := range many {
		many[i] = fmt.Sprintf(`"t%d"`, i)
	}
	mustApply(t, store, `{"type":"collection","id":"list","items":[`+strings.Join(many, ",")+`]}`)
	if lines, err = export(t.Context(), store); err != nil || len(lines) != 1004 {
		t.Errorf("exported %d lines, want one for each of many items; %v", len(lines), err)
	}
}

func TestAnExportMayBeOfSomeTypes(t *testing.T) {
	store := newStore(t)
	mustApply(t, store, movie("m"), `{"type":"collection","id":"c"}`,
		`{"type":"license","id":"l","title":"m","territories":["*"],"applications":["*"],"model":"free"}`)
	for types, want := range map[catalog.RecordType]int{catalog.TypeTitle: 1, catalog.TypeLicense: 1, catalog.TypeCollection: 1} {
		lines, err := export(t.Context(), store, types)
		if err != nil || len(lines) != want || !strings.HasPrefix(lines[0], fmt.Sprintf(`{"type":%q`, types)) {
			t.Errorf("%s: exported %q, %v", types, lines, err)
		}
	}
}

func TestAnExportStopsWithTheErrorOfItsReader(t *testing.T) {
	store, full := newStore(t), errors.New("disk full")
	mustApply(t, store, movie("m"))
	if err := store.Export(t.Context(), func([]byte) error { return full }); !errors.Is(err, full) {
		t.Errorf("got %v, want %v", err, full)
	}
}

func TestATrialIsACopy(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		store := newStore(t)
		applyDrawn(r, store, rapid.SliceOfN(rapid.Custom(anyRecord), 1, 40).Draw(r, "lines"))
		before := snapshot(t, store)
		db, err := database.Open(t.Context(), database.Config{Path: filepath.Join(t.TempDir(), "trial.db")})
		if err != nil {
			r.Fatal(err)
		}
		defer db.Close() //nolint:errcheck // a test
		trial, err := store.Trial(t.Context(), db)
		if err != nil {
			r.Fatal(err)
		}
		if copied := snapshot(t, trial); !reflect.DeepEqual(before, copied) {
			r.Fatalf("the catalog is %+v, the trial %+v", before, copied)
		}
		more := rapid.SliceOfN(rapid.Custom(anyRecord), 1, 40).Draw(r, "more")
		tried := applyDrawn(r, trial, more)
		if after := snapshot(t, store); !reflect.DeepEqual(before, after) {
			r.Fatalf("a trial changed the catalog from %+v to %+v", before, after)
		}
		for i, result := range applyDrawn(r, store, more) {
			if fmt.Sprint(result) != fmt.Sprint(tried[i]) {
				r.Fatalf("%s: %+v, in the trial %+v", more[i], result, tried[i])
			}
		}
	})
}

func TestWhatElseABatchDoesIsCommittedWithItOrNotAtAll(t *testing.T) {
	store, mine := newStore(t), errors.New("mine")
	also := func(ctx context.Context, tx *sql.Tx, results []catalog.Result) error {
		if len(results) != 1 || results[0].Action != catalog.Created {
			t.Errorf("it is told %+v", results)
		}
		var titles int
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM titles`).Scan(&titles); err != nil || titles != 1 {
			t.Errorf("it sees %d titles, want the batch's: %v", titles, err)
		}
		return mine
	}
	_, err := store.Apply(t.Context(), catalog.Batch{Actor: "test", Records: parse(t, movie("m")), Also: also})
	if !errors.Is(err, mine) || snapshot(t, store).Sequence != 0 {
		t.Errorf("got %v and %d changes, want the error and none", err, snapshot(t, store).Sequence)
	}
}
