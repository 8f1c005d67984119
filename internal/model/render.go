package model

import (
	"sort"
	"strings"
	"time"

	"ovenbird/internal/ovenbird"
)

// rendering is one document being made: of one shape, in one sight, with one key.
type rendering struct {
	*selection
	*Sight
	keys keys
}

// body returns the document.
func (r *rendering) body() Value {
	var object Object
	for _, f := range r.fields(sets(r.query)) {
		object = append(object, Member{f.key, r.queryField(f)})
	}
	return object
}

func (r *rendering) queryField(f *field) Value {
	switch f.name {
	case "__typename":
		return "Query"
	case "country":
		return string(r.Variation.Country)
	case "application":
		return r.Variation.Application
	case "language":
		return orNull(string(r.Variation.Language))
	case "title":
		return r.visibleTitle(f, ovenbird.TitleID(f.argument(r.keys, "id", "")))
	case "collection":
		for _, c := range r.model.collections {
			if string(c.ID) == f.argument(r.keys, "id", "") && r.Shown(c) {
				return r.collection(f, c)
			}
		}
		return nil
	case "collections":
		list := List{}
		for _, c := range r.model.collections {
			if r.Shown(c) {
				list = append(list, r.collection(f, c))
			}
		}
		return firstOf(list, f.number(r.keys, "first", ""))
	case "upcoming":
		return r.soon(f, "opens", r.Opening)
	case "leaving":
		return r.soon(f, "leaves", r.Leaving)
	case "search":
		return r.titles(f, r.Found(f.argument(r.keys, "prefix", "")), "20")
	default:
		panic("model: Query has no field " + f.name)
	}
}

// soon lists movies and series by the instant at which they open or leave.
func (r *rendering) soon(
	f *field, when string, next func(id ovenbird.TitleID, limit time.Time) (time.Time, bool),
) Value {
	type event struct {
		at    time.Time
		title *ovenbird.Title
	}
	var events []event
	limit := midnight(r.At, f.number(r.keys, "days", "30")+1)
	for _, t := range r.model.everything {
		if t.Parent != "" || t.Kind != ovenbird.Movie && t.Kind != ovenbird.Series {
			continue
		}
		if at, ok := next(t.ID, limit); ok {
			events = append(events, event{at, t})
		}
	}
	sort.SliceStable(events, func(i, j int) bool { return events[i].at.Before(events[j].at) })
	list := List{}
	for _, e := range events {
		var object Object
		for _, g := range r.fields(f.below) {
			switch g.name {
			case when:
				object = append(object, Member{g.key, instant(e.at)})
			case "title":
				object = append(object, Member{g.key, r.title(g, e.title, map[string]string{"opens": "Preview", "leaves": "Title"}[when])})
			default: // __typename
				object = append(object, Member{g.key, map[string]string{"opens": "Opening", "leaves": "Leaving"}[when]})
			}
		}
		list = append(list, object)
	}
	return firstOf(list, f.number(r.keys, "first", ""))
}

// collection writes what is selected of a collection.
func (r *rendering) collection(f *field, c *ovenbird.Collection) Value {
	size := r.document.PageSize
	var object Object
	for _, g := range r.fields(f.below) {
		var value Value
		switch g.name {
		case "__typename":
			value = "Collection"
		case "id":
			value = string(c.ID)
		case "name":
			value = r.text(c.Texts, ovenbird.Name)
		case "synopsis":
			value = r.text(c.Texts, ovenbird.Synopsis)
		case "titleCount":
			value = len(r.items(c, byPosition))
		case "pages":
			value = (len(r.items(c, byPosition)) + size - 1) / size
		case "titles":
			items := r.items(c, g.argument(r.keys, "order", byPosition))
			if page := g.number(r.keys, "page", ""); page > 0 {
				items = pageOf(items, page, size)
			}
			value = r.titles(g, items, "")
		default:
			panic("model: Collection has no field " + g.name)
		}
		object = append(object, Member{g.key, value})
	}
	return object
}

