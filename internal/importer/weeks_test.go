package importer_test

import (
	"slices"
	"strings"
	"testing"

	"ovenbird/internal/importer"
)

// Three states of a ranking in a row, each complete. In the second, a title and
// a country's week are withdrawn; in the third, the categories have new names, one
// show is called a little otherwise, and a category is gone.
var weeks = []string{
	`Finland	FI	2021-11-14	Films (English)	1	Red Night	N/A	1
Finland	FI	2021-11-14	Films (English)	2	Withdrawn	N/A	1
Japan	JP	2021-11-14	Films (English)	1	Red Night	N/A	1
Finland	FI	2021-11-14	TV (English)	1	Till Dawn	Till Dawn: Season 1	1
`,
	`Finland	FI	2021-11-14	Films (English)	1	Red Night	N/A	1
Finland	FI	2021-11-21	Films (English)	1	Red Night	N/A	2
Finland	FI	2021-11-14	TV (English)	1	Till Dawn	Till Dawn: Season 1	1
Finland	FI	2021-11-21	TV (English)	1	Till Dawn	Till Dawn: Season 1	2
`,
	`Finland	FI	2021-11-14	Films	1	Red Night	N/A	1
Finland	FI	2021-11-21	Films	1	Red Night!	N/A	2
Finland	FI	2021-11-28	Films	1	Bruised	N/A	1
`,
}

func TestWeeklyStatesInARowAreChangesNotAccidents(t *testing.T) {
	want := [][]string{{
		"created collection top10-film", "created collection top10-tv",
		"created collection_item top10-film/top10-film-red-night", "created collection_item top10-film/top10-film-withdrawn",
		"created collection_item top10-tv/top10-tv-till-dawn",
		"created license top10-film-red-night-fi-2021-11-14", "created license top10-film-red-night-jp-2021-11-14",
		"created license top10-film-withdrawn-fi-2021-11-14", "created license top10-tv-till-dawn-fi-2021-11-14",
		"created title top10-film-red-night", "created title top10-film-withdrawn",
		"created title top10-tv-till-dawn", "created title top10-tv-till-dawn-e1",
	}, {
		"created license top10-film-red-night-fi-2021-11-21", "created license top10-tv-till-dawn-fi-2021-11-21",
		"deleted collection_item top10-film/top10-film-withdrawn", "deleted license top10-film-red-night-jp-2021-11-14",
		"deleted license top10-film-withdrawn-fi-2021-11-14", "deleted title top10-film-withdrawn",
	}, {
		"created collection_item top10-film/top10-film-bruised", "created license top10-film-bruised-fi-2021-11-28",
		"created title top10-film-bruised", "deleted collection top10-tv",
		"deleted license top10-tv-till-dawn-fi-2021-11-14", "deleted license top10-tv-till-dawn-fi-2021-11-21",
		"deleted title top10-tv-till-dawn", "deleted title top10-tv-till-dawn-e1", "updated collection top10-film",
	}}
	const header = "country_name\tcountry_iso2\tweek\tcategory\tweekly_rank\tshow_title\tseason_title\tcumulative_weeks_in_top_10\n"
	m, err := importer.LoadMapping("../../examples/netflix/top10.mapping.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p := newPlace(t)
	var last int64
	for i, week := range weeks {
		p.write(t, "week.tsv", header+week)
		cfg := importer.Config{Mapping: m, Source: "top10", Complete: true, Shrink: 0.6}
		report, err := p.run(t, cfg, "week.tsv", nil)
		if err != nil {
			t.Fatalf("week %d: %v", i+1, err)
		}
		// One row of the third calls a film otherwise than another: that is told.
		if refused := rejects(t, p.file("rejects")); i == 2 && (report.Rejected != 1 || !strings.Contains(refused[0], "title top10-film-red-night")) {
			t.Errorf("week %d: %q", i+1, refused)
		}
		var list []string
		list, last = p.since(t, last)
		slices.Sort(list)
		if !slices.Equal(list, want[i]) {
			t.Errorf("week %d: the feed says\n%s\nwant\n%s", i+1, strings.Join(list, "\n"), strings.Join(want[i], "\n"))
		}
	}
}
