package catalog

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"ovenbird/internal/ovenbird"
)

// FieldError is what is wrong with one field of a record.
type FieldError struct {
	Field string // such as "texts.name.en" or "images[2]"; "" for the record as a whole
	Err   error
}

// FieldErrors says field by field why a record was refused, given the error of
// ParseRecord or of a Result. It returns at least one entry for any error.
func FieldErrors(err error) []FieldError {
	if several, ok := errors.AsType[*fieldsError](err); ok {
		return several.fields
	}
	if one, ok := errors.AsType[*fieldError](err); ok {
		return []FieldError{{one.field, one.error}}
	}
	return []FieldError{{pointed(err), err}}
}

// fieldError is an error about one field.
type fieldError struct {
	error

	field string
}

func (e *fieldError) Unwrap() error { return e.error }

// about says which field an error is about.
func about(field string, err error) error { return &fieldError{err, field} }

// fieldsError is the first error of a record with those of all its fields.
type fieldsError struct {
	error

	fields []FieldError
}

func (e *fieldsError) Unwrap() error { return e.error }

// batchError is the first refusal of an atomic batch, with all results.
type batchError struct {
	error

	results []Result
}

func (e *batchError) Unwrap() error { return e.error }

// RefusedResults returns what would have become of each record of an atomic
// batch that was refused with err; nil for any other error.
func RefusedResults(err error) []Result {
	if refused, ok := errors.AsType[*batchError](err); ok {
		return refused.results
	}
	return nil
}

// pointed returns the field that a decoding error points at, or "".
func pointed(err error) string {
	var pointer jsontext.Pointer
	if e, ok := errors.AsType[*json.SemanticError](err); ok {
		pointer = e.JSONPointer
	} else if e, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		pointer = e.JSONPointer
	}
	var b strings.Builder
	for token := range pointer.Tokens() {
		if _, err := strconv.Atoi(token); err == nil && b.Len() > 0 {
			b.WriteString("[" + token + "]")
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(token)
	}
	return b.String()
}

// The rules of checker stop at the first mistake, which is all that an import
// needs. For editors, a record that was refused is checked again one field at a
// time, as a record that holds nothing else.

// titleErrors adds to the first error of a title those of all its fields.
func (c *checker) titleErrors(r *TitleRecord, first error) error {
	f := fieldChecks{}
	title := func(field string, r *TitleRecord) {
		if r.Kind == "" {
			r.Kind = ovenbird.Movie
		}
		_, err := c.title("x", r)
		f.add(field, err)
	}
	if !slices.Contains(ovenbird.Kinds(), r.Kind) {
		f.add("kind", first)
	}
	title("parent", &TitleRecord{Parent: r.Parent})
	title("sort_key", &TitleRecord{SortKey: r.SortKey})
	title("number", &TitleRecord{Number: r.Number})
	title("year", &TitleRecord{Year: r.Year})
	title("runtime_seconds", &TitleRecord{RuntimeSeconds: r.RuntimeSeconds})
	title("added", &TitleRecord{Added: r.Added})
	each("genres", r.Genres, func(field string, list []string) { title(field, &TitleRecord{Genres: list}) })
	each("cast", r.Cast, func(field string, list []string) { title(field, &TitleRecord{Cast: list}) })
	each("directors", r.Directors, func(field string, list []string) { title(field, &TitleRecord{Directors: list}) })
	each("origins", r.Origins, func(field string, list []string) { title(field, &TitleRecord{Origins: list}) })
	each("images", r.Images, func(field string, list []ImageRecord) { title(field, &TitleRecord{Images: list}) })
	each("ratings", r.Ratings, func(field string, list []RatingRecord) { title(field, &TitleRecord{Ratings: list}) })
	if r.Texts != nil {
		f.texts(c, ovenbird.Name, r.Texts.Name)
		f.texts(c, ovenbird.Synopsis, r.Texts.Synopsis)
		f.texts(c, ovenbird.ShortSynopsis, r.Texts.ShortSynopsis)
		f.texts(c, ovenbird.Tagline, r.Texts.Tagline)
	}
	return f.error(first)
}

