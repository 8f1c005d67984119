package catalog_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"sync"
	"testing"

	"ovenbird/internal/catalog"
	"ovenbird/internal/database"
	"ovenbird/internal/database/databasetest"
	"ovenbird/internal/ovenbird"
)

// childDatabase is the variable by which a test makes this program a child that
// writes to a catalog until it is killed.
const childDatabase = "CATALOG_TEST_DATABASE"

func TestMain(m *testing.M) {
	if at := os.Getenv(childDatabase); at != "" {
		fmt.Fprintln(os.Stderr, writeForever(at))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// writeForever writes a movie with a license per batch, and says so after each.
func writeForever(at string) error {
	ctx := context.Background()
	var place database.Config
	if err := json.Unmarshal([]byte(at), &place); err != nil {
		return err
	}
	db, err := database.Open(ctx, place)
	if err != nil {
		return err
	}
	store, err := catalog.New(ctx, catalog.Config{}, catalog.Deps{DB: db})
	if err != nil {
		return err
	}
	sequence, err := store.Sequence(ctx)
	if err != nil {
		return err
	}
	for i := int(sequence / 2); ; i++ {
		if err := applyAll(store, movie(fmt.Sprint("t", i)), worldwide(i)); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(os.Stdout, i); err != nil {
			return err
		}
	}
}

func worldwide(i int) string {
	return fmt.Sprintf(`{"type":"license","id":"l%d","title":"t%d","territories":["*"],"applications":["*"],"model":"free"}`, i, i)
}

// Invariant I1, and the half of a batch is none of it.
func TestAKilledWriterKeepsWhatItAcknowledgedAndNothingByHalves(t *testing.T) {
	at := databasetest.Empty(t)
	place, err := json.Marshal(at)
	if err != nil {
		t.Fatal(err)
	}
	const rounds, each = 3, 20
	for range rounds {
		store := openStore(t, at)
		acknowledged := writeAndDie(t, string(place), each)
		after := snapshot(t, store)
		for _, i := range acknowledged {
			id := ovenbird.TitleID("t" + i)
			if after.Titles[id] == nil || len(after.Licenses[id]) != 1 {
				t.Errorf("title %s was acknowledged, and is %+v with %d licenses", id, after.Titles[id], len(after.Licenses[id]))
			}
		}
		if len(after.Titles) != len(after.Licenses) {
			t.Errorf("%d titles have %d licenses: a batch was written by half", len(after.Titles), len(after.Licenses))
		}
		if want := int64(2 * len(after.Titles)); after.Sequence != want {
			t.Errorf("the feed is at %d, want %d", after.Sequence, want)
		}
	}
}

// writeAndDie lets a child write and kills it some time after it has
// acknowledged n batches. It returns those that it has acknowledged.
func writeAndDie(t *testing.T, at string, n int) (acknowledged []string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childDatabase+"="+at)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		acknowledged = append(acknowledged, lines.Text())
		if len(acknowledged) == n { // what it says between this and its death counts as well
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
	}
	if err := cmd.Wait(); len(acknowledged) < n {
		t.Fatalf("the child ended by itself: %v", err)
	}
	return acknowledged
}

// Two databases opened on the same place stand for two processes, a third follows.
func TestWhoFollowsTheFeedOfSeveralWritersMissesNothing(t *testing.T) {
	at := databasetest.Empty(t)
	const writers, batches = 3, 15
	follower := openStore(t, at)
	var writing sync.WaitGroup
	for w := range writers {
		store := openStore(t, at)
		writing.Go(func() {
			for i := range batches {
				id := fmt.Sprintf("w%d-%d", w, i)
				records := []string{movie(id), fmt.Sprintf(`{"type":"title","id":"shared","kind":"movie","sort_key":%q}`, id)}
				if err := applyAll(store, records...); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { writing.Wait(); close(done) }()
	last, followed := int64(0), snapshot(t, follower)
	for ended := false; !ended; {
		select {
		case <-done:
			ended = true // one more look, behind the last write
		default:
		}
		changes, err := follower.Changes(t.Context(), last, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range changes {
			if c.Sequence != last+1 {
				t.Fatalf("change %d comes after %d", c.Sequence, last)
			}
			last = c.Sequence
		}
		if followed, _, err = follower.Refresh(t.Context(), followed); err != nil {
			t.Fatal(err)
		}
	}
	if want := int64(writers * batches * 2); last != want {
		t.Errorf("followed %d changes, want %d", last, want)
	}
	if want := snapshot(t, openStore(t, at)); !reflect.DeepEqual(followed, want) {
		t.Errorf("followed to %+v\nwant %+v", followed, want)
	}
}

// applyAll writes lines that may not be refused, from any goroutine.
func applyAll(store *catalog.Store, lines ...string) error {
	batch := catalog.Batch{Actor: "test", Atomic: true}
	for _, line := range lines {
		record, err := catalog.ParseRecord([]byte(line))
		if err != nil {
			return err
		}
		batch.Records = append(batch.Records, record)
	}
	_, err := store.Apply(context.Background(), batch)
	return err
}

// More titles than one statement writes or reads, each below the one behind it,
// which the batch comes back to.
func TestABatchIsWrittenInAnOrderThatReferencesAllow(t *testing.T) {
	const n = 300
	store := newStore(t)
	var puts, again, deletes []string
	for i := range n {
		puts = append(puts,
			fmt.Sprintf(`{"type":"title","id":"r%d","kind":"series"}`, i),
			fmt.Sprintf(`{"type":"title","id":"s%d","kind":"season","parent":"r%d"}`, i, i/2),
			fmt.Sprintf(`{"type":"title","id":"e%d","kind":"episode","parent":"s%d"}`, i, i))
		again = append(again, fmt.Sprintf(`{"type":"title","id":"r%d","op":"merge","year":2000}`, i))
		deletes = append(deletes,
			fmt.Sprintf(`{"type":"title","id":"r%d","op":"delete"}`, i),
			fmt.Sprintf(`{"type":"title","id":"s%d","op":"delete"}`, i),
			fmt.Sprintf(`{"type":"title","id":"e%d","op":"delete"}`, i))
	}
	mustApply(t, store, slices.Concat(puts, again)...)
	if got := len(snapshot(t, store).Titles); got != 3*n {
		t.Errorf("%d titles, want %d", got, 3*n)
	}
	mustApply(t, store, deletes...)
	if got := len(snapshot(t, store).Titles); got != 0 {
		t.Errorf("%d titles are left", got)
	}
}

func TestWhatABatchDoesLastToAThingIsWhatCounts(t *testing.T) {
	store := newStore(t)
	named := `{"type":"title","id":"t1","kind":"movie","texts":{"name":{"en":"A"},"synopsis":{"en":"S"}}}`
	mustApply(t, store, named, `{"type":"collection","id":"c1","items":["t1","t2"],"texts":{"name":{"en":"C"}}}`)
	mustApply(t, store,
		`{"type":"title","id":"t1","op":"delete"}`, movie("t1"), `{"type":"title","id":"t1","op":"merge","texts":{"name":{"en":"B"}}}`,
		movie("t3"), `{"type":"title","id":"t3","op":"delete"}`,
		`{"type":"collection","id":"c1","op":"delete"}`, `{"type":"collection","id":"c1","items":["t2"]}`)
	got := snapshot(t, store)
	equal(t, ovenbird.Texts{ovenbird.Name: {"en": "B"}}, got.Titles["t1"].Texts)
	equal(t, &ovenbird.Collection{ID: "c1", Published: true, Items: []ovenbird.TitleID{"t2"}}, got.Collections["c1"])
	if got.Titles["t3"] != nil {
		t.Error("a title that was deleted in the batch that made it is there")
	}
	if outcome := apply(t, store, `{"type":"title","id":"t3","kind":"series"}`); outcome[0] == "changed" {
		t.Error("a title that was a movie came back as a series")
	}
}
