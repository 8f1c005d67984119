package facts

import (
	"cmp"
	"iter"
	"slices"
	"sync"
	"time"

	"ovenbird/internal/ovenbird"
)

// Index is what views of one catalog share: what depends on no edition's rules and
// no instant. It works out what it is asked for, and remembers it. Any number of
// goroutines may use it.
type Index struct {
	snapshot *ovenbird.Snapshot

	mu       sync.Mutex
	turns    []turn // ordered; nil until asked for
	searches []*search
}

// turn is an instant at which a license of a title starts or ends.
type turn struct {
	at    time.Time
	title ovenbird.TitleID
}

func (t turn) compare(other turn) int {
	return cmp.Or(t.at.Compare(other.at), cmp.Compare(t.title, other.title))
}

// NewIndex returns the index of a catalog.
func NewIndex(s *ovenbird.Snapshot) *Index { return &Index{snapshot: s} }

// Snapshot returns the catalog that x is of.
func (x *Index) Snapshot() *ovenbird.Snapshot { return x.snapshot }

// Follow makes x the index of a later state of the catalog, which differs in the
// given titles and their licenses, each named once, and in no others. It takes time in proportion to
// these. Nobody may use x meanwhile; views of it have to follow too before they are
// used again.
func (x *Index) Follow(next *ovenbird.Snapshot, titles []ovenbird.TitleID) {
	prev := x.snapshot
	x.snapshot = next
	for _, id := range titles {
		x.turn(prev, next, id)
		for _, s := range x.searches {
			s.replace(prev.Titles[id], next.Titles[id])
		}
	}
}

// turn replaces the turns of a title, if x has any at all.
func (x *Index) turn(prev, next *ovenbird.Snapshot, id ovenbird.TitleID) {
	before, after := slices.Collect(turnsOf(prev, id)), slices.Collect(turnsOf(next, id))
	if x.turns == nil || slices.EqualFunc(before, after, func(a, b turn) bool { return a.compare(b) == 0 }) {
		return
	}
	for _, t := range before {
		if i, ok := slices.BinarySearchFunc(x.turns, t, turn.compare); ok {
			x.turns = slices.Delete(x.turns, i, i+1)
		}
	}
	for _, t := range after {
		i, _ := slices.BinarySearchFunc(x.turns, t, turn.compare)
		x.turns = slices.Insert(x.turns, i, t)
	}
}

// turnsOf yields when the licenses of a title start and end.
func turnsOf(s *ovenbird.Snapshot, id ovenbird.TitleID) iter.Seq[turn] {
	return func(yield func(turn) bool) {
		for _, l := range s.Licenses[id] {
			for _, at := range []time.Time{l.Window.Start, l.Window.End} {
				if !at.IsZero() && !yield(turn{at, id}) {
					return
				}
			}
		}
	}
}

// Turns yields, in order, the instants in (after, until] at which a license starts
// or ends, with the title whose it is, which may not be in the catalog.
func (x *Index) Turns(after, until time.Time) iter.Seq2[time.Time, ovenbird.TitleID] {
	all := x.allTurns()
	first, _ := slices.BinarySearchFunc(all, after, func(t turn, after time.Time) int {
		if t.at.After(after) {
			return 1
		}
		return -1
	})
	return func(yield func(time.Time, ovenbird.TitleID) bool) {
		for _, t := range all[first:] {
			if t.at.After(until) || !yield(t.at, t.title) {
				return
			}
		}
	}
}

func (x *Index) allTurns() []turn {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.turns == nil {
		x.turns = []turn{}
		for id := range x.snapshot.Licenses {
			x.turns = slices.AppendSeq(x.turns, turnsOf(x.snapshot, id))
		}
		slices.SortFunc(x.turns, turn.compare)
	}
	return x.turns
}

// searchBy returns what knows what prefixes find for editions with such chains.
func (x *Index) searchBy(chains []Chain, longest int) *search {
	x.mu.Lock()
	defer x.mu.Unlock()
	locales := make([][]ovenbird.Locale, len(chains))
	for i, c := range chains {
		locales[i] = c.Locales
	}
	for _, s := range x.searches {
		if s.longest == longest && slices.EqualFunc(s.chains, locales, slices.Equal) {
			return s
		}
	}
	s := newSearch(locales, longest, x.snapshot)
	x.searches = append(x.searches, s)
	return s
}
