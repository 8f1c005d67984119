package shape

import (
	"iter"

	"ovenbird/internal/facts"
	"ovenbird/internal/ovenbird"
)

// Output is one rendered document without its cards.
type Output struct {
	Body  []byte // the document; complete where there are no slots
	Slots []Slot // in the order of their offsets
}

// Slot is a place in a document where the bytes of a card go.
type Slot struct {
	Offset int // in Body, before the card of this or any other slot is put in
	Card   *Card
	Title  ovenbird.TitleID
}

// Renderer executes plans over one view. It remembers what lists need and
// reuses its buffers, so it belongs to one goroutine, as its view does.
type Renderer struct {
	view        *facts.View
	collections []*ovenbird.Collection // nil until asked for
	ordered     map[orderedKey][]item
	soon        map[soonKey][]turning
	found       found
	texts       map[textKey][]wording

	// Two, so that cards may be rendered while a document is looked at.
	document, card run
}

// NewRenderer returns a renderer of what a view sees.
func NewRenderer(v *facts.View) *Renderer {
	r := &Renderer{
		view:    v,
		ordered: make(map[orderedKey][]item),
		soon:    make(map[soonKey][]turning),
		texts:   make(map[textKey][]wording),
	}
	r.document.Renderer, r.card.Renderer = r, r
	return r
}

// Document yields a document once for each class of countries: disjoint sets
// that cover exactly those of countries in which the document exists. The output
// is valid until the next step, or the next document of the same renderer.
func (r *Renderer) Document(p *Plan, keys Keys, countries ovenbird.CountrySet) iter.Seq2[ovenbird.CountrySet, *Output] {
	return func(yield func(ovenbird.CountrySet, *Output) bool) {
		x := &r.document
		for todo := countries.Intersect(r.view.Edition().Countries); !todo.Empty(); {
			x.plan, x.keys = p, keys
			x.start(todo)
			p.root.append(x, struct{}{})
			class := x.class
			todo = todo.Minus(class)
			if !x.missing && !yield(class, &x.Output) {
				return
			}
		}
	}
}

// Card yields a card's bytes for a title once for each class of countries:
// disjoint sets that cover exactly those of countries in which the title is
// visible, or all of them for a preview. The bytes are valid until the next step,
// or the next card of the same renderer; they have no slots. A title that is not
// in the catalog has no card.
func (r *Renderer) Card(c *Card, id ovenbird.TitleID, countries ovenbird.CountrySet) iter.Seq2[ovenbird.CountrySet, []byte] {
	return func(yield func(ovenbird.CountrySet, []byte) bool) {
		t := r.view.Snapshot().Titles[id]
		if t == nil {
			return
		}
		todo := countries.Intersect(r.view.Edition().Countries)
		if !c.preview {
			todo = todo.Intersect(r.view.Visible(t))
		}
		for x := &r.card; !todo.Empty(); {
			x.start(todo)
			c.body.append(x, t)
			class := x.class
			todo = todo.Minus(class)
			if !yield(class, x.Body) {
				return
			}
		}
	}
}

// run is one execution: for the country with bit country, and for those that
// turn out to be like it.
type run struct {
	*Renderer
	Output

	plan    *Plan // nil in a card
	keys    Keys
	country uint8
	alone   ovenbird.CountrySet // country by itself
	class   ovenbird.CountrySet // the countries for which every fact read so far is the same
	missing bool                // the document does not exist in class
	events  []event             // reused
	alike   []int               // reused
}

// start begins an execution for the first of the countries in todo.
func (x *run) start(todo ovenbird.CountrySet) {
	x.country, _ = todo.First()
	x.alone = alone(x.country)
	x.class = todo
	x.missing = false
	x.Body, x.Slots = x.Body[:0], x.Slots[:0]
}

// alone returns the set of the country with bit c.
func alone(c uint8) (set ovenbird.CountrySet) {
	set[c>>6] = 1 << (c & 63)
	return set
}

// narrow keeps the countries in which a fact is the same as in x.country, which
// always agrees with itself.
func (x *run) narrow(same ovenbird.CountrySet) {
	x.class = x.class.Intersect(same.Union(x.alone))
}

// holds reads a yes-or-no fact that is true in a set of countries.
func (x *run) holds(yes ovenbird.CountrySet) bool {
	if yes.HasIndex(x.country) {
		x.class = x.class.Intersect(yes)
		return true
	}
	x.class = x.class.Minus(yes)
	return false
}

func (x *run) visible(t *ovenbird.Title) bool { return x.holds(x.view.Visible(t)) }

func (x *run) null() { x.Body = appendNull(x.Body) }

// separate writes the comma before all elements of a list but the first.
func (x *run) separate(i int) {
	if i > 0 {
		x.Body = append(x.Body, ',')
	}
}
