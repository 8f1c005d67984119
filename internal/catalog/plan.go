package catalog

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"ovenbird/internal/ovenbird"
)

// effect is one change that a batch makes: what the feed says about it, and the
// values before and after, of the type that it is about. A nil value means that
// there is none.
type effect struct {
	typ           RecordType
	id            string
	before, after jsontext.Value

	title      *pair[ovenbird.Title]
	license    *pair[ovenbird.License]
	collection *pair[ovenbird.Collection]
	items      *pair[positions] // with collection or without
	of         ovenbird.CollectionID
}

type pair[T any] struct{ before, after *T }

// plan works out, in memory, what a batch does to a state. A record may refer to
// one further down in the batch: what can not be done yet is tried again after
// the rest, for as long as that helps.
type plan struct {
	state   *state
	check   *checker
	effects []effect
	results []Result
}

// waitingError is in the chain of failures that a later record may lift.
type waitingError struct{ error }

func (e waitingError) Unwrap() error { return e.error }

func waiting(code ovenbird.Code, format string, args ...any) error {
	return waitingError{ovenbird.Errorf(code, format, args...)}
}

func (p *plan) run(records []Record) {
	p.results = make([]Result, len(records))
	pending := make([]int, len(records))
	for i := range records {
		pending[i] = i
	}
	for {
		left := p.pass(records, pending)
		if len(left) == 0 || len(left) == len(pending) {
			p.explainCycles(records, left)
			return
		}
		pending = left
	}
}

// pass tries each pending record once and returns those to try again. Records
// about the same thing keep their order: behind one that waits, all wait.
func (p *plan) pass(records []Record, pending []int) (left []int) {
	held := make(map[string]bool)
	for _, i := range pending {
		key := records[i].String()
		if held[key] {
			left = append(left, i)
			continue
		}
		before := len(p.effects)
		err := p.apply(&records[i])
		_, waits := errors.AsType[waitingError](err)
		p.results[i] = Result{Err: err, Waits: waits}
		if len(p.effects) > before {
			p.results[i].Changed, p.results[i].Action = true, p.effects[before].action()
		}
		if err == nil && !records[i].Expect.zero() {
			p.results[i].Form = p.form(&records[i])
		}
		if waits {
			held[key] = true
			left = append(left, i)
		}
	}
	return left
}

// explainCycles replaces "the parent is not there" by the reason where titles
// wait for each other. Records that never had their turn get one, for an error.
func (p *plan) explainCycles(records []Record, left []int) {
	parents := make(map[string]string)
	for _, i := range left {
		if t := records[i].Title; t != nil && t.Parent != "" {
			parents[records[i].ID] = t.Parent
		}
	}
	for _, i := range left {
		if p.results[i].Err == nil {
			p.results[i] = Result{Err: invalid("it comes after a record about the same id that was refused"), Waits: true}
		}
		if records[i].Title == nil {
			continue
		}
		if path := cycle(parents, records[i].ID); path != nil {
			p.results[i] = Result{Err: belowItself(path)}
		}
	}
}

// cycle follows parents up from id and returns the way back to it, or nil.
func cycle(parents map[string]string, id string) []string {
	path := []string{id}
	for at := parents[id]; at != "" && len(path) <= len(parents); at = parents[at] {
		path = append(path, at)
		if at == id {
			return path
		}
	}
	return nil
}

func (p *plan) apply(r *Record) error {
	if r.Op != "" && r.Op != Put && r.Op != Merge && r.Op != Delete {
		return unknownOp(r.Op)
	}
	if r.Type != TypeItem {
		if err := ovenbird.CheckID(r.ID); err != nil {
			return err
		}
	}
	if err := p.expected(r); err != nil {
		return err
	}
	switch r.Type {
	case TypeTitle:
		return p.applyTitle(r)
	case TypeLicense:
		return p.applyLicense(r)
	case TypeCollection:
		return p.applyCollection(r)
	case TypeItem:
		return p.applyItem(r)
	default:
		return unknownType(r.Type)
	}
}

