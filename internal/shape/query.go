package shape

import "ovenbird/internal/ovenbird"

type root = struct{}

// queryFields are the fields of Query.
func queryFields() map[string]maker[root] {
	return map[string]maker[root]{
		"country":     queryCountry,
		"application": ofEdition(func(x *run, _ root) { x.Body = appendString(x.Body, x.view.Edition().Application) }),
		"language":    ofEdition(func(x *run, _ root) { x.Body = appendNonEmpty(x.Body, string(x.view.Edition().Language)) }),
		"title":       queryTitle,
		"collection":  queryCollection,
		"collections": queryCollections,
		"upcoming":    upcoming,
		"leaving":     leaving,
		"search":      querySearch,
	}
}

// ofEdition makes a field that says which edition a document is of.
func ofEdition(w write[root]) maker[root] {
	return func(b *builder, _ *node) write[root] {
		b.namesEdition = true
		return w
	}
}

func queryCountry(b *builder, _ *node) write[root] {
	b.read(factCountry)
	return func(x *run, _ root) {
		x.narrow(x.alone)
		x.Body = appendString(x.Body, string(ovenbird.CountryAt(x.country)))
	}
}

// unkeyed fails in a keyed document. Such a document contains what its key names
// and nothing else, so that a change elsewhere leaves it as it is: whoever bakes
// relies on it, to make again what an edit or a license touches and no more.
func (b *builder) unkeyed(n *node) {
	if b.document.Template.key != Unkeyed {
		b.fail(n.field.Position, "%s contains what its key names; select %q in a document without keys", b.document.Template, n.field.Name)
	}
}

func queryTitle(b *builder, n *node) write[root] {
	isKey := b.isKey(n, "id", "title")
	var id ovenbird.TitleID
	if !isKey {
		b.unkeyed(n)
		b.namesTitles = true
		id = ovenbird.TitleID(b.id(n))
	}
	below := b.below(n)
	below.read(factVisible)
	selected := build(below, titleFields(), n.sets)
	return func(x *run, _ root) {
		if !isKey {
			x.visibleOrNull(x.view.Snapshot().Titles[id], selected)
			return
		}
		t := x.view.Snapshot().Titles[x.keys.Title]
		if t == nil || !x.visible(t) {
			x.missing = true
			return
		}
		selected.append(x, t)
	}
}

func queryCollection(b *builder, n *node) write[root] {
	isKey := b.isKey(n, "id", "collection")
	var id ovenbird.CollectionID
	if !isKey {
		b.unkeyed(n)
		id = ovenbird.CollectionID(b.id(n))
	}
	below := b.below(n)
	below.read(factShown)
	selected := build(below, collectionFields(), n.sets)
	return func(x *run, _ root) {
		wanted := id
		if isKey {
			wanted = x.keys.Collection
		}
		c := x.view.Snapshot().Collections[wanted]
		if c != nil && x.holds(x.view.Shown(c)) {
			selected.append(x, c)
			return
		}
		x.missing = isKey
		x.null()
	}
}

func queryCollections(b *builder, n *node) write[root] {
	b.unkeyed(n)
	first := b.first(n)
	below := b.below(n)
	below.read(factShown)
	selected := build(below, collectionFields(), n.sets)
	return func(x *run, _ root) {
		x.Body = append(x.Body, '[')
		count := 0
		for _, c := range x.listed() {
			if first > 0 && count == first {
				break
			}
			if !x.holds(x.view.Shown(c)) {
				continue
			}
			x.separate(count)
			selected.append(x, c)
			count++
		}
		x.Body = append(x.Body, ']')
	}
}

// listed returns the collections in order.
func (r *Renderer) listed() []*ovenbird.Collection {
	if r.collections == nil {
		r.collections = r.view.Snapshot().CollectionList()
	}
	return r.collections
}

func querySearch(b *builder, n *node) write[root] {
	if !b.isKey(n, "prefix", "prefix") {
		b.fail(n.field.Position, "search answers only a document keyed by {prefix}; write %s in one, like search/{prefix}.json",
			keyUse["prefix"])
	}
	first := b.first(n)
	below := b.below(n)
	below.read(factVisible)
	below.read(factFound)
	slot := b.slot(n, titleFields())
	return func(x *run, _ root) { x.missing = x.search(first, slot) == 0 }
}