// licenseErrors adds to the first error of a license those of all its fields.
func (c *checker) licenseErrors(r *LicenseRecord, first error) error {
	f := fieldChecks{}
	license := func(field string, change func(*LicenseRecord)) {
		good := LicenseRecord{Title: "x", Territories: []string{"*"}, Applications: []string{"*"}, Model: ovenbird.Free}
		change(&good)
		_, err := c.license("x", &good)
		f.add(field, err)
	}
	license("title", func(l *LicenseRecord) { l.Title = r.Title })
	license("model", func(l *LicenseRecord) { l.Model = r.Model })
	each("territories", r.Territories, func(field string, list []string) {
		license(field, func(l *LicenseRecord) { l.Territories = list })
	})
	each("exclude", r.Exclude, func(field string, list []string) { license(field, func(l *LicenseRecord) { l.Exclude = list }) })
	each("applications", r.Applications, func(field string, list []string) {
		license(field, func(l *LicenseRecord) { l.Applications = list })
	})
	license("start", func(l *LicenseRecord) { l.Start = r.Start })
	license("end", func(l *LicenseRecord) { l.End = r.End })
	if len(f.list) == 0 && r.Start != nil && r.End != nil {
		license("end", func(l *LicenseRecord) { l.Start, l.End = r.Start, r.End })
	}
	return f.error(first)
}

// collectionErrors adds to the first error of a collection those of all its fields.
func (c *checker) collectionErrors(r *CollectionRecord, first error) error {
	f := fieldChecks{}
	collection := func(field string, r *CollectionRecord) {
		_, err := c.collection("x", r)
		f.add(field, err)
	}
	collection("sort_key", &CollectionRecord{SortKey: r.SortKey})
	each("items", r.Items, func(field string, list []string) { collection(field, &CollectionRecord{Items: list}) })
	if r.Texts != nil {
		f.texts(c, ovenbird.Name, r.Texts.Name)
		f.texts(c, ovenbird.Synopsis, r.Texts.Synopsis)
	}
	return f.error(first)
}

// each checks a list as a whole, and where that fails each entry alone, so that
// the error is about the entry. What only the whole list does wrong is about it.
func each[T any](field string, list []T, check func(field string, list []T)) {
	for i := range list {
		check(fmt.Sprintf("%s[%d]", field, i), list[i:i+1])
	}
	check(field, list)
}

// fieldChecks collects what is wrong.
type fieldChecks struct{ list []FieldError }

func (f *fieldChecks) add(field string, err error) {
	if err == nil {
		return
	}
	for _, known := range f.list { // entries of a list come before the list
		if strings.HasPrefix(known.Field, field+"[") {
			return
		}
	}
	f.list = append(f.list, FieldError{field, err})
}

func (f *fieldChecks) texts(c *checker, field ovenbird.TextField, byLocale Translations) {
	for tag, text := range byLocale {
		_, err := c.texts(map[ovenbird.TextField]Translations{field: {tag: text}})
		f.add(fmt.Sprintf("texts.%s.%s", field, tag), err)
	}
	if _, err := c.texts(map[ovenbird.TextField]Translations{field: byLocale}); err != nil {
		known := slices.ContainsFunc(f.list, func(e FieldError) bool {
			return strings.HasPrefix(e.Field, fmt.Sprintf("texts.%s.", field))
		})
		if !known {
			f.add(fmt.Sprintf("texts.%s", field), err)
		}
	}
}

func (f *fieldChecks) error(first error) error {
	if len(f.list) == 0 {
		return first
	}
	slices.SortFunc(f.list, func(a, b FieldError) int { return strings.Compare(a.Field, b.Field) })
	return &fieldsError{first, f.list}
}
