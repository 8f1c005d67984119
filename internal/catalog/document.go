package catalog

import (
	"maps"
	"slices"

	"ovenbird/internal/ovenbird"
	"ovenbird/internal/words"
)

// The limits of PostgreSQL's tsvector, which holds positions up to 16,383 and 256
// of each word, are kept in both databases, so that both find the same.
const (
	mostTerms = 16_000 // of one title or collection, shared out evenly among its texts
	mostEqual = 255    // positions of one word; more of them are no word
)

// document is the words of a title or a collection: those of its names, and those
// of its other texts. Between two texts there is a words.Gap.
type document struct{ names, others []string }

// text is one of a title or a collection.
type text struct {
	field  ovenbird.TextField
	locale ovenbird.Locale
	text   string
}

// inOrder returns texts that are not empty, names first, then by field and locale.
func inOrder(texts ovenbird.Texts) []text {
	var list []text
	fields := slices.Sorted(maps.Keys(texts))
	if i := slices.Index(fields, ovenbird.Name); i > 0 {
		fields = slices.Insert(slices.Delete(fields, i, i+1), 0, ovenbird.Name)
	}
	for _, field := range fields {
		for _, locale := range slices.Sorted(maps.Keys(texts[field])) {
			if t := texts[field][locale]; t != "" {
				list = append(list, text{field, locale, t})
			}
		}
	}
	return list
}

// documentOf returns the words of texts, nil where there is none.
func documentOf(texts ovenbird.Texts) *document {
	list := inOrder(texts)
	if len(list) == 0 {
		return nil
	}
	d := new(document)
	share := mostTerms / len(list)
	for _, t := range list {
		into := &d.others
		if t.field == ovenbird.Name {
			into = &d.names
		}
		terms := words.Terms(t.text)
		*into = append(append(*into, terms[:min(len(terms), share)]...), words.Gap)
	}
	if len(d.names)+len(d.others) > mostEqual {
		d.thin()
	}
	return d
}

// thin takes out what there are too many of.
func (d *document) thin() {
	seen := make(map[string]int)
	for _, terms := range [][]string{d.names, d.others} {
		for i, term := range terms {
			seen[term]++
			if seen[term] > mostEqual {
				terms[i] = words.Gap
			}
		}
	}
}
