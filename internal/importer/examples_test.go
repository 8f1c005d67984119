package importer_test

import (
	"reflect"
	"testing"
	"time"

	"ovenbird/internal/catalog"
	"ovenbird/internal/importer"
	"ovenbird/internal/ovenbird"
)

// importExample imports a table through one of the mappings in examples.
func importExample(t *testing.T, store *catalog.Store, name, table string) importer.Report {
	t.Helper()
	m, err := importer.LoadMapping("../../examples/netflix/" + name + ".mapping.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return importInto(t, store, table, importer.Config{Mapping: m})
}

func snapshotOf(t *testing.T, store *catalog.Store) *ovenbird.Snapshot {
	t.Helper()
	s, err := store.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func day(month time.Month, d int) time.Time { return time.Date(2021, month, d, 0, 0, 0, 0, time.UTC) }

func TestTheCatalogMappingReadsAListOfTitles(t *testing.T) {
	store := newStore(t)
	report := importExample(t, store, "catalog",
		"show_id,type,title,director,cast,country,date_added,release_year,rating,duration,listed_in,description\r\n"+
			"s1,Movie,Steam Whistle,\"Ann Low, Bo Ray\",,\"West Germany, Soviet Union, United Kingdom\",2021-09-25,1988,PG-13,90 min,\"Dramas, Kids' TV\",A train.\r\n"+
			"s2,TV Show,Two Winters,,Cy Day,,2021-09-24,2021,TV-MA,2 Seasons,Dramas,\"Cold, twice.\"\r\n")
	if report.Rejected != 0 || report.Rows != 2 {
		t.Errorf("%+v", report)
	}
	s := snapshotOf(t, store)
	want := &ovenbird.Title{
		ID: "s1", Kind: ovenbird.Movie, SortKey: "steam-whistle", Published: true, Video: true, Year: 1988, Runtime: 90 * time.Minute,
		Added: day(time.September, 25), Genres: []string{"Dramas", "Kids' TV"}, Directors: []string{"Ann Low", "Bo Ray"},
		Origins: []ovenbird.Country{"DE", "GB"},
		Texts:   ovenbird.Texts{ovenbird.Name: {"en": "Steam Whistle"}, ovenbird.Synopsis: {"en": "A train."}},
		Ratings: []ovenbird.Rating{{System: "US", Value: "PG-13"}},
	}
	if got := s.Titles["s1"]; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if show := s.Titles["s2"]; show.Kind != ovenbird.Series || show.Runtime != 0 || len(s.Children("s2")) != 1 {
		t.Errorf("the show is %+v with %d below it", show, len(s.Children("s2")))
	}
	if l := s.Licenses["s2"]; len(l) != 1 || l[0].Window != (ovenbird.Window{Start: day(time.September, 24)}) || l[0].Territories[0] != "*" {
		t.Errorf("the license of the show is %+v", l)
	}
	if c := s.Collections["genre-dramas"]; c == nil || !reflect.DeepEqual(c.Items, []ovenbird.TitleID{"s1", "s2"}) || c.Texts[ovenbird.Name]["en"] != "Dramas" {
		t.Errorf("the collection is %+v", c)
	}
}

func TestTheRankingMappingMakesAWindowOfEachCountryAndWeek(t *testing.T) {
	store := newStore(t)
	const header = "country_name\tcountry_iso2\tweek\tcategory\tweekly_rank\tshow_title\tseason_title\tcumulative_weeks_in_top_10\n"
	const first = "Finland\tFI\t2021-11-14\tFilms (English)\t1\tThe \"Ice\" Road\tN/A\t1\n" +
		"Finland\tFI\t2021-11-14\tTV (English)\t1\tTill Dawn\tTill Dawn: Season 1\t1\n" +
		"Finland\tFI\t2021-11-14\tTV (English)\t2\tTill Dawn\tTill Dawn: Season 2\t1\n" +
		"Japan\tJP\t2021-11-14\tFilms (English)\t7\tTill Dawn\tN/A\t1\n"
	importExample(t, store, "top10", header+first)
	s := snapshotOf(t, store)
	license := s.Licenses["top10-film-the-ice-road"][0]
	want := ovenbird.Window{Start: day(time.November, 8), End: day(time.November, 15)}
	if license.ID != "top10-film-the-ice-road-fi-2021-11-14" || license.Window != want || license.Territories[0] != "FI" {
		t.Errorf("the license is %+v, want the window %v", license, want)
	}
	if len(s.Licenses["top10-tv-till-dawn"]) != 1 || len(s.Licenses["top10-film-till-dawn"]) != 1 {
		t.Error("a film and a show of one name are to be two titles, two ranked seasons of a show one license")
	}
	// The next state has a category renamed and a week more.
	report := importExample(t, store, "top10", header+"Finland\tFI\t2021-11-14\tFilms\t1\tThe \"Ice\" Road\tN/A\t1\n"+
		"Finland\tFI\t2021-11-21\tFilms\t3\tThe \"Ice\" Road\tN/A\t2\n")
	s = snapshotOf(t, store)
	name := s.Collections["top10-film"].Texts[ovenbird.Name]["en"]
	if report.Changed != 2 || len(s.Licenses["top10-film-the-ice-road"]) != 2 || name != "Top 10: Films" {
		t.Errorf("%+v changed a license and the name of a collection; got %+v", report, s.Licenses["top10-film-the-ice-road"])
	}
}
