package catalog

import (
	"bytes"
	"maps"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"ovenbird/internal/ovenbird"
)

// The form of a title, license or collection is its put record as JSON with
// everything normalized: countries ISO, locales canonical, keys in order. Equal
// things have equal forms; the feed holds forms, and merge patches apply to them.

func titleForm(t *ovenbird.Title) jsontext.Value {
	line := titleLine{header: header{Type: TypeTitle, ID: string(t.ID)}, TitleRecord: TitleRecord{
		Kind: t.Kind, Parent: string(t.Parent), SortKey: t.SortKey, Number: t.Number,
		Special: t.Special, Published: &t.Published, Video: &t.Video,
		Year: t.Year, RuntimeSeconds: int64(t.Runtime / time.Second), Added: instantText(t.Added),
		Genres: t.Genres, Cast: t.Cast, Directors: t.Directors,
	}}
	for _, country := range t.Origins {
		line.Origins = append(line.Origins, string(country))
	}
	for _, i := range t.Images {
		line.Images = append(line.Images, ImageRecord{Role: i.Role, URL: i.URL, Width: i.Width, Height: i.Height, Locale: string(i.Locale)})
	}
	for _, r := range t.Ratings {
		line.Ratings = append(line.Ratings, RatingRecord(r))
	}
	if len(t.Texts) > 0 {
		line.Texts = &TitleTexts{
			Name: translations(t.Texts[ovenbird.Name]), Synopsis: translations(t.Texts[ovenbird.Synopsis]),
			ShortSynopsis: translations(t.Texts[ovenbird.ShortSynopsis]), Tagline: translations(t.Texts[ovenbird.Tagline]),
		}
	}
	return marshal(&line)
}

func licenseForm(l *ovenbird.License) jsontext.Value {
	line := licenseLine{header: header{Type: TypeLicense, ID: string(l.ID)}, LicenseRecord: LicenseRecord{
		Title: string(l.Title), Territories: l.Territories, Exclude: l.Exclude, Applications: l.Applications, Model: l.Model,
	}}
	if !l.Window.Start.IsZero() {
		line.Start = new(instantText(l.Window.Start))
	}
	if !l.Window.End.IsZero() {
		line.End = new(instantText(l.Window.End))
	}
	return marshal(&line)
}

// collectionForm leaves the items out where the change does not touch them.
func collectionForm(c *ovenbird.Collection, items bool) jsontext.Value {
	line := collectionLine{header: header{Type: TypeCollection, ID: string(c.ID)}, CollectionRecord: CollectionRecord{
		SortKey: c.SortKey, Published: &c.Published,
	}}
	if len(c.Texts) > 0 {
		line.Texts = &CollectionTexts{
			Name: translations(c.Texts[ovenbird.Name]), Synopsis: translations(c.Texts[ovenbird.Synopsis]),
		}
	}
	if items {
		line.Items = make([]string, 0, len(c.Items))
		for _, id := range c.Items {
			line.Items = append(line.Items, string(id))
		}
	}
	return marshal(&line)
}

func itemForm(r ItemRecord) jsontext.Value {
	return marshal(&itemLine{Type: TypeItem, ItemRecord: r})
}

func translations(byLocale map[ovenbird.Locale]string) Translations {
	if len(byLocale) == 0 {
		return nil
	}
	out := make(Translations, len(byLocale))
	for locale, text := range byLocale {
		out[string(locale)] = text
	}
	return out
}

// MarshalJSON writes r as the line of an import file that ParseRecord reads back.
func (r *Record) MarshalJSON() ([]byte, error) {
	head := header{Type: r.Type, ID: r.ID, Op: r.Op}
	switch {
	case r.Title != nil:
		return json.Marshal(titleLine{head, *r.Title}, json.Deterministic(true))
	case r.License != nil:
		return json.Marshal(licenseLine{head, *r.License}, json.Deterministic(true))
	case r.Collection != nil:
		return json.Marshal(collectionLine{head, *r.Collection}, json.Deterministic(true))
	case r.Item != nil:
		return json.Marshal(itemLine{r.Type, r.Op, *r.Item}, json.Deterministic(true))
	case r.Op == Merge:
		members, err := object(r.Patch)
		if err != nil {
			return nil, err
		}
		members["type"], members["id"], members["op"] = string(r.Type), r.ID, string(r.Op)
		return json.Marshal(members, json.Deterministic(true))
	default:
		return json.Marshal(head)
	}
}

// mergeForm applies a JSON Merge Patch (RFC 7396) to a form and decodes the
// result as a put of the same thing.
func mergeForm(form, patch jsontext.Value) (Record, error) {
	target, err := object(form)
	if err != nil {
		return Record{}, err
	}
	changes, err := object(patch)
	if err != nil {
		return Record{}, err
	}
	merged, err := json.Marshal(mergePatch(target, changes), json.Deterministic(true))
	if err != nil {
		return Record{}, err
	}
	return ParseRecord(merged)
}

// mergePatch is the algorithm of RFC 7396 section 2.
func mergePatch(target map[string]any, patch map[string]any) map[string]any {
	for _, name := range slices.Collect(maps.Keys(patch)) {
		switch value := patch[name].(type) {
		case nil:
			delete(target, name)
		case map[string]any:
			inner, ok := target[name].(map[string]any)
			if !ok {
				inner = make(map[string]any)
			}
			target[name] = mergePatch(inner, value)
		default:
			target[name] = value
		}
	}
	return target
}

func object(v jsontext.Value) (map[string]any, error) {
	members := make(map[string]any)
	if len(bytes.TrimSpace(v)) == 0 {
		return members, nil
	}
	if err := json.Unmarshal(v, &members); err != nil {
		return nil, explain(v, err)
	}
	return members, nil
}

// marshal encodes what checker has passed, which can not fail: every string in
// it is valid UTF-8.
func marshal(v any) jsontext.Value {
	out, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		panic("catalog: encode a checked record: " + err.Error())
	}
	return out
}

// instantText is "" for the zero time.
func instantText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
