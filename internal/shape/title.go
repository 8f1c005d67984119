package shape

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"ovenbird/internal/ovenbird"
)

type titleMakers = map[string]maker[*ovenbird.Title]

// previewFields are the fields of Preview, which Title has too.
func previewFields() titleMakers {
	return titleMakers{
		"kind": leaf(func(x *run, t *ovenbird.Title) {
			x.Body = appendString(x.Body, enumName(t.Kind))
		}),
		"name":          titleText(ovenbird.Name),
		"synopsis":      titleText(ovenbird.Synopsis),
		"shortSynopsis": titleText(ovenbird.ShortSynopsis),
		"tagline":       titleText(ovenbird.Tagline),
		"year":          leaf(func(x *run, t *ovenbird.Title) { x.Body = appendPositive(x.Body, t.Year) }),
		"genres":        leaf(func(x *run, t *ovenbird.Title) { x.Body = appendStrings(x.Body, t.Genres, 0) }),
		"image":         titleImage,
		"rating":        titleRating,
	}
}

// titleFields are the fields of Title.
func titleFields() titleMakers {
	fields := previewFields()
	fields["id"] = leaf(func(x *run, t *ovenbird.Title) { x.Body = appendString(x.Body, string(t.ID)) })
	fields["runtime"] = leaf(func(x *run, t *ovenbird.Title) { x.Body = appendPositive(x.Body, int(t.Runtime/time.Second)) })
	fields["number"] = leaf(func(x *run, t *ovenbird.Title) { x.Body = appendNonEmpty(x.Body, t.Number) })
	fields["special"] = leaf(func(x *run, t *ovenbird.Title) { x.Body = strconv.AppendBool(x.Body, t.Special) })
	fields["added"] = leaf(func(x *run, t *ovenbird.Title) { x.Body = appendTime(x.Body, t.Added) })
	fields["cast"] = titleCast
	fields["directors"] = leaf(func(x *run, t *ovenbird.Title) { x.Body = appendStrings(x.Body, t.Directors, 0) })
	fields["origins"] = leaf(func(x *run, t *ovenbird.Title) { x.Body = appendStrings(x.Body, t.Origins, 0) })
	fields["availability"] = titleAvailability
	fields["parent"] = ancestor(func(*ovenbird.Title) bool { return true })
	fields["series"] = ancestor(func(t *ovenbird.Title) bool { return t.Kind == ovenbird.Series })
	fields["season"] = ancestor(func(t *ovenbird.Title) bool { return t.Kind == ovenbird.Season })
	fields["seasons"] = childrenInOrder(func(t *ovenbird.Title) bool { return t.Kind == ovenbird.Season })
	fields["episodes"] = childrenInOrder(func(t *ovenbird.Title) bool { return t.Kind == ovenbird.Episode && !t.Special })
	fields["clips"] = children(func(t *ovenbird.Title) bool { return t.Kind == ovenbird.Clip })
	fields["specials"] = titleSpecials
	return fields
}

// enumName returns how GraphQL spells a value of an enum: in capitals.
func enumName[S ~string](value S) string { return strings.ToUpper(string(value)) }

func titleText(field ovenbird.TextField) maker[*ovenbird.Title] {
	return func(b *builder, _ *node) write[*ovenbird.Title] {
		b.read(string(field))
		return func(x *run, t *ovenbird.Title) { x.text(textKey{title: t, field: field}) }
	}
}

func titleCast(b *builder, n *node) write[*ovenbird.Title] {
	first := b.first(n)
	return func(x *run, t *ovenbird.Title) { x.Body = appendStrings(x.Body, t.Cast, first) }
}

func titleImage(b *builder, n *node) write[*ovenbird.Title] {
	value := n.argument("role")
	b.constant(n, "role", value)
	role := ovenbird.ImageRole(strings.ToLower(value.Raw))
	width := b.integer(n, "width", 1, maxWidth)
	b.read(factImage + "(" + value.Raw + ")")
	selected := build(b.below(n), imageFields(), n.sets)
	return func(x *run, t *ovenbird.Title) {
		image, same := x.view.Image(t, role, width, x.country)
		x.narrow(same)
		if image == nil {
			x.null()
			return
		}
		selected.append(x, image)
	}
}

func imageFields() map[string]maker[*ovenbird.Image] {
	return map[string]maker[*ovenbird.Image]{
		"url":    leaf(func(x *run, i *ovenbird.Image) { x.Body = appendString(x.Body, i.URL) }),
		"role":   leaf(func(x *run, i *ovenbird.Image) { x.Body = appendString(x.Body, enumName(i.Role)) }),
		"width":  leaf(func(x *run, i *ovenbird.Image) { x.Body = strconv.AppendInt(x.Body, int64(i.Width), 10) }),
		"height": leaf(func(x *run, i *ovenbird.Image) { x.Body = strconv.AppendInt(x.Body, int64(i.Height), 10) }),
	}
}

// judged is a rating and the age it stands for, where it is mapped.
type judged struct {
	ovenbird.Rating
	age    int
	mapped bool
}

func titleRating(b *builder, n *node) write[*ovenbird.Title] {
	b.read(factRating)
	selected := build(b.below(n), ratingFields(), n.sets)
	return func(x *run, t *ovenbird.Title) {
		rating, age, mapped, same := x.view.Rating(t, x.country)
		x.narrow(same)
		if rating == (ovenbird.Rating{}) {
			x.null()
			return
		}
		selected.append(x, judged{rating, age, mapped})
	}
}

