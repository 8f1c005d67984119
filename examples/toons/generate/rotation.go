package main

import (
	"fmt"
	"time"
)

// license is a license's record, its fields in the order of catalog.ndjson.
type license struct {
	Type         string   `json:"type"`
	ID           string   `json:"id"`
	Title        string   `json:"title"`
	Territories  []string `json:"territories"`
	Exclude      []string `json:"exclude,omitempty"`
	Applications []string `json:"applications"`
	Start        string   `json:"start"`
	End          string   `json:"end"`
	Model        string   `json:"model"`
}

// The years that the demo stays alive.
const (
	firstYear = 2026
	lastYear  = 2031
)

// rotating is a title that opens and closes every month, and where it does.
type rotating struct {
	title       string
	territories []string
	exclude     []string
}

var everywhere = []string{"*"}

// rotation lists the titles on rotation. The i-th opens on the odd day 2i+1 of
// each month and closes fifteen days later, on an even day: every day from the
// 1st to the 28th has one boundary, and at any instant half of the titles open
// and the other half close within two weeks.
var rotation = []rotating{
	{"the-dinosaur-and-the-missing-link", everywhere, nil},
	{"finding-his-voice", everywhere, nil},
	{"the-sunshine-makers", everywhere, nil},
	{"gabby", []string{"EU", "NORDICS", "GB", "LATAM", "JP", "IN"}, nil},
	{"rarebit-fiend", everywhere, []string{"US"}},
	{"bobby-bumps-beanery", everywhere, nil},
	{"coffee-run", everywhere, nil},
	{"how-a-mosquito-operates", everywhere, nil},
	{"out-of-the-inkwell", []string{"ANGLOSPHERE", "EU", "LATAM"}, nil},
	{"humorous-phases", everywhere, nil},
	{"hero", everywhere, []string{"DACH"}},
	{"the-cameramans-revenge", everywhere, nil},
	{"drame-chez-les-fantoches", everywhere, nil},
	{"dreams-of-toyland", everywhere, []string{"JP"}},
}

// daysOpen is how long a rotating title stays.
const daysOpen = 15

// lastDay is the last day of a month on which something happens, so that all
// months are alike.
const lastDay = 28

// winter lists the titles shown from the middle of November to Epiphany.
var winter = []string{
	"rudolph-the-red-nosed-reindeer",
	"the-insects-christmas",
	"color-classics-christmas-comes-but-once-a-year",
	"comicolor-jack-frost",
}

// licenses returns the windows of all years, by title and then by time.
func licenses() []license {
	var all []license
	for i, r := range rotation {
		for year := firstYear; year <= lastYear; year++ {
			for month := time.January; month <= time.December; month++ {
				start, end := monthly(i, year, month)
				all = append(all, license{
					Type: "license", ID: fmt.Sprintf("%s-%d-%02d", r.title, year, month), Title: r.title,
					Territories: r.territories, Exclude: r.exclude, Applications: everywhere,
					Start: start.Format(time.RFC3339), End: end.Format(time.RFC3339), Model: "svod",
				})
			}
		}
	}
	for i, id := range winter {
		for year := firstYear - 1; year <= lastYear; year++ {
			all = append(all, license{
				Type: "license", ID: fmt.Sprintf("%s-winter-%d", id, year), Title: id,
				Territories: everywhere, Applications: everywhere,
				Start: time.Date(year, time.November, 15+i, 6, 0, 0, 0, time.UTC).Format(time.RFC3339),
				End:   time.Date(year+1, time.January, 7, 0, 0, 0, 0, time.UTC).Format(time.RFC3339), Model: "avod",
			})
		}
	}
	return all
}

// monthly returns when the i-th rotating title opens and closes in a month. The
// hour differs by title: not everything happens at midnight.
func monthly(i, year int, month time.Month) (start, end time.Time) {
	hour := i * 5 % 24
	start = time.Date(year, month, 2*i+1, hour, 0, 0, 0, time.UTC)
	last := 2*i + 1 + daysOpen
	if last > lastDay {
		last, month = last-lastDay, month+1
	}
	return start, time.Date(year, month, last, hour, 30, 0, 0, time.UTC)
}
