package facts

import (
	"iter"
	"maps"
	"slices"

	"ovenbird/internal/ovenbird"
	"ovenbird/internal/words"
)

// Find is what a prefix finds in the countries of one chain, whether it is visible
// or not. Each list is ordered by CompareTitles. It is shared: do not write to it.
type Find struct {
	Leading []*ovenbird.Title // whose name there begins with the prefix
	Others  []*ovenbird.Title // in whose name another of its starts (words.Starts) does
}

// At returns the title at a place of the list that a viewer sees, counted from 0:
// those that lead, then the others; nil behind the last.
func (f *Find) At(i int) *ovenbird.Title {
	if i < len(f.Leading) {
		return f.Leading[i]
	}
	if i -= len(f.Leading); i < len(f.Others) {
		return f.Others[i]
	}
	return nil
}

// list returns the list of those that lead, or of the others.
func (f *Find) list(leads bool) *[]*ovenbird.Title {
	if leads {
		return &f.Leading
	}
	return &f.Others
}

// Place is where a title stands in what a prefix finds.
type Place struct {
	Prefix string
	Chain  int // in the edition's Chains
	At     int // what Find.At takes
}

// Prefixes returns every prefix, up to longest characters, that finds something
// in this edition, sorted. Only titles at the top (movies, series and clips of
// nothing) are found.
func (v *View) Prefixes(longest int) []string {
	return slices.Sorted(maps.Keys(v.timeless.searchBy(longest).finds))
}

// Search returns what a folded prefix of at most longest characters finds, for
// each of the edition's Chains; nil where it finds nothing.
func (v *View) Search(prefix string, longest int) []Find {
	return v.timeless.searchBy(longest).finds[prefix]
}

// Places returns where a title of the catalog stands in what prefixes of at most
// longest characters find in this edition.
func (v *View) Places(t *ovenbird.Title, longest int) []Place {
	s := v.timeless.searchBy(longest)
	var places []Place
	for e := range s.entries(t) {
		f := &s.finds[e.prefix][e.chain]
		at, _ := slices.BinarySearchFunc(*f.list(e.leads), t, ovenbird.CompareTitles)
		if !e.leads {
			at += len(f.Leading)
		}
		places = append(places, Place{Prefix: e.prefix, Chain: e.chain, At: at})
	}
	return places
}

func (s *timeless) searchBy(longest int) *search {
	if s.search == nil || s.search.longest != longest {
		s.search = s.index.searchBy(s.edition.Chains, longest)
	}
	return s.search
}

// search knows what folded prefixes find, for editions with the same chains.
type search struct {
	longest int // characters
	chains  [][]ovenbird.Locale
	finds   map[string][]Find // by prefix; one for each chain, and something in one of them
}

func newSearch(chains [][]ovenbird.Locale, longest int, s *ovenbird.Snapshot) *search {
	x := &search{longest: longest, chains: chains, finds: make(map[string][]Find)}
	titles := make([]*ovenbird.Title, 0, len(s.Titles))
	for _, t := range s.Titles {
		titles = append(titles, t)
	}
	slices.SortFunc(titles, ovenbird.CompareTitles)
	for _, t := range titles {
		x.add(t)
	}
	return x
}

// entry says that a prefix finds a title.
type entry struct {
	prefix string
	chain  int
	leads  bool
}

// entries yields all entries of a title, each prefix of a chain once.
func (x *search) entries(t *ovenbird.Title) iter.Seq[entry] {
	return func(yield func(entry) bool) {
		if t.Parent != "" {
			return
		}
		var last string
		var prefixes []string
		leading := 0 // so many of prefixes lead
		for chain, locales := range x.chains {
			name, ok := fallback(t.Texts[ovenbird.Name], locales)
			if !ok {
				continue
			}
			if prefixes == nil || name != last {
				last = name
				prefixes, leading = x.prefixes(name)
			}
			for i, prefix := range prefixes {
				if !yield(entry{prefix, chain, i < leading}) {
					return
				}
			}
		}
	}
}

// prefixes returns the prefixes that find a name, each once, those of its first
// start before the others, and how many these are.
func (x *search) prefixes(name string) (prefixes []string, leading int) {
	prefixes = []string{}
	for i, start := range words.Starts(name) {
		for end, n := range prefixEnds(start) {
			if n > x.longest {
				break
			}
			if !slices.Contains(prefixes, start[:end]) {
				prefixes = append(prefixes, start[:end])
			}
		}
		if i == 0 {
			leading = len(prefixes)
		}
	}
	return prefixes, leading
}

// prefixEnds yields the byte offset after each character of s, and its count.
func prefixEnds(s string) iter.Seq2[int, int] {
	return func(yield func(end, n int) bool) {
		n := 0
		for i, r := range s {
			n++
			if !yield(i+len(string(r)), n) {
				return
			}
		}
	}
}

// add enters a title.
func (x *search) add(t *ovenbird.Title) {
	for e := range x.entries(t) {
		finds := x.finds[e.prefix]
		if finds == nil {
			finds = make([]Find, len(x.chains))
			x.finds[e.prefix] = finds
		}
		list := finds[e.chain].list(e.leads)
		if n := len(*list); n == 0 || ovenbird.CompareTitles((*list)[n-1], t) < 0 {
			*list = append(*list, t) // as always when all are added in order
			continue
		}
		at, _ := slices.BinarySearchFunc(*list, t, ovenbird.CompareTitles)
		*list = slices.Insert(*list, at, t)
	}
}

// replace takes a title out, as it was, and adds it as it is; either may be nil.
func (x *search) replace(before, after *ovenbird.Title) {
	if before != nil {
		x.remove(before)
	}
	if after != nil {
		x.add(after)
	}
}

// remove takes a title out that was added like that.
func (x *search) remove(t *ovenbird.Title) {
	for e := range x.entries(t) {
		finds := x.finds[e.prefix]
		list := finds[e.chain].list(e.leads)
		if at, ok := slices.BinarySearchFunc(*list, t, ovenbird.CompareTitles); ok {
			*list = slices.Delete(*list, at, at+1)
		}
		if !slices.ContainsFunc(finds, func(f Find) bool { return f.At(0) != nil }) {
			delete(x.finds, e.prefix)
		}
	}
}
