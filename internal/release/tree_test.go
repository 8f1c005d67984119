package release_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

// anyKey draws from few enough keys that edits meet each other, and enough that
// the tree has several levels.
func anyKey() *rapid.Generator[release.Key] {
	return rapid.Custom(func(t *rapid.T) release.Key {
		return release.Key{
			Edition: rapid.SampledFrom([]string{"", "tv", "web/fi"}).Draw(t, "edition"),
			Path:    fmt.Sprintf("titles/%d.json", rapid.IntRange(0, 400).Draw(t, "title")),
		}
	})
}

var sampleCountries = []ovenbird.Country{"DE", "FI", "JP", "SE", "US"}

// anyClasses draws classes for a row, possibly none.
func anyClasses() *rapid.Generator[[]release.Class] {
	return rapid.Custom(func(t *rapid.T) []release.Class {
		byObject := make(map[byte]ovenbird.CountrySet)
		for _, c := range sampleCountries {
			if object := rapid.ByteRange(0, 3).Draw(t, string(c)); object > 0 {
				byObject[object] = byObject[object].With(c)
			}
		}
		var classes []release.Class
		for object, set := range byObject {
			classes = append(classes, release.Class{Countries: set, Object: release.HashOf([]byte{object})})
		}
		return classes
	})
}

func anyRow() *rapid.Generator[release.Row] {
	return rapid.Custom(func(t *rapid.T) release.Row {
		return release.NewRow(anyKey().Draw(t, "key"), anyClasses().Draw(t, "classes"))
	})
}

// anyRows draws a number of rows that is as often around the size of a leaf as
// far beyond it; rapid's own choice would seldom leave the first leaf.
func anyRows() *rapid.Generator[[]release.Row] {
	return rapid.Custom(func(t *rapid.T) []release.Row {
		n := rapid.SampledFrom([]int{0, 1, 5, 31, 32, 33, 80, 250}).Draw(t, "count")
		return rapid.SliceOfN(anyRow(), n, n).Draw(t, "rows")
	})
}

// applyTo is what Edit does, as a map.
func applyTo(model map[release.Key]release.Row, rows []release.Row) {
	for _, r := range rows {
		if len(r.Classes) == 0 {
			delete(model, r.Key)
		} else {
			model[r.Key] = r
		}
	}
}

func TestTreeIsAFunctionOfItsRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		model := make(map[release.Key]release.Row)
		tree := release.NewTree(nil)
		for _, batch := range rapid.SliceOfN(anyRows(), 0, 6).Draw(t, "batches") {
			applyTo(model, batch)
			if rapid.Bool().Draw(t, "at once") {
				tree = tree.Edit(batch)
			} else {
				for _, r := range batch {
					tree = tree.Set(r)
				}
			}
		}
		for _, key := range slices.SortedFunc(maps.Keys(model), release.Key.Compare) {
			if len(model) > 40 && rapid.IntRange(0, 3).Draw(t, "delete") == 0 {
				tree = tree.Delete(key)
				delete(model, key)
			}
		}

		rows := slices.Collect(maps.Values(model))
		if got, want := tree.Root(), release.NewTree(rows).Root(); got != want {
			t.Fatalf("after edits the root is %s, built from scratch %s", got, want)
		}
		if tree.Len() != len(model) {
			t.Errorf("Len is %d, want %d", tree.Len(), len(model))
		}
		documents := 0
		for row := range tree.All() {
			if !row.Equal(model[row.Key]) {
				t.Errorf("All yields %v, want %v", row, model[row.Key])
			}
			if got, ok := tree.Get(row.Key); !ok || !got.Equal(row) {
				t.Errorf("Get(%s) is %v, %t", row.Key, got, ok)
			}
			documents += row.Countries().Len()
		}
		if tree.Documents() != documents {
			t.Errorf("Documents is %d, want %d", tree.Documents(), documents)
		}
	})
}

func TestTreesWithDifferentRowsHaveDifferentRoots(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tree := release.NewTree(anyRows().Draw(t, "rows"))
		row := anyRow().Draw(t, "row")
		edited := tree.Set(row)
		before, _ := tree.Get(row.Key)
		if same := slices.Equal(before.Classes, row.Classes); same != (edited.Root() == tree.Root()) {
			t.Errorf("row %v became %v, root %s became %s", before, row, tree.Root(), edited.Root())
		}
	})
}

func TestEditLeavesTheOldTreeAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := anyRows().Draw(t, "rows")
		tree := release.NewTree(rows)
		before := slices.Collect(tree.All())
		_ = tree.Edit(anyRows().Draw(t, "edits"))
		after := slices.Collect(tree.All())
		if !slices.EqualFunc(before, after, release.Row.Equal) {
			t.Error("the old tree changed")
		}
	})
}

func TestDiffLeadsFromOneTreeToTheOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := release.NewTree(anyRows().Draw(t, "from"))
		to := release.NewTree(anyRows().Draw(t, "to"))
		if rapid.Bool().Draw(t, "related") {
			to = from.Edit(slices.Collect(to.All()))
		}
		var rows []release.Row
		for c := range from.Diff(to) {
			old, _ := from.Get(c.Key)
			if !slices.Equal(old.Classes, c.Old.Classes) || slices.Equal(c.Old.Classes, c.New.Classes) {
				t.Errorf("%+v is no change of %v", c, old)
			}
			rows = append(rows, c.New)
		}
		if from.Edit(rows).Root() != to.Root() {
			t.Error("the changes do not lead to the other tree")
		}
	})
}

func TestDiffStopsWhenToldTo(t *testing.T) {
	rows := make([]release.Row, 500)
	for i := range rows {
		rows[i] = sampleRow(i, 0)
	}
	seen := 0
	for range release.NewTree(nil).Diff(release.NewTree(rows)) {
		seen++
		if seen == 3 {
			break
		}
	}
	if seen != 3 {
		t.Errorf("saw %d changes", seen)
	}
}

func TestNewRowMakesClassesCanonical(t *testing.T) {
	a, b := release.HashOf([]byte("a")), release.HashOf([]byte("b"))
	row := release.NewRow(release.Key{Path: "x"}, []release.Class{
		{Countries: countries("SE"), Object: b},
		{Countries: countries("US"), Object: a},
		{Countries: countries(), Object: release.HashOf(nil)},
		{Countries: countries("FI"), Object: a},
	})
	want := []release.Class{{Countries: countries("FI", "US"), Object: a}, {Countries: countries("SE"), Object: b}}
	if !slices.Equal(row.Classes, want) {
		t.Errorf("got %v, want %v", row.Classes, want)
	}
	if h, ok := row.Object("US"); !ok || h != a {
		t.Errorf("US leads to %s, %t", h, ok)
	}
	if _, ok := row.Object("DE"); ok {
		t.Error("DE leads somewhere")
	}
}

func TestNewRowRefusesACountryInTwoClasses(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("accepted")
		}
	}()
	release.NewRow(release.Key{Path: "x"}, []release.Class{
		{Countries: countries("SE", "FI"), Object: release.HashOf([]byte("a"))},
		{Countries: countries("SE"), Object: release.HashOf([]byte("b"))},
	})
}

// sampleRow is the i-th row of a catalog with a dozen partitions; revision
// makes it lead to other objects.
func sampleRow(i, revision int) release.Row {
	all := ovenbird.AllCountries()
	var classes []release.Class
	for c := range 1 + i%12 {
		set := ovenbird.NewCountrySet(all[c*20 : c*20+15]...)
		classes = append(classes, release.Class{Countries: set, Object: release.HashOf(fmt.Appendf(nil, "%d %d %d", i, c, revision))})
	}
	return release.NewRow(release.Key{Edition: fmt.Sprintf("app%d", i%8), Path: fmt.Sprintf("titles/t%06d.json", i/8)}, classes)
}

func sampleRows(n int) []release.Row {
	rows := make([]release.Row, n)
	for i := range rows {
		rows[i] = sampleRow(i, 0)
	}
	return rows
}

func BenchmarkTreeBuild250k(b *testing.B) {
	rows := sampleRows(250_000)
	for b.Loop() {
		release.NewTree(rows).Root()
	}
}

func BenchmarkTreeUpdate(b *testing.B) {
	tree := release.NewTree(sampleRows(250_000))
	tree.Root()
	i := 0
	for b.Loop() {
		i++
		tree = tree.Set(sampleRow(i*7919%250_000, i))
		tree.Root()
	}
}

func BenchmarkTreeGet(b *testing.B) {
	tree := release.NewTree(sampleRows(250_000))
	key := sampleRow(123_456, 0).Key
	for b.Loop() {
		tree.Get(key)
	}
}
