package ledger_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ovenbird/internal/ledger"
)

// history makes records 1 to 5 and 7 to 9 (6 introduces the key), edits 1 to 8 in
// two seals, and checkpoints 1 (6 records, 4 edits), 2 (9 records, 8 edits) and one
// record behind them.
func history(t testing.TB) *world {
	t.Helper()
	w := newWorld(t)
	w.add("a", "b", "c", "d", "e")
	w.edit("t1", "t2", "t3", "t4")
	w.checkpoint()
	w.add("g", "h", "i")
	w.edit("t5", "t6", "t7", "t8")
	w.checkpoint()
	w.add("j")
	return w
}

func TestWhatIsTamperedWithIsFoundAndNothingElse(t *testing.T) {
	const swap = `UPDATE %[1]s SET %[2]s = -7 WHERE %[2]s = %[3]d; UPDATE %[1]s SET %[2]s = %[3]d WHERE %[2]s = %[4]d;
		UPDATE %[1]s SET %[2]s = %[4]d WHERE %[2]s = -7`
	w := history(t)
	for _, c := range []struct {
		name, statement string
		want            []ledger.Finding
	}{
		{
			"a record is edited", `UPDATE ledger_records SET why = 'because' WHERE sequence = 3`,
			[]ledger.Finding{finding("record", ledger.Edited, 3, 3)},
		},
		{
			"its hash", `UPDATE ledger_records SET hash = 'abc' WHERE sequence = 3`,
			[]ledger.Finding{finding("record", ledger.Edited, 3, 3)},
		},
		{
			"NULL becomes text", `UPDATE ledger_records SET before = '' WHERE sequence = 6`,
			[]ledger.Finding{finding("record", ledger.Edited, 6, 6)},
		},
		{
			"it is dropped", `DELETE FROM ledger_records WHERE sequence IN (3, 4)`,
			[]ledger.Finding{finding("record", ledger.Missing, 3, 4)},
		},
		{
			"the first is dropped", `DELETE FROM ledger_records WHERE sequence = 1`,
			[]ledger.Finding{finding("record", ledger.Missing, 1, 1)},
		},
		{
			"the last is dropped", `DELETE FROM ledger_records WHERE sequence = 10`,
			[]ledger.Finding{finding("record", ledger.CutOff, 10, 10)},
		},
		{
			"the end is cut off, cleverly",
			`DELETE FROM ledger_records WHERE sequence > 7;
			UPDATE ledger_head SET sequence = 7, hash = (SELECT hash FROM ledger_records WHERE sequence = 7)`,
			[]ledger.Finding{finding("record", ledger.CutOff, 8, 9)},
		},
		{
			"two are swapped", fmt.Sprintf(swap, "ledger_records", "sequence", 2, 4),
			[]ledger.Finding{finding("record", ledger.OutOfOrder, 2, 2), finding("record", ledger.OutOfOrder, 4, 4)},
		},
		{
			"an edit is edited", `UPDATE changes SET after = '{}' WHERE sequence = 6`,
			[]ledger.Finding{finding("change", ledger.Edited, 6, 6)},
		},
		{
			"it is dropped", `DELETE FROM changes WHERE sequence = 6`,
			[]ledger.Finding{finding("change", ledger.Missing, 6, 6)},
		},
		{
			"the last is dropped", `DELETE FROM changes WHERE sequence = 8`,
			[]ledger.Finding{finding("change", ledger.Missing, 8, 8)},
		},
		{
			"the feed is cut off, cleverly", `DELETE FROM changes WHERE sequence > 4; DELETE FROM ledger_seals WHERE last > 4;
			UPDATE feed SET sequence = 4`,
			[]ledger.Finding{finding("change", ledger.CutOff, 5, 8), finding("seal", ledger.CutOff, 5, 8)},
		},
		{
			"two edits are swapped", fmt.Sprintf(swap, "changes", "sequence", 5, 7),
			[]ledger.Finding{finding("change", ledger.Edited, 5, 5), finding("change", ledger.Edited, 7, 7)},
		},
		{
			"a seal is dropped", `DELETE FROM ledger_seals WHERE last = 4`,
			[]ledger.Finding{finding("seal", ledger.Missing, 4, 4)},
		},
		{
			"a seal's hash is edited", `UPDATE ledger_seals SET hash = 'abc' WHERE last = 4`,
			[]ledger.Finding{finding("seal", ledger.Edited, 4, 4)},
		},
		{
			"a seal's marks are edited", `UPDATE ledger_seals SET marks = replace(marks, '1', '2') WHERE last = 8`,
			[]ledger.Finding{finding("seal", ledger.Edited, 8, 8)},
		},
		{
			"a seal's form is edited", `UPDATE ledger_seals SET marks = '' WHERE last = 4`,
			[]ledger.Finding{finding("seal", ledger.Edited, 4, 4)},
		},
		{
			"the head is edited", `UPDATE ledger_head SET sequence = 9`,
			[]ledger.Finding{finding("head", ledger.Edited, 10, 10)},
		},
		{
			"a checkpoint is known that is not there", `UPDATE ledger_head SET checkpoint = 4`,
			[]ledger.Finding{finding("checkpoint", ledger.CutOff, 3, 4)},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := w.found(w.try(strings.Split(c.statement, ";")...))
			if !slices.Equal(got, c.want) {
				t.Errorf("found\n%+v\nwant\n%+v", got, c.want)
			}
		})
	}
	w.good()
}

