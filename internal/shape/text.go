package shape

import "ovenbird/internal/ovenbird"

// textKey names a text of a title or of a collection.
type textKey struct {
	title      *ovenbird.Title
	collection *ovenbird.Collection
	field      ovenbird.TextField
}

// wording is a text as JSON, in some countries.
type wording struct {
	json      []byte
	countries ovenbird.CountrySet
}

// manyTexts is how many texts a renderer remembers: more than a family has.
const manyTexts = 1000

// text writes a text in the country's locale.
func (x *run) text(key textKey) {
	for _, w := range x.wordings(key) {
		if x.holds(w.countries) {
			x.Body = append(x.Body, w.json...)
			return
		}
	}
	x.null()
}

// wordings returns what a text says where. All classes of a document are made one
// after the other, and those of its family, so a few texts are remembered.
func (r *Renderer) wordings(key textKey) []wording {
	if found, ok := r.texts[key]; ok {
		return found
	}
	var texts ovenbird.Texts
	if key.title != nil {
		texts = key.title.Texts
	} else {
		texts = key.collection.Texts
	}
	var found []wording
	for _, w := range r.view.Wordings(texts, key.field) {
		found = append(found, wording{appendString(nil, w.Text), w.Countries})
	}
	if len(r.texts) >= manyTexts {
		clear(r.texts)
	}
	r.texts[key] = found
	return found
}