func ratingFields() map[string]maker[judged] {
	return map[string]maker[judged]{
		"system": leaf(func(x *run, r judged) { x.Body = appendString(x.Body, r.System) }),
		"value":  leaf(func(x *run, r judged) { x.Body = appendString(x.Body, r.Value) }),
		"age": leaf(func(x *run, r judged) {
			if !r.mapped {
				x.null()
				return
			}
			x.Body = strconv.AppendInt(x.Body, int64(r.age), 10)
		}),
	}
}

func titleAvailability(b *builder, n *node) write[*ovenbird.Title] {
	b.read(factAvailability)
	selected := build(b.below(n), windowFields(), n.sets)
	return func(x *run, t *ovenbird.Title) {
		window, ok, same := x.view.Available(t, x.country)
		x.narrow(same)
		if !ok {
			x.null()
			return
		}
		selected.append(x, window)
	}
}

func windowFields() map[string]maker[ovenbird.Window] {
	return map[string]maker[ovenbird.Window]{
		"start": leaf(func(x *run, w ovenbird.Window) { x.Body = appendTime(x.Body, w.Start) }),
		"end":   leaf(func(x *run, w ovenbird.Window) { x.Body = appendTime(x.Body, w.End) }),
	}
}

// ancestor makes a field that leads to the nearest title above of some kind.
func ancestor(is func(*ovenbird.Title) bool) maker[*ovenbird.Title] {
	return func(b *builder, n *node) write[*ovenbird.Title] {
		below := b.below(n)
		below.read(factVisible)
		below.returned = b.inList
		selected := build(below, titleFields(), n.sets)
		return func(x *run, t *ovenbird.Title) {
			snapshot := x.view.Snapshot()
			above := snapshot.Parent(t)
			for above != nil && !is(above) {
				above = snapshot.Parent(above)
			}
			x.visibleOrNull(above, selected)
		}
	}
}

// visibleOrNull writes t where it exists and is visible.
func (x *run) visibleOrNull(t *ovenbird.Title, selected *object[*ovenbird.Title]) {
	if t == nil || !x.visible(t) {
		x.null()
		return
	}
	selected.append(x, t)
}

// children makes a field that lists the visible titles of some kind right below.
func children(is func(*ovenbird.Title) bool) maker[*ovenbird.Title] {
	return childList(is, false)
}

// childrenInOrder is children for a field that has an order.
func childrenInOrder(is func(*ovenbird.Title) bool) maker[*ovenbird.Title] {
	return childList(is, true)
}

func childList(is func(*ovenbird.Title) bool, ordered bool) maker[*ovenbird.Title] {
	return func(b *builder, n *node) write[*ovenbird.Title] {
		list := titleList(b, n)
		list.descending = ordered && b.descending(n)
		return func(x *run, t *ovenbird.Title) { list.write(x, x.view.Snapshot().Children(t.ID), is) }
	}
}

func titleSpecials(b *builder, n *node) write[*ovenbird.Title] {
	list := titleList(b, n)
	return func(x *run, t *ovenbird.Title) {
		specials := appendSpecials(nil, x.view.Snapshot(), t.ID)
		slices.SortFunc(specials, ovenbird.CompareTitles)
		list.write(x, specials, func(*ovenbird.Title) bool { return true })
	}
}

func appendSpecials(list []*ovenbird.Title, s *ovenbird.Snapshot, id ovenbird.TitleID) []*ovenbird.Title {
	for _, child := range s.Children(id) {
		if child.Kind == ovenbird.Episode && child.Special {
			list = append(list, child)
		}
		list = appendSpecials(list, s, child.ID)
	}
	return list
}

// inlineList is a list of titles that are written where they stand.
type inlineList struct {
	selected   *object[*ovenbird.Title]
	first      int // 0 for no limit
	descending bool
}

// titleList compiles a field that lists titles inside another title. It refuses
// to go down a list, up and down again, which would write every sibling for
// every sibling: without that, a document is never larger than a title's family.
func titleList(b *builder, n *node) *inlineList {
	if b.returned {
		b.fail(n.field.Position,
			"%q would be repeated for each title of the list it is in; ask for it above that list, or in a document of its own",
			n.field.Name)
	}
	below := b.below(n)
	below.read(factVisible)
	below.inList = true
	list := &inlineList{selected: build(below, titleFields(), n.sets)}
	if n.field.Definition.Arguments.ForName("first") != nil {
		list.first = b.first(n)
	}
	return list
}

// write writes the visible ones of titles that are what the list is of. It reads
// nothing of those that come after the last it has room for.
func (l *inlineList) write(x *run, titles []*ovenbird.Title, is func(*ovenbird.Title) bool) {
	x.Body = append(x.Body, '[')
	for i, count := 0, 0; i < len(titles) && (l.first == 0 || count < l.first); i++ {
		t := titles[i]
		if l.descending {
			t = titles[len(titles)-1-i]
		}
		if !is(t) || !x.visible(t) {
			continue
		}
		x.separate(count)
		l.selected.append(x, t)
		count++
	}
	x.Body = append(x.Body, ']')
}
