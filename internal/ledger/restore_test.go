package ledger_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"ovenbird/internal/backup"
	"ovenbird/internal/catalog"
	"ovenbird/internal/ledger"
)

func backupConfig(t *testing.T) backup.Config {
	t.Helper()
	theirs, err := catalog.Migrations()
	if err != nil {
		t.Fatal(err)
	}
	ours, err := ledger.Migrations()
	if err != nil {
		t.Fatal(err)
	}
	return backup.Config{
		Program: "test", Sequence: catalog.SequenceIn, Derived: catalog.Restored,
		Features: []backup.Feature{{Name: "catalog", Migrations: theirs}, {Name: "ledger", Migrations: ours}},
	}
}

// backUp writes a backup and returns what restores it.
func (w *world) backUp(t *testing.T) (restore func()) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "backup")
	if _, err := backup.WriteFile(t.Context(), backupConfig(t), w.db, path); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if _, err := backup.Restore(t.Context(), backupConfig(t), w.db, path, true); err != nil {
			t.Fatal(err)
		}
	}
}

// older makes history, with a backup after its first checkpoint that it returns.
func older(t *testing.T) (w *world, restore func()) {
	t.Helper()
	w = newWorld(t)
	w.add("a", "b")
	w.edit("t1")
	w.checkpoint()
	w.add("c")
	restore = w.backUp(t)
	w.add("d")
	w.edit("t2", "t3")
	w.checkpoint()
	w.add("e")
	w.checkpoint()
	return w, restore
}

func TestARestoreThatNobodyAnnouncedIsACutOff(t *testing.T) {
	w, restore := older(t)
	restore()
	w.finds(finding("change", ledger.CutOff, 2, 3), finding("record", ledger.CutOff, 5, 6), finding("seal", ledger.CutOff, 2, 3))
	if _, err := w.keeper.Checkpoint(t.Context()); !errors.Is(err, ledger.ErrDiverged) {
		t.Errorf("it was signed: %v", err)
	}
}

func TestARestoreIsDeclaredAndRecorded(t *testing.T) {
	w, restore := older(t)
	if err := w.keeper.Announce(t.Context(), "backup of noon"); err != nil {
		t.Fatal(err)
	}
	restore()
	if _, err := w.keeper.Restored(t.Context()); err != nil {
		t.Fatal(err)
	}
	declared(t, w)
	// And it goes on, over the numbers that were given up.
	w.add("f", "g", "h", "i")
	w.edit("t4", "t5", "t6")
	w.checkpoint()
	w.good()
	w.execute(`UPDATE ledger_records SET why = 'because' WHERE sequence = 2`)
	w.finds(finding("record", ledger.Edited, 2, 2))
}

// declared checks what a restore of older leaves.
func declared(t *testing.T, w *world) {
	t.Helper()
	r := w.good()
	if len(r.Declared) != 1 {
		t.Fatalf("declared is %+v", r.Declared)
	}
	d := r.Declared[0]
	if d.Checkpoint != 5 || d.Continues != 1 || d.Why != "backup of noon" || d.Records != 3 || d.Changes != 2 {
		t.Errorf("declared is %+v", d)
	}
	list, _, err := w.List(context.Background(), ledger.Filter{Action: ledger.RestoreAction}, ledger.Position{}, 9)
	if err != nil || len(list) != 1 || list[0].Why != "backup of noon" || list[0].Target != "checkpoint 4" {
		t.Errorf("recorded is %+v, %v", list, err)
	}
}

// Who was killed after the restore left no record; the next checkpoint has it made.
func TestARestoreThatWasKilledIsFinished(t *testing.T) {
	w, restore := older(t)
	if err := w.keeper.Announce(t.Context(), "backup of noon"); err != nil {
		t.Fatal(err)
	}
	restore()
	w.add("somebody was faster")
	w.checkpoint()
	declared(t, w)
}

// An announcement of which nothing came excuses nothing afterwards.
func TestAnAnnouncementIsOverWithTheNextCheckpoint(t *testing.T) {
	w, restore := older(t)
	if err := w.keeper.Announce(t.Context(), "backup of noon"); err != nil {
		t.Fatal(err)
	}
	w.checkpoint()
	if r := w.good(); len(r.Declared) != 0 {
		t.Errorf("declared is %+v", r.Declared)
	}
	restore()
	if _, err := w.keeper.Checkpoint(t.Context()); !errors.Is(err, ledger.ErrDiverged) {
		t.Errorf("it was signed: %v", err)
	}
}

// A backup can be restored beside, to a bucket that knows nothing of it.
func TestARestoreToANewBucket(t *testing.T) {
	w, restore := older(t)
	fresh := newWorld(t)
	w.bucket, w.keyPath = fresh.bucket, fresh.keyPath
	w = open(t, w.at, fresh.bucket, fresh.keyPath)
	if err := w.keeper.Announce(t.Context(), "moved"); err != nil {
		t.Fatal(err)
	}
	restore()
	n, err := w.keeper.Restored(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.good()
	w.add("x")
	if next := w.checkpoint(); next.Number != n.Number+1 {
		t.Errorf("checkpoint %d after %d", next.Number, n.Number)
	}
	w.good()
}

// What was restored behind the program's back a person can accept, in the open.
func TestADivergedDatabaseCanBeAccepted(t *testing.T) {
	w, restore := older(t)
	restore()
	if err := w.keeper.Announce(t.Context(), "the disk was lost"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.keeper.Restored(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r := w.good(); len(r.Declared) != 1 || r.Declared[0].Why != "the disk was lost" {
		t.Errorf("declared is %+v", r.Declared)
	}
	w.add("x")
	w.checkpoint()
	w.good()
}
