package shape

import (
	"slices"

	"ovenbird/internal/facts"
	"ovenbird/internal/ovenbird"
)

// found is what a prefix found that was searched last, as far as it was looked at:
// all classes of its document are made one after the other. Of the thousands of
// titles that a short prefix finds, a list has room for a few.
type found struct {
	prefix  string
	longest int
	finds   []facts.Find // by chain; nil where nothing was found
	items   [][]item     // the first of each
	reach   []int        // by chain: how many places were looked at, the one behind the last among them
}

// searched returns what a prefix finds.
func (r *Renderer) searched(prefix string, longest int) *found {
	if r.found.prefix == prefix && r.found.longest == longest {
		return &r.found
	}
	chains := len(r.view.Edition().Chains)
	reach := r.found.reach
	if r.found.prefix != prefix {
		reach = make([]int, chains)
	}
	r.found = found{
		prefix: prefix, longest: longest, finds: r.view.Search(prefix, longest), items: make([][]item, chains), reach: reach,
	}
	return &r.found
}

// Searched returns, for each of the edition's Chains, how many of the places of
// what a prefix finds (facts.Find.At) the documents of the prefix that was rendered
// last looked at. What comes behind these changed nothing in them.
func (r *Renderer) Searched() []int { return slices.Clone(r.found.reach) }

// item returns what stands at a place of a chain's list, with where it is visible; a
// zero item behind the last.
func (x *run) item(f *found, chain, at int) item {
	if at == len(f.items[chain]) {
		title := f.finds[chain].At(at)
		if title == nil {
			return item{}
		}
		f.items[chain] = append(f.items[chain], item{title, x.view.Visible(title)})
	}
	return f.items[chain][at]
}

// search writes up to first of what the document's prefix finds and returns how
// many. The countries of other chains stay in the class as long as they find the
// same.
func (x *run) search(first int, slot write[*ovenbird.Title]) int {
	x.Body = append(x.Body, '[')
	count := 0
	f := x.searched(x.keys.Prefix, x.plan.longestPrefix)
	if f.finds != nil {
		count = x.finds(f, first, slot)
	}
	x.Body = append(x.Body, ']')
	return count
}

func (x *run) finds(f *found, first int, slot write[*ovenbird.Title]) (count int) {
	chains := x.view.Edition().Chains
	mine := slices.IndexFunc(chains, func(c facts.Chain) bool { return c.Countries.HasIndex(x.country) })
	x.alike = x.alike[:0]
	for i := range chains {
		x.alike = append(x.alike, i)
	}
	looked := 0
	for count < first {
		it := x.item(f, mine, looked)
		x.alike = slices.DeleteFunc(x.alike, func(c int) bool { return f.finds[c].At(looked) != it.title })
		looked++
		if it.title == nil {
			break
		}
		if x.holds(it.visible) {
			x.separate(count)
			slot(x, it.title)
			count++
		}
	}
	var same ovenbird.CountrySet
	for _, c := range x.alike {
		same = same.Union(chains[c].Countries)
		f.reach[c] = max(f.reach[c], looked)
	}
	x.narrow(same)
	return count
}
