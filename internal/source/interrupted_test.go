package source

import (
	"context"
	"errors"
	"testing"

	"ovenbird/internal/catalog"
)

// failing is a catalog that fails at its nth batch.
type failing struct {
	catalogStore
	at int
}

var errDisk = errors.New("the disk is full")

func (f *failing) Apply(ctx context.Context, b catalog.Batch) ([]catalog.Result, error) {
	f.at--
	if f.at == 0 {
		return nil, errDisk
	}
	return f.catalogStore.Apply(ctx, b)
}

// Interrupted between two batches, after a claim or before a release, the next
// run ends the work, and nothing is left that nobody would miss.
func TestARunThatBreaksOffIsDoneAgain(t *testing.T) {
	for at := 1; at <= 3; at++ {
		h := follow(t, sqliteServer(t))
		db := openSource(t, h)
		mustExec(t, db, "WITH RECURSIVE n (i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 130) "+
			"INSERT INTO titles SELECT 'n' || i, 'Title', 2000, '' FROM n")
		h.batch = 20
		h.catalog = &failing{h.records, at}
		if o := h.run(false); o.Status != Failed || !contains(o.Why, errDisk.Error()) {
			t.Fatalf("batch %d: the run is %s, %q", at, o.Status, o.Why)
		}
		// Some of it is gone before the next run: of that, nothing must stay.
		mustExec(t, db, "DELETE FROM titles WHERE id BETWEEN 'n110' AND 'n113'", "DELETE FROM licenses WHERE id = 'l9'")
		h.catalog = h.records
		if o := h.run(false); o.Status != Changed || o.Refused != 0 {
			t.Fatalf("batch %d: the next run is %s, %q, %v", at, o.Status, o.Why, o.Refusals)
		}
		titles := 0
		if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM titles").Scan(&titles); err != nil {
			t.Fatal(err)
		}
		h.has(titles, 9)
	}
}