func (p *plan) applyTitle(r *Record) error {
	id := ovenbird.TitleID(r.ID)
	old := p.state.titles[id]
	if r.Op == Delete {
		return p.deleteTitle(id, old)
	}
	fields := r.Title
	if r.Op == Merge {
		if old == nil {
			return missing(r)
		}
		merged, err := mergeForm(titleForm(old), r.Patch)
		if err != nil {
			return err
		}
		fields = merged.Title
	}
	if fields == nil {
		return incomplete(r)
	}
	t, err := p.check.title(r.ID, fields)
	if err != nil {
		return p.check.titleErrors(fields, err)
	}
	if err := p.checkPlace(t, old); err != nil {
		return err
	}
	p.change(effect{typ: TypeTitle, id: r.ID, before: formOf(old, titleForm), after: titleForm(t), title: &pair[ovenbird.Title]{old, t}})
	p.state.setTitle(t)
	return nil
}

// checkPlace checks what a title's kind and parent must fit: its past and its tree.
func (p *plan) checkPlace(t, old *ovenbird.Title) error {
	if old != nil && old.Kind != t.Kind {
		return about("kind", invalid("it is a %s and can not become a %s: use a new id", old.Kind, t.Kind))
	}
	if kind, dead := p.state.tombstones[t.ID]; dead && kind != t.Kind {
		return about("kind", invalid("the id belonged to a %s, which was deleted; ids are not reused for another kind: use a new id", kind))
	}
	if t.Parent == "" {
		return nil
	}
	path := []string{string(t.ID)}
	for at := t.Parent; at != ""; at = p.state.place[at].parent {
		path = append(path, string(at))
		if at == t.ID {
			return about("parent", belowItself(path))
		}
	}
	parent, ok := p.state.place[t.Parent]
	switch {
	case !ok:
		return about("parent", waiting(ovenbird.NotFound,
			"its parent %s is not in the catalog; import that before this or with it", t.Parent))
	case !parent.kind.MayHold(t.Kind):
		return about("parent", invalid("its parent %s has kind %s, which can not hold kind %s", t.Parent, parent.kind, t.Kind))
	}
	return nil
}

func (p *plan) deleteTitle(id ovenbird.TitleID, old *ovenbird.Title) error {
	if old == nil {
		return nil
	}
	if n := len(p.state.children[id]); n > 0 {
		return waiting(ovenbird.Invalid, "it still has %d below it (%s): delete them first", n, least(p.state.children[id]))
	}
	if n := len(p.state.licensed[id]); n > 0 {
		return waiting(ovenbird.Invalid, "it still has %d licenses (%s): delete them first", n, least(p.state.licensed[id]))
	}
	p.change(effect{typ: TypeTitle, id: string(id), before: titleForm(old), title: &pair[ovenbird.Title]{before: old}})
	p.state.removeTitle(id)
	p.state.tombstones[id] = old.Kind
	return nil
}

func (p *plan) applyLicense(r *Record) error {
	id := ovenbird.LicenseID(r.ID)
	old := p.state.licenses[id]
	if r.Op == Delete {
		if old != nil {
			p.change(effect{typ: TypeLicense, id: r.ID, before: licenseForm(old), license: &pair[ovenbird.License]{before: old}})
			p.state.removeLicense(id)
		}
		return nil
	}
	fields := r.License
	if r.Op == Merge {
		if old == nil {
			return missing(r)
		}
		merged, err := mergeForm(licenseForm(old), r.Patch)
		if err != nil {
			return err
		}
		fields = merged.License
	}
	if fields == nil {
		return incomplete(r)
	}
	l, err := p.check.license(r.ID, fields)
	if err != nil {
		return p.check.licenseErrors(fields, err)
	}
	if _, ok := p.state.place[l.Title]; !ok {
		return about("title", waiting(ovenbird.NotFound, "its title %s is not in the catalog; import that before this or with it", l.Title))
	}
	p.change(effect{
		typ: TypeLicense, id: r.ID, before: formOf(old, licenseForm), after: licenseForm(l), license: &pair[ovenbird.License]{old, l},
	})
	p.state.setLicense(l)
	return nil
}