// errUndo rolls back what was tried.
var errUndo = errors.New("only tried")

// try returns what Verify says after statements, which are undone; nil where they
// touch nothing.
func (w *world) try(statements ...string) (report *ledger.Report) {
	w.t.Helper()
	ctx := context.Background()
	err := w.db.Tx(ctx, func(tx *sql.Tx) error {
		for _, statement := range statements {
			result, err := tx.ExecContext(ctx, statement)
			if err != nil {
				return err
			}
			if touched, err := result.RowsAffected(); err != nil || touched == 0 {
				return errors.Join(err, errUndo)
			}
		}
		var err error
		report, err = ledger.VerifyIn(ctx, ledger.VerifyConfig{Environment: "test"}, w.Store, w.bucket, tx)
		return errors.Join(err, errUndo)
	})
	if !errors.Is(err, errUndo) {
		w.t.Fatal(err)
	}
	return report
}

// found returns findings without what they say to people.
func (w *world) found(r *ledger.Report) (list []ledger.Finding) {
	w.t.Helper()
	if r == nil {
		w.t.Fatal("nothing was touched")
	}
	for _, f := range r.Findings {
		f.What = ""
		list = append(list, f)
	}
	return list
}

// remake gives records from a number on the hashes that they would have, as
// somebody would who knows how.
func (w *world) remake(from int64) {
	w.t.Helper()
	ctx := context.Background()
	err := w.db.Tx(ctx, func(tx *sql.Tx) error { return ledger.Remake(ctx, tx, from) })
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestAnotherHistoryIsNotWhatWasSigned(t *testing.T) {
	w := history(t)
	w.execute(`UPDATE ledger_records SET actor = 'eve' WHERE sequence = 8`)
	w.remake(8)
	w.finds(finding("record", ledger.Rewritten, 7, 9))
	w.add("more")
	if _, err := w.keeper.Checkpoint(t.Context()); !errors.Is(err, ledger.ErrDiverged) {
		t.Errorf("it was signed: %v", err)
	}
}

// What nobody signed yet whoever has the database can rewrite: the window that
// the documentation tells of.
func TestWhatIsNotSignedYetCanBeRewritten(t *testing.T) {
	w := history(t)
	w.execute(`UPDATE ledger_records SET actor = 'eve' WHERE sequence = 10`)
	w.remake(10)
	if r := w.good(); r.Records != 1 {
		t.Errorf("%d records are told to be unsigned, want 1", r.Records)
	}
}

func TestWhatIsWrongAlreadyIsNotSigned(t *testing.T) {
	w := history(t)
	w.execute(`UPDATE ledger_records SET actor = 'eve' WHERE sequence = 10`)
	if _, err := w.keeper.Checkpoint(t.Context()); !errors.Is(err, ledger.ErrDiverged) {
		t.Errorf("it was signed: %v", err)
	}
}

// put replaces an object in the bucket, whatever is there.
func (w *world) put(key string, body []byte) {
	w.t.Helper()
	ctx := context.Background()
	_, version, err := w.bucket.Read(ctx, key)
	if err == nil {
		_, err = w.bucket.Swap(ctx, key, body, version)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) read(key string) []byte {
	w.t.Helper()
	body, _, err := w.bucket.Read(context.Background(), key)
	if err != nil {
		w.t.Fatal(err)
	}
	return body
}

func (w *world) remove(key string) {
	w.t.Helper()
	if err := w.bucket.Delete(context.Background(), key); err != nil {
		w.t.Fatal(err)
	}
}

const (
	first  = "ledger/checkpoints/000000000001"
	second = "ledger/checkpoints/000000000002"
	latest = "ledger/latest"
)

func TestTamperedCheckpointsAreFound(t *testing.T) {
	for _, c := range []struct {
		name   string
		tamper func(*world)
		want   []ledger.Finding
	}{
		{
			"edited", func(w *world) {
				w.put(first, []byte(strings.Replace(string(w.read(first)), "ledger 6 ", "ledger 5 ", 1)))
			},
			[]ledger.Finding{finding("checkpoint", ledger.Forged, 1, 1)},
		},
		{
			"cut", func(w *world) { w.put(first, w.read(first)[:100]) },
			[]ledger.Finding{finding("checkpoint", ledger.Forged, 1, 1)},
		},
		{
			"dropped", func(w *world) { w.remove(first) },
			[]ledger.Finding{finding("checkpoint", ledger.Missing, 1, 1)},
		},
		{
			"cut off", func(w *world) { w.remove(second) },
			[]ledger.Finding{finding("checkpoint", ledger.CutOff, 2, 2)},
		},
		{
			"cut off, cleverly", func(w *world) { w.remove(second); w.put(latest, w.read(first)) },
			[]ledger.Finding{finding("checkpoint", ledger.CutOff, 2, 2)},
		},
		{
			"all dropped", func(w *world) { w.remove(first); w.remove(second); w.remove(latest) },
			[]ledger.Finding{finding("checkpoint", ledger.CutOff, 1, 2)},
		},
		{"swapped", func(w *world) {
			a, b := w.read(first), w.read(second)
			w.put(first, b)
			w.put(second, a)
		}, []ledger.Finding{
			finding("checkpoint", ledger.Forged, 0, 0), finding("checkpoint", ledger.OutOfOrder, 1, 1), finding("checkpoint", ledger.OutOfOrder, 2, 2),
		}},
		{
			"the copy is dropped", func(w *world) { w.remove(latest) },
			[]ledger.Finding{finding("checkpoint", ledger.Missing, 0, 0)},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := history(t)
			c.tamper(w)
			w.finds(c.want...)
		})
	}
}

func TestAKeyThatNobodyIntroducedIsUnknown(t *testing.T) {
	w := history(t)
	forger := open(t, w.at, w.bucket, t.TempDir()+"/key")
	forger.checkpoint()
	forger.execute(`DELETE FROM ledger_records WHERE sequence = 11`) // which introduced it
	forger.execute(`UPDATE ledger_head SET sequence = 10, hash = (SELECT hash FROM ledger_records WHERE sequence = 10)`)
	w.finds(finding("checkpoint", ledger.UnknownKey, 3, 3))
}

func TestAPinnedKeyIsTheOnlyOne(t *testing.T) {
	w := history(t)
	r := w.good()
	if len(r.Keys) != 1 || r.Keys[0].Record != 6 || r.Keys[0].Checkpoints != 2 {
		t.Fatalf("keys are %+v", r.Keys)
	}
	pinned := ledger.VerifyConfig{Keys: []string{r.Keys[0].Public}}
	if r := w.verify(pinned); !r.Good() {
		t.Errorf("found %+v", r.Findings)
	}
	// Another key, introduced properly: whoever has the database can do that.
	other := open(t, w.at, w.bucket, t.TempDir()+"/key")
	other.checkpoint()
	w.good()
	if r := w.verify(pinned); len(r.Findings) != 1 || r.Findings[0].Kind != ledger.UnknownKey {
		t.Errorf("found %+v", r.Findings)
	}
}

// With database, bucket and key another history can be made. A checkpoint kept
// elsewhere tells.
func TestACheckpointKeptElsewhere(t *testing.T) {
	w := history(t)
	kept := w.read(second)
	if r := w.verify(ledger.VerifyConfig{Kept: kept}); !r.Good() {
		t.Errorf("found %+v", r.Findings)
	}
	w.remove(first)
	w.remove(second)
	w.remove(latest)
	w.execute(`UPDATE ledger_head SET checkpoint = 0`)
	w.execute(`UPDATE ledger_records SET actor = 'eve' WHERE sequence = 3`)
	w.remake(3)
	w.checkpoint()
	w.add("x")
	w.checkpoint()
	w.good()
	if r := w.verify(ledger.VerifyConfig{Kept: kept}); len(r.Findings) != 1 || r.Findings[0].Kind != ledger.Rewritten {
		t.Errorf("found %+v", r.Findings)
	}
}

// Whatever one touches of what was signed, it is found.
func TestAnyTamperingIsFound(t *testing.T) {
	if testing.Short() {
		t.Skip("it needs a database")
	}
	columns := map[string][]string{
		"ledger_records": {"at", "actor", "action", "target", "revision", "why", "before", "after", "previous", "hash"},
		"changes":        {"at", "actor", "type", "id", "action", "before", "after"},
		"ledger_seals":   {"previous", "hash", "marks"},
	}
	keys := map[string]string{"ledger_records": "sequence", "changes": "sequence", "ledger_seals": "last"}
	signed := map[string][]int{"ledger_records": {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, "changes": {1, 2, 3, 4, 5, 6, 7, 8}, "ledger_seals": {4, 8}}
	w := history(t)
	rapid.Check(t, func(rt *rapid.T) {
		table := rapid.SampledFrom([]string{"ledger_records", "changes", "ledger_seals"}).Draw(rt, "table")
		number := rapid.SampledFrom(signed[table]).Draw(rt, "row")
		statement := fmt.Sprintf(`DELETE FROM %s WHERE %s = %d`, table, keys[table], number)
		if column := rapid.SampledFrom(append(columns[table], "")).Draw(rt, "column"); column != "" {
			value := rapid.StringMatching(`[a-z0-9]{0,3}`).Draw(rt, "value")
			statement = fmt.Sprintf(`UPDATE %s SET %s = '%s' WHERE %s = %d AND (%[2]s IS NULL OR %[2]s <> '%[3]s')`,
				table, column, value, keys[table], number)
		}
		report := w.try(statement)
		if report != nil && report.Good() {
			rt.Fatalf("not found: %s", statement)
		}
	})
	w.good()
}
