package release

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
)

// PurgeKey returns the name by which caches purge a document, in all countries.
// Like EditionPurgeKey's, it has no space and no comma in it, and stays the same
// from release to release.
func (k Key) PurgeKey() string {
	return EditionPurgeKey(k.Edition) + strings.ReplaceAll((&url.URL{Path: k.Path}).EscapedPath(), ",", "%2C")
}

// EditionPurgeKey returns the name by which caches purge all documents of an
// edition; "" stands for the documents of the whole site.
func EditionPurgeKey(edition string) string { return edition + "/" }

// Outdated is what caches may hold of a release though a later one says
// otherwise. The zero value is nothing.
type Outdated struct {
	Documents []Key    `json:"documents,omitempty"` // ordered; none of the editions below
	Editions  []string `json:"editions,omitempty"`  // ordered; of these, everything
}

// Empty reports whether o is nothing.
func (o Outdated) Empty() bool { return len(o.Documents) == 0 && len(o.Editions) == 0 }

// FindOutdated compares two releases. It returns every document of which a copy,
// made while before was served and kept for as long as its answer allowed, may
// be other than what after says, in any country, at any instant within after's
// horizon. It may return more, never less.
//
// Transitions that both releases know do not count: an answer's lifetime ends
// there. What else an address depends on is in the manifest, so where the
// editions differ, everything is outdated; and also where after ends sooner than
// before, because copies could outlive it.
//
// lists is brought up to date with after if a card differs.
func FindOutdated(ctx context.Context, before, after *Release, lists *Lists) (Outdated, error) {
	old, next := before.Manifest(), after.Manifest()
	if !equalEditions(old.Editions, next.Editions) || next.HorizonEnd.Before(old.HorizonEnd) {
		return old.Everything().Merge(next.Everything()), nil
	}
	oldContent, err := before.Content(ctx)
	if err != nil {
		return Outdated{}, err
	}
	nextContent, err := after.Content(ctx)
	if err != nil {
		return Outdated{}, err
	}
	from := old.AsOf
	if next.AsOf.After(from) {
		from = next.AsOf
	}
	documents, cards := make(map[Key]bool), make(map[Key]bool)
	for key := range differing(oldContent, nextContent, from) {
		if key.IsCard() {
			cards[key] = true
		} else {
			documents[key] = true
		}
	}
	if len(cards) > 0 {
		if err := lists.Follow(ctx, after); err != nil {
			return Outdated{}, err
		}
		// A list that differs itself is there already; one that does not has the
		// same slots in both releases.
		for list := range lists.holding(cards) {
			documents[list] = true
		}
	}
	return Outdated{Documents: slices.SortedFunc(maps.Keys(documents), Key.Compare)}, nil
}

// Everything is all documents of the release, whatever they are.
func (m Manifest) Everything() Outdated {
	names := []string{""} // the documents of the whole site
	for _, e := range m.Editions {
		names = append(names, e.Name)
	}
	return Outdated{}.Merge(Outdated{Editions: names})
}

// differing returns the keys of the rows that are not the same in both contents
// at some instant, beginning with from. What one of them says last stays so: an
// edge may have served it past the horizon.
func differing(before, after Content, from time.Time) map[Key]bool {
	keys := make(map[Key]bool)
	oldTree, newTree := before.At(from), after.At(from)
	for change := range oldTree.Diff(newTree) {
		keys[change.Key] = true
	}
	olds, news := changesAfter(before.Patches, from), changesAfter(after.Patches, from)
	instants := slices.Concat(slices.Collect(maps.Keys(olds)), slices.Collect(maps.Keys(news)))
	slices.Sort(instants)
	a, b := rowsOver{tree: oldTree}, rowsOver{tree: newTree}
	for _, instant := range slices.Compact(instants) {
		a.apply(olds[instant])
		b.apply(news[instant])
		for _, row := range slices.Concat(olds[instant], news[instant]) {
			if !a.get(row.Key).Equal(b.get(row.Key)) {
				keys[row.Key] = true
			}
		}
	}
	return keys
}

// changesAfter returns the rows of patches after an instant, by the nanoseconds
// of theirs since 1970.
func changesAfter(patches []Patch, from time.Time) map[int64][]Row {
	rows := make(map[int64][]Row)
	for _, p := range patches {
		if p.At.After(from) {
			rows[p.At.UnixNano()] = p.Rows
		}
	}
	return rows
}

// rowsOver is a tree with rows laid over it.
type rowsOver struct {
	tree  *Tree
	newer map[Key]Row
}

func (o *rowsOver) apply(rows []Row) {
	if o.newer == nil {
		o.newer = make(map[Key]Row)
	}
	for _, row := range rows {
		o.newer[row.Key] = row
	}
}

func (o *rowsOver) get(key Key) Row {
	if row, ok := o.newer[key]; ok {
		return row
	}
	row, _ := o.tree.Get(key)
	row.Key = key // also where there is none
	return row
}

// Merge returns what either says.
func (o Outdated) Merge(other Outdated) Outdated {
	editions := slices.Concat(o.Editions, other.Editions)
	slices.Sort(editions)
	editions = slices.Compact(editions)
	documents := slices.Concat(o.Documents, other.Documents)
	slices.SortFunc(documents, Key.Compare)
	documents = slices.DeleteFunc(slices.Compact(documents), func(k Key) bool { return slices.Contains(editions, k.Edition) })
	return Outdated{Documents: documents, Editions: editions}
}

// AtMost returns o as it is, or, if it has more documents than most, with their
// whole editions in their place: more to fetch again, and less to say.
func (o Outdated) AtMost(most int) Outdated {
	if len(o.Documents) <= most {
		return o
	}
	var editions []string
	for _, key := range o.Documents {
		editions = append(editions, key.Edition)
	}
	return o.Merge(Outdated{Editions: editions})
}

// PurgeKeys returns the names by which caches purge it.
func (o Outdated) PurgeKeys() []string {
	var keys []string
	for _, name := range o.Editions {
		keys = append(keys, EditionPurgeKey(name))
	}
	for _, key := range o.Documents {
		keys = append(keys, key.PurgeKey())
	}
	return keys
}
