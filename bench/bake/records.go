package main

import (
	"context"
	"slices"
	"time"

	"ovenbird/internal/catalog"
	"ovenbird/internal/ovenbird"
)

// batch is how many records are written in one transaction.
const batch = 1000

// fill writes a catalog that was generated into one in a database.
func fill(ctx context.Context, store *catalog.Store, from *ovenbird.Snapshot) error {
	for chunk := range slices.Chunk(records(from), batch) {
		if _, err := store.Apply(ctx, catalog.Batch{Actor: "bench", Records: chunk, Atomic: true}); err != nil {
			return err
		}
	}
	return nil
}

// records returns a catalog as an import has it, parents before their children.
func records(from *ovenbird.Snapshot) []catalog.Record {
	var list []catalog.Record
	add := func(t *ovenbird.Title) {
		list = append(list, catalog.Record{Type: catalog.TypeTitle, ID: string(t.ID), Title: titleRecord(t)})
		for _, l := range from.Licenses[t.ID] {
			list = append(list, catalog.Record{Type: catalog.TypeLicense, ID: string(l.ID), License: licenseRecord(l)})
		}
	}
	var below func(t *ovenbird.Title)
	below = func(t *ovenbird.Title) {
		add(t)
		for _, child := range from.Children(t.ID) {
			below(child)
		}
	}
	for _, id := range sorted(from.Titles) {
		if t := from.Titles[id]; t.Parent == "" {
			below(t)
		}
	}
	for _, c := range from.CollectionList() {
		list = append(list, catalog.Record{Type: catalog.TypeCollection, ID: string(c.ID), Collection: &catalog.CollectionRecord{
			SortKey: c.SortKey, Published: &c.Published, Items: texts(c.Items),
			Texts: &catalog.CollectionTexts{Name: translations(c.Texts[ovenbird.Name])},
		}})
	}
	return list
}

func titleRecord(t *ovenbird.Title) *catalog.TitleRecord {
	r := &catalog.TitleRecord{
		Kind: t.Kind, Parent: string(t.Parent), SortKey: t.SortKey, Number: t.Number, Published: &t.Published, Video: &t.Video,
		Year: t.Year, RuntimeSeconds: int64(t.Runtime / time.Second), Genres: t.Genres, Cast: t.Cast, Directors: t.Directors,
		Texts: &catalog.TitleTexts{
			Name: translations(t.Texts[ovenbird.Name]), Synopsis: translations(t.Texts[ovenbird.Synopsis]),
			ShortSynopsis: translations(t.Texts[ovenbird.ShortSynopsis]),
		},
	}
	for _, i := range t.Images {
		r.Images = append(r.Images, catalog.ImageRecord{Role: i.Role, URL: i.URL, Width: i.Width, Height: i.Height})
	}
	for _, rating := range t.Ratings {
		r.Ratings = append(r.Ratings, catalog.RatingRecord(rating))
	}
	return r
}

func licenseRecord(l *ovenbird.License) *catalog.LicenseRecord {
	start, end := l.Window.Start.Format(time.RFC3339), l.Window.End.Format(time.RFC3339)
	return &catalog.LicenseRecord{
		Title: string(l.Title), Territories: l.Territories, Exclude: l.Exclude, Applications: l.Applications,
		Start: &start, End: &end, Model: l.Model,
	}
}

func translations(by map[ovenbird.Locale]string) catalog.Translations {
	all := make(catalog.Translations, len(by))
	for locale, text := range by {
		all[string(locale)] = text
	}
	return all
}

func texts[T ~string](ids []T) []string {
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = string(id)
	}
	return list
}
