package shape

import (
	"cmp"
	"slices"
	"strconv"

	"ovenbird/internal/ovenbird"
)

// collectionFields are the fields of Collection.
func collectionFields() map[string]maker[*ovenbird.Collection] {
	return map[string]maker[*ovenbird.Collection]{
		"id":         leaf(func(x *run, c *ovenbird.Collection) { x.Body = appendString(x.Body, string(c.ID)) }),
		"name":       collectionText(ovenbird.Name),
		"synopsis":   collectionText(ovenbird.Synopsis),
		"titleCount": collectionCount,
		"pages":      collectionPages,
		"titles":     collectionTitles,
	}
}

func collectionText(field ovenbird.TextField) maker[*ovenbird.Collection] {
	return func(b *builder, _ *node) write[*ovenbird.Collection] {
		b.read(string(field))
		return func(x *run, c *ovenbird.Collection) { x.text(textKey{collection: c, field: field}) }
	}
}

// readTitles notes that what a collection holds is looked at.
func readTitles(b *builder) {
	(&builder{compilation: b.compilation, relation: b.relation + ".titles"}).read(factVisible)
}

func collectionCount(b *builder, _ *node) write[*ovenbird.Collection] {
	readTitles(b)
	return func(x *run, c *ovenbird.Collection) { x.Body = strconv.AppendInt(x.Body, int64(x.count(c)), 10) }
}

func collectionPages(b *builder, n *node) write[*ovenbird.Collection] {
	readTitles(b)
	b.needPageSize(n)
	return func(x *run, c *ovenbird.Collection) {
		pages := (x.count(c) + x.plan.pageSize - 1) / x.plan.pageSize
		x.Body = strconv.AppendInt(x.Body, int64(pages), 10)
	}
}

// needPageSize fails where a field needs pages and the document has none.
func (b *builder) needPageSize(n *node) {
	if b.document.PageSize < 1 {
		b.fail(n.field.Position, "%s has no page size; give it one in stack.yaml, like page: 50", b.document.Template)
	}
}

// count returns how many of a collection's titles are visible.
func (x *run) count(c *ovenbird.Collection) int {
	count := 0
	for _, item := range x.items(c, byPosition) {
		if x.holds(item.visible) {
			count++
		}
	}
	return count
}

// The orders of a collection's titles, as the schema calls them.
const (
	byPosition = "POSITION"
	bySortKey  = "SORT_KEY"
	byNewest   = "NEWEST"
)

type orderedKey struct {
	collection ovenbird.CollectionID
	order      string
}

// item is a title of a list, with where it is visible: to look that up for every
// class of countries would be most of what a long list costs.
type item struct {
	title   *ovenbird.Title
	visible ovenbird.CountrySet
}

// items returns a collection's titles in an order, whether they are visible or not.
func (r *Renderer) items(c *ovenbird.Collection, order string) []item {
	key := orderedKey{c.ID, order}
	if items, ok := r.ordered[key]; ok {
		return items
	}
	titles := make([]*ovenbird.Title, 0, len(c.Items))
	for _, id := range c.Items {
		if t := r.view.Snapshot().Titles[id]; t != nil {
			titles = append(titles, t)
		}
	}
	switch order {
	case bySortKey:
		slices.SortStableFunc(titles, ovenbird.CompareTitles)
	case byNewest:
		slices.SortStableFunc(titles, func(a, b *ovenbird.Title) int {
			return cmp.Or(cmp.Compare(b.Year, a.Year), ovenbird.CompareTitles(a, b))
		})
	}
	items := make([]item, len(titles))
	for i, t := range titles {
		items[i] = item{t, r.view.Visible(t)}
	}
	r.ordered[key] = items
	return items
}

// slice is the part of a collection's titles that a field selects.
type slice struct {
	order string
	page  int  // 0 without pages
	keyed bool // the page is the document's key
	first int  // 0 for no limit
}

func collectionTitles(b *builder, n *node) write[*ovenbird.Collection] {
	readTitles(b)
	s := slice{first: b.first(n), keyed: b.isKey(n, "page", "page")}
	if order := n.argument("order"); b.constant(n, "order", order) {
		s.order = order.Raw
	}
	if !s.keyed {
		s.page = b.integer(n, "page", 1, maxPage)
	}
	if s.keyed || s.page > 0 {
		b.needPageSize(n)
	}
	slot := b.slot(n, titleFields())
	return func(x *run, c *ovenbird.Collection) { x.titles(c, s, slot) }
}

// titles writes a slice of a collection. It reads nothing of the titles after
// the last it has room for.
func (x *run) titles(c *ovenbird.Collection, s slice, slot write[*ovenbird.Title]) {
	page, limit := s.page, s.first
	if s.keyed {
		page = x.keys.Page
		x.missing = page < 1
	}
	skip := 0
	if page > 0 {
		skip = (page - 1) * x.plan.pageSize
		limit = x.plan.pageSize
		if s.first > 0 {
			limit = min(limit, s.first)
		}
	}
	x.Body = append(x.Body, '[')
	count := 0
	for _, item := range x.items(c, s.order) {
		if limit > 0 && count == limit {
			break
		}
		if !x.holds(item.visible) {
			continue
		}
		if skip > 0 {
			skip--
			continue
		}
		x.separate(count)
		slot(x, item.title)
		count++
	}
	x.missing = x.missing || s.keyed && count == 0
	x.Body = append(x.Body, ']')
}