func (p *plan) applyCollection(r *Record) error {
	id := ovenbird.CollectionID(r.ID)
	old := p.collection(id)
	if r.Op == Delete {
		p.deleteCollection(old)
		return nil
	}
	fields := r.Collection
	if r.Op == Merge {
		if old == nil {
			return missing(r)
		}
		merged, err := mergeForm(collectionForm(old, true), r.Patch)
		if err != nil {
			return err
		}
		fields = merged.Collection
		if fields.Items == nil {
			fields.Items = []string{} // the patch removed them: that is no items, not "as they are"
		}
	}
	if fields == nil {
		return incomplete(r)
	}
	c, err := p.check.collection(r.ID, fields)
	if err != nil {
		return p.check.collectionErrors(fields, err)
	}
	p.putCollection(c, old, fields.Items != nil)
	return nil
}

func (p *plan) putCollection(c, old *ovenbird.Collection, withItems bool) {
	e := effect{typ: TypeCollection, id: string(c.ID), of: c.ID, collection: &pair[ovenbird.Collection]{old, c}}
	withItems = withItems && (old == nil || !slices.Equal(old.Items, c.Items))
	e.after = collectionForm(c, withItems)
	e.before = formOf(old, func(old *ovenbird.Collection) jsontext.Value { return collectionForm(old, withItems) })
	if withItems {
		before, after := p.state.items[c.ID], listPositions(c.Items)
		e.items = &pair[positions]{&before, &after}
		p.state.items[c.ID] = after
	}
	p.change(e)
	p.state.collections[c.ID] = c
}

// listPositions are the positions that a list of titles gives them.
func listPositions(titles []ovenbird.TitleID) positions {
	out := make(positions, len(titles))
	for i, title := range titles {
		out[title] = fmt.Sprintf("%06d", i)
	}
	return out
}

func (p *plan) deleteCollection(old *ovenbird.Collection) {
	if old == nil {
		return
	}
	items := p.state.items[old.ID]
	p.change(effect{
		typ: TypeCollection, id: string(old.ID), of: old.ID, before: collectionForm(old, true),
		collection: &pair[ovenbird.Collection]{before: old}, items: &pair[positions]{before: &items},
	})
	delete(p.state.collections, old.ID)
	delete(p.state.items, old.ID)
}

// collection returns the collection with its items in order, or nil.
func (p *plan) collection(id ovenbird.CollectionID) *ovenbird.Collection {
	c := p.state.collections[id]
	if c == nil {
		return nil
	}
	withItems := *c
	withItems.Items = p.state.items[id].ordered()
	return &withItems
}

func (p *plan) applyItem(r *Record) error {
	if r.Item == nil || r.Op == Merge {
		return incomplete(r)
	}
	if err := checkItem(r.Item); err != nil {
		return err
	}
	collection, title := ovenbird.CollectionID(r.Item.Collection), ovenbird.TitleID(r.Item.Title)
	position, there := p.state.items[collection][title]
	e := effect{typ: TypeItem, id: r.Item.id(), of: collection, items: &pair[positions]{}}
	if there {
		e.before = itemForm(ItemRecord{r.Item.Collection, r.Item.Title, position})
		e.items.before = &positions{title: position}
	}
	if r.Op == Delete {
		if there {
			p.change(e)
			delete(p.state.items[collection], title)
		}
		return nil
	}
	if p.state.collections[collection] == nil {
		return about("collection", waiting(ovenbird.NotFound,
			"its collection %s is not in the catalog; import that before this or with it", collection))
	}
	e.after = itemForm(*r.Item)
	e.items.after = &positions{title: r.Item.Position}
	p.change(e)
	p.state.setItem(collection, title, r.Item.Position)
	return nil
}

// change keeps e unless it changes nothing.
func (p *plan) change(e effect) {
	if string(e.before) != string(e.after) {
		p.effects = append(p.effects, e)
	}
}

func formOf[T any](v *T, form func(*T) jsontext.Value) jsontext.Value {
	if v == nil {
		return nil
	}
	return form(v)
}

func missing(r *Record) error {
	return waiting(ovenbird.NotFound, "there is no %s to merge into; put the complete record", r)
}

func incomplete(r *Record) error {
	return invalid("the record has no %s to %s", r.Type, r.Op)
}

// belowItself refuses titles of which each is below the next, and the last below
// the first.
func belowItself(path []string) error {
	return invalid("titles can not be below themselves: %s; give one of them another parent", strings.Join(path, " is below "))
}