// visibleTitle writes what is selected of a title, null where it is hidden.
func (r *rendering) visibleTitle(f *field, id ovenbird.TitleID) Value {
	if !r.Visible(id) {
		return nil
	}
	return r.title(f, r.model.titles[id], "Title")
}

// titles writes the first of a list of visible titles.
func (r *rendering) titles(f *field, titles []*ovenbird.Title, otherwise string) Value {
	if n := f.number(r.keys, "first", otherwise); n > 0 && n < len(titles) {
		titles = titles[:n]
	}
	list := List{}
	for _, t := range titles {
		list = append(list, r.title(f, t, "Title"))
	}
	return list
}

// title writes what is selected of a title.
func (r *rendering) title(f *field, t *ovenbird.Title, typename string) Value {
	var object Object
	for _, g := range r.fields(f.below) {
		var value Value
		switch g.name {
		case "__typename":
			value = typename
		case "parent", "series", "season":
			value = r.above(g, t)
		case "seasons", "episodes", "specials", "clips":
			value = r.titles(g, r.below(g, t), "")
		default:
			value = r.titleFact(g, t)
		}
		object = append(object, Member{g.key, value})
	}
	return object
}

// titleFact writes a field of a title that leads to no other title.
func (r *rendering) titleFact(f *field, t *ovenbird.Title) Value {
	switch f.name {
	case "id":
		return string(t.ID)
	case "kind":
		return strings.ToUpper(string(t.Kind))
	case "name":
		return r.text(t.Texts, ovenbird.Name)
	case "synopsis":
		return r.text(t.Texts, ovenbird.Synopsis)
	case "shortSynopsis":
		return r.text(t.Texts, ovenbird.ShortSynopsis)
	case "tagline":
		return r.text(t.Texts, ovenbird.Tagline)
	case "year":
		return orUnknown(t.Year)
	case "runtime":
		return orUnknown(int(t.Runtime.Seconds()))
	case "number":
		return orNull(t.Number)
	case "special":
		return t.Special
	case "added":
		return instant(t.Added)
	case "genres":
		return words(t.Genres)
	case "cast":
		return firstOf(words(t.Cast), f.number(r.keys, "first", ""))
	case "directors":
		return words(t.Directors)
	case "origins":
		return words(t.Origins)
	case "image":
		return r.image(f, t)
	case "rating":
		return r.rating(f, t)
	case "availability":
		return r.availability(f, t)
	default:
		panic("model: Title has no field " + f.name)
	}
}

func (r *rendering) image(f *field, t *ovenbird.Title) Value {
	role := ovenbird.ImageRole(strings.ToLower(f.argument(r.keys, "role", "")))
	image := r.Sight.image(t, role, f.number(r.keys, "width", ""))
	if image == nil {
		return nil
	}
	return r.leaves(f, "Image", map[string]Value{
		"url": image.URL, "role": strings.ToUpper(string(image.Role)), "width": image.Width, "height": image.Height,
	})
}

func (r *rendering) rating(f *field, t *ovenbird.Title) Value {
	rating, ok := r.model.rating(r.Variation.Country, t)
	if !ok {
		return nil
	}
	var age Value
	if years, mapped := r.model.site.Ages[rating]; mapped {
		age = years
	}
	return r.leaves(f, "Rating", map[string]Value{"system": rating.System, "value": rating.Value, "age": age})
}

func (r *rendering) availability(f *field, t *ovenbird.Title) Value {
	start, end, ok := r.Availability(t.ID)
	if !ok {
		return nil
	}
	return r.leaves(f, "Availability", map[string]Value{"start": instant(start), "end": instant(end)})
}

// leaves writes an object that has nothing but values.
func (r *rendering) leaves(f *field, typename string, values map[string]Value) Value {
	values["__typename"] = typename
	var object Object
	for _, g := range r.fields(f.below) {
		object = append(object, Member{g.key, values[g.name]})
	}
	return object
}

func (r *rendering) text(texts ovenbird.Texts, field ovenbird.TextField) Value {
	if text, ok := r.Text(texts, field); ok {
		return text
	}
	return nil
}
