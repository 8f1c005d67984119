package facts

import (
	"slices"

	"ovenbird/internal/ovenbird"
	"ovenbird/internal/words"
)

// Hit is a title that a search finds in some countries.
type Hit struct {
	Title     *ovenbird.Title
	Countries ovenbird.CountrySet // where one of the starts of its name (words.Starts) begins with the prefix
	Leading   ovenbird.CountrySet // those of them where its first one does, so that it comes first
}

// searchIndex maps folded prefixes to hits, ordered by CompareTitles.
type searchIndex struct {
	longest int             // characters
	only    map[string]bool // the prefixes it knows; nil for all
	hits    map[string][]Hit
}

// Prefixes returns every prefix, up to longest characters, that finds something
// in this edition, sorted. Only titles at the top (movies, series and clips of
// nothing) are found.
func (v *View) Prefixes(longest int) []string {
	index := v.timeless.searchBy(longest)
	prefixes := make([]string, 0, len(index.hits))
	for p := range index.hits {
		prefixes = append(prefixes, p)
	}
	slices.Sort(prefixes)
	return prefixes
}

// Search returns what a folded prefix of at most longest characters finds,
// whether it is visible or not, ordered by CompareTitles. A list in one country
// shows the hits that lead there before the others.
func (v *View) Search(prefix string, longest int) []Hit {
	return v.timeless.searchBy(longest).hits[prefix]
}

// NarrowSearch makes Search and Prefixes know the given prefixes and no others,
// in this view and those at other instants: for an update that makes few lists
// again and has no use for an index of the whole catalog.
func (v *View) NarrowSearch(longest int, prefixes map[string]bool) {
	v.timeless.search = v.timeless.index(longest, prefixes)
}

// PrefixesOf returns the prefixes that find t anywhere in this edition.
func (v *View) PrefixesOf(t *ovenbird.Title, longest int) []string {
	found := &searchIndex{longest: longest, hits: make(map[string][]Hit)}
	v.timeless.addHits(found, t)
	prefixes := make([]string, 0, len(found.hits))
	for p := range found.hits {
		prefixes = append(prefixes, p)
	}
	return prefixes
}

func (s *timeless) searchBy(longest int) *searchIndex {
	if s.search != nil && s.search.longest == longest {
		return s.search
	}
	s.search = s.index(longest, nil)
	return s.search
}

// index makes the index of the given prefixes, of all where only is nil.
func (s *timeless) index(longest int, only map[string]bool) *searchIndex {
	index := &searchIndex{longest: longest, only: only, hits: make(map[string][]Hit)}
	for _, t := range s.snapshot.Titles {
		s.addHits(index, t)
	}
	for _, hits := range index.hits {
		slices.SortFunc(hits, func(a, b Hit) int { return ovenbird.CompareTitles(a.Title, b.Title) })
	}
	return index
}

// addHits enters t under every prefix of every name it goes by.
func (s *timeless) addHits(index *searchIndex, t *ovenbird.Title) {
	if t.Parent != "" {
		return
	}
	for i := range s.edition.Chains {
		chain := &s.edition.Chains[i]
		if name, ok := fallback(t.Texts[ovenbird.Name], chain.Locales); ok {
			index.add(t, words.Starts(name), chain.Countries)
		}
	}
}

func (x *searchIndex) add(t *ovenbird.Title, starts []string, countries ovenbird.CountrySet) {
	for i, start := range starts {
		leading := ovenbird.CountrySet{}
		if i == 0 {
			leading = countries
		}
		for end, n := range prefixEnds(start) {
			if n > x.longest {
				break
			}
			x.enter(start[:end], Hit{Title: t, Countries: countries, Leading: leading})
		}
	}
}

// prefixEnds yields the byte offset after each character of s, and its count.
func prefixEnds(s string) func(yield func(end, n int) bool) {
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

// enter adds a hit, joined with the title's own under the same prefix.
func (x *searchIndex) enter(prefix string, hit Hit) {
	if x.only != nil && !x.only[prefix] {
		return
	}
	hits := x.hits[prefix]
	for i := len(hits) - 1; i >= 0 && hits[i].Title == hit.Title; i-- {
		hits[i].Countries = hits[i].Countries.Union(hit.Countries)
		hits[i].Leading = hits[i].Leading.Union(hit.Leading)
		return
	}
	x.hits[prefix] = append(hits, hit)
}
