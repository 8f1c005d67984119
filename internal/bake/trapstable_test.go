package bake_test

import (
	"slices"
	"time"

	"ovenbird/internal/ovenbird"
)

// traps lists the traps. docs/rights.md names them.
func traps() []trap {
	return slices.Concat(
		territoryTraps(), groupTraps(), windowTraps(), inheritanceTraps(), emptyTraps(), placeTraps(), textTraps(), kidsTraps(), soonTraps(),
	)
}

func territoryTraps() []trap {
	m := titles{film("m")}
	return []trap{
		{
			name: "exclusion beats inclusion within a license", titles: m,
			licenses: licenses{right("m", "FI GB US", except("US"))},
			asks:     []ask{{path: "m", in: "FI GB"}},
		},
		{
			name: "an excluded group beats an included country", titles: m,
			licenses: licenses{right("m", "DE FI US", except("EU"))},
			asks:     []ask{{path: "m", in: "US"}},
		},
		{
			name: "licenses unite over each other's exclusions", titles: m,
			licenses: licenses{right("m", "*", except("US GB")), right("m", "US")},
			asks:     []ask{{path: "m", in: "DE FI GR US XK"}},
		},
		{
			name: "a star is worldwide", titles: m, licenses: licenses{right("m", "*")},
			asks: []ask{{path: "m", in: everywhere}},
		},
		{
			name: "an empty list is nowhere", titles: m, licenses: licenses{right("m", "")},
			asks: []ask{{path: "m", in: nowhere}},
		},
		{
			name: "no license is nowhere", titles: m,
			asks: []ask{{path: "m", in: nowhere}},
		},
		{
			name: "an unknown territory adds nothing", titles: m, licenses: licenses{right("m", "FI ATLANTIS")},
			asks: []ask{{path: "m", in: "FI"}},
		},
		{
			name: "an unknown exclusion excludes everything", titles: m,
			licenses: licenses{right("m", "*", except("ATLANTIS")), right("m", "GB")},
			asks:     []ask{{path: "m", in: "GB"}},
		},
		{
			name: "UK is GB and EL is GR", titles: m, licenses: licenses{right("m", "UK EL")},
			asks: []ask{{path: "m", in: "GB GR"}},
		},
		{
			name: "UK and EL are excluded as GB and GR", titles: m, licenses: licenses{right("m", "*", except("UK EL"))},
			asks: []ask{{path: "m", in: "DE FI US XK"}},
		},
		{
			name: "XK is a country of its own", titles: m, licenses: licenses{right("m", "XK")},
			asks: []ask{{path: "m", in: "XK"}},
		},
		{
			name: "a license for another application shows nothing here", titles: m,
			licenses: licenses{right("m", "*", forApplications("web"))},
			asks:     []ask{{path: "m", in: nowhere}, {edition: "web/de", path: "m", in: everywhere}},
		},
	}
}

func groupTraps() []trap {
	m := titles{film("m")}
	brussels := time.Date(2020, 1, 31, 23, 0, 0, 0, time.UTC) // midnight there
	return []trap{
		{
			name: "the EU before 2020-02-01 has GB", titles: m, licenses: licenses{right("m", "EU", starting(brussels.Add(-time.Second)))},
			asks: []ask{{path: "m", in: "DE FI GB GR"}},
		},
		{
			name: "the EU from 2020-02-01 is without GB", titles: m, licenses: licenses{right("m", "EU", starting(brussels))},
			asks: []ask{{path: "m", in: "DE FI GR"}},
		},
		{
			name: "a license keeps the members of its start", titles: m,
			licenses: licenses{right("m", "MARKET", starting(hours(-1)), ending(hours(2)))},
			asks:     []ask{{path: "m", at: hours(-1), in: "FI GB"}, {path: "m", in: "FI GB"}, {path: "m", at: hours(1), in: "FI GB"}, {path: "m", at: hours(2), in: nowhere}},
		},
		{
			name: "an open start gets the latest members", titles: m, licenses: licenses{right("m", "MARKET")},
			asks: []ask{{path: "m", at: hours(-1), in: "DE FI"}},
		},
		{
			name: "an excluded group is that of the start too", titles: m,
			licenses: licenses{right("m", "*", except("EU"), starting(brussels.Add(-time.Second)))},
			asks:     []ask{{path: "m", in: "US XK"}},
		},
	}
}

func windowTraps() []trap {
	m := titles{film("m")}
	second := time.Second
	return []trap{
		{
			name: "windows are half-open", titles: m, licenses: licenses{right("m", "*", starting(hours(1)), ending(hours(2)))},
			asks: []ask{
				{path: "m", at: hours(1).Add(-1), in: nowhere},
				{path: "m", at: hours(1), in: everywhere},
				{path: "m", at: hours(2).Add(-1), in: everywhere},
				{path: "m", at: hours(2), in: nowhere},
			},
		},
		{
			name: "windows that abut leave no gap", titles: m,
			licenses: licenses{right("m", "*", ending(hours(1))), right("m", "FI", starting(hours(1)), ending(hours(40)))},
			asks: []ask{
				{path: "m", at: hours(1).Add(-1), in: everywhere}, {path: "m", at: hours(1), in: "FI"},
			},
		},
		{
			name: "windows that overlap are one", titles: m,
			licenses: licenses{right("m", "FI", ending(hours(2))), right("m", "FI", starting(hours(1)), ending(hours(3)))},
			asks: []ask{
				{path: "m", at: hours(2), in: "FI"}, {path: "m", at: hours(3), in: nowhere},
			},
		},
		{
			name: "a gap of a second is a gap", titles: m,
			licenses: licenses{right("m", "FI", ending(hours(1))), right("m", "FI", starting(hours(1).Add(second)))},
			asks: []ask{
				{path: "m", at: hours(1), in: nowhere}, {path: "m", at: hours(1).Add(second), in: "FI"},
			},
		},
		{
			name: "an end at the instant of the bake has come", titles: m,
			licenses: licenses{right("m", "FI", ending(noon)), right("m", "GB", starting(noon))},
			asks:     []ask{{path: "m", in: "GB"}},
		},
	}
}

func inheritanceTraps() []trap {
	family := titles{
		title(ovenbird.Series, "s", ""), title(ovenbird.Season, "s1", "s"), title(ovenbird.Season, "s2", "s"), title(ovenbird.Episode, "e1", "s1"),
		title(ovenbird.Episode, "e2", "s2"), title(ovenbird.Episode, "e3", "s2"), title(ovenbird.Clip, "c", "s1"),
	}
	return []trap{
		{
			name: "rights inherit from series to season to episode", titles: family, licenses: licenses{right("s", "FI")},
			asks: []ask{{path: "e1", in: "FI"}, {path: "e3", in: "FI"}, {path: "s2", in: "FI"}, {path: "c", in: "FI"}},
		},
		{
			name: "a season's own license takes the place of the series'", titles: family,
			licenses: licenses{right("s", "*"), right("s2", "US")},
			asks:     []ask{{path: "e1", in: everywhere}, {path: "e2", in: "US"}, {path: "s2", in: "US"}, {path: "s", in: everywhere}},
		},
		{
			name: "an episode's own license takes the place of the season's", titles: family,
			licenses: licenses{right("s", "*"), right("s2", "US"), right("e3", "DE")},
			asks: []ask{
				{path: "e2", in: "US"}, {path: "e3", in: "DE"}, {path: "s2", in: "DE US"},
			},
		},
		{
			name: "an override that has ended does not fall back", titles: family,
			licenses: licenses{right("s", "*"), right("e2", "*", ending(hours(1))), right("e3", "FI", ending(hours(2)))},
			asks: []ask{
				{path: "s2", in: everywhere},
				{path: "e2", at: hours(1), in: nowhere},
				{path: "s2", at: hours(1), in: "FI"},
				{path: "s2", at: hours(2), in: nowhere},
				{path: "s", at: hours(2), in: everywhere},
			},
		},
		{
			name: "an override for another application does not fall back", titles: family,
			licenses: licenses{right("s", "*"), right("e1", "*", forApplications("web"))},
			asks:     []ask{{path: "e1", in: nowhere}, {path: "e1", edition: "web/en", in: everywhere}},
		},
		{
			name: "what stands below something unpublished is hidden", licenses: licenses{right("s", "*")},
			titles: titles{title(ovenbird.Series, "s", "", unpublished), title(ovenbird.Season, "s1", "s"), title(ovenbird.Episode, "e", "s1")},
			asks:   []ask{{path: "e", in: nowhere}, {path: "s1", in: nowhere}, {path: "s", in: nowhere}},
		},
	}
}

func emptyTraps() []trap {
	return []trap{
		{
			name: "an empty season is hidden, and nothing points to it", licenses: licenses{right("s", "*"), right("e2", "US")},
			titles: titles{
				title(ovenbird.Series, "s", ""), title(ovenbird.Season, "s1", "s"), title(ovenbird.Season, "s2", "s"), title(ovenbird.Season, "s3", "s"),
				title(ovenbird.Episode, "e1", "s1"), title(ovenbird.Episode, "e2", "s2"),
			},
			asks: []ask{
				{path: "s2", in: "US"},
				{path: "s3", in: nowhere},
				{path: "e2", in: "US", body: `{"title":{"id":"e2","number":null,"parent":{"id":"s2"},"seasons":[],"episodes":[],"specials":[],"clips":[]}}`},
			},
		},
		{
			name: "a series with nothing but a clip is hidden, and the clip has no parent", licenses: licenses{right("s", "*")},
			titles: titles{title(ovenbird.Series, "s", ""), title(ovenbird.Season, "s1", "s"), title(ovenbird.Clip, "c", "s"), title(ovenbird.Episode, "e", "s1", unpublished)},
			asks: []ask{
				{path: "s", in: nowhere},
				{path: "s1", in: nowhere},
				{path: "c", in: everywhere, body: `{"title":{"id":"c","number":null,"parent":null,"seasons":[],"episodes":[],"specials":[],"clips":[]}}`},
			},
		},
		{
			name: "an empty rail is hidden", licenses: licenses{right("m", "FI")}, titles: titles{film("m"), film("hidden")},
			collections: collections{rail("empty"), rail("gone", "nowhere"), rail("hidden-only", "hidden"), rail("k", "hidden", "m", "nowhere")},
			asks: []ask{
				{path: "collections/empty/1.json", in: nowhere},
				{path: "collections/gone/1.json", in: nowhere},
				{path: "collections/hidden-only/1.json", in: nowhere},
				{path: "collections/k/1.json", in: "FI", body: `{"collection":{"pages":1,"titles":[{"id":"m"}]}}`},
				{path: "collections/k/2.json", in: nowhere},
			},
		},
		{
			name: "a rail empties and fills by itself", licenses: licenses{right("m", "*", ending(hours(1))), right("n", "*", starting(hours(2)))},
			titles: titles{film("m"), film("n")}, collections: collections{rail("k", "n", "m")},
			asks: []ask{
				{path: "home.json", in: everywhere, body: `{"collections":[{"id":"k","titles":[{"id":"m"}]}]}`},
				{path: "home.json", at: hours(1), in: everywhere, body: `{"collections":[]}`},
				{path: "home.json", at: hours(2), in: everywhere, body: `{"collections":[{"id":"k","titles":[{"id":"n"}]}]}`},
				{path: "collections/k/1.json", at: hours(1), in: nowhere},
				{path: "collections/k/1.json", at: hours(2), in: everywhere},
			},
		},
		{
			name: "an unpublished rail is hidden", licenses: licenses{right("m", "*")}, titles: titles{film("m")},
			collections: collections{{ID: "k", Items: []ovenbird.TitleID{"m"}}},
			asks: []ask{
				{path: "collections/k/1.json", in: nowhere}, {path: "home.json", in: everywhere, body: `{"collections":[]}`},
			},
		},
		{
			name: "pages count what is visible", licenses: licenses{right("a", "*"), right("b", "US"), right("c", "*")},
			titles: titles{film("a"), film("b"), film("c")}, collections: collections{rail("k", "b", "a", "c")},
			asks: []ask{{path: "collections/k/1.json", in: everywhere}, {path: "collections/k/2.json", in: "US", body: `{"collection":{"pages":2,"titles":[{"id":"c"}]}}`}},
		},
	}
}

func placeTraps() []trap {
	return []trap{
		{
			name: "specials are in a place of their own", licenses: licenses{right("s", "*")},
			titles: titles{
				title(ovenbird.Series, "s", ""), title(ovenbird.Season, "s1", "s"), title(ovenbird.Episode, "e1", "s1"),
				title(ovenbird.Episode, "xmas", "s1", special), title(ovenbird.Episode, "pilot", "s", special),
			},
			asks: []ask{
				{path: "s", in: everywhere, body: `{"title":{"id":"s","number":null,"parent":null,"seasons":[{"id":"s1"}],"episodes":[],` +
					`"specials":[{"id":"pilot"},{"id":"xmas"}],"clips":[]}}`},
				{path: "s1", in: everywhere, body: `{"title":{"id":"s1","number":null,"parent":{"id":"s"},"seasons":[],"episodes":[{"id":"e1","number":null}],` +
					`"specials":[{"id":"xmas"}],"clips":[]}}`},
			},
		},
		{
			name: "episodes numbered 160a are ordered by sort key", licenses: licenses{right("s", "*")},
			titles: titles{
				title(ovenbird.Series, "s", ""), title(ovenbird.Episode, "e1", "s", numbered("160a", "0160a")), title(ovenbird.Episode, "e2", "s", numbered("9", "0009")),
				title(ovenbird.Episode, "e3", "s", numbered("160", "0160")),
			},
			asks: []ask{{path: "s", in: everywhere, body: `{"title":{"id":"s","number":null,"parent":null,"seasons":[],"episodes":[{"id":"e2","number":"9"},` +
				`{"id":"e3","number":"160"},{"id":"e1","number":"160a"}],"specials":[],"clips":[]}}`}},
		},
		{
			name: "episodes without a number or a season", licenses: licenses{right("s", "*")},
			titles: titles{title(ovenbird.Series, "s", ""), title(ovenbird.Season, "s1", "s"), title(ovenbird.Episode, "in season", "s1"), title(ovenbird.Episode, "alone", "s")},
			asks: []ask{{path: "s", in: everywhere, body: `{"title":{"id":"s","number":null,"parent":null,"seasons":[{"id":"s1"}],` +
				`"episodes":[{"id":"alone","number":null}],"specials":[],"clips":[]}}`}},
		},
		{
			name: "a season of specials alone is there", licenses: licenses{right("s", "FI")},
			titles: titles{title(ovenbird.Series, "s", ""), title(ovenbird.Season, "s0", "s"), title(ovenbird.Episode, "x", "s0", special)},
			asks:   []ask{{path: "s0", in: "FI"}, {path: "s", in: "FI"}},
		},
	}
}

func textTraps() []trap {
	return []trap{
		{
			name: "texts fall back per field", licenses: licenses{right("m", "DE")},
			titles: titles{film("m", named("en", "Fire"), named("de", "Feuer"), texted(ovenbird.Synopsis, "en", "Hot."))},
			asks: []ask{
				{path: "m", edition: "web/en", in: "DE", body: `{"title":{"name":"Fire","synopsis":"Hot.","poster":null}}`},
				{path: "m", edition: "web/de", in: "DE", body: `{"title":{"name":"Feuer","synopsis":"Hot.","poster":null}}`},
				{path: "search/fe.json", edition: "web/de", in: "DE"},
				{path: "search/fi.json", edition: "web/de", in: nowhere},
			},
		},
		{
			name: "an empty text is a text", licenses: licenses{right("m", "DE")},
			titles: titles{film("m", named("en", "Fire"), named("de", ""), texted(ovenbird.Synopsis, "de", ""), texted(ovenbird.Synopsis, "en", "Hot."))},
			asks:   []ask{{path: "m", edition: "web/de", in: "DE", body: `{"title":{"name":"","synopsis":"","poster":null}}`}},
		},
		{
			name: "what is held back in a country is never fallen back to", licenses: licenses{right("m", "GB")},
			titles: titles{film("m", named("de", "Feuer"), texted(ovenbird.Synopsis, "en", "Hot."), pictured("de", "/de"), pictured("en", "/en"))},
			asks: []ask{
				{path: "m", edition: "web/de", in: "GB", body: `{"title":{"name":null,"synopsis":"Hot.","poster":{"url":"/en"}}}`},
				{path: "search/fe.json", edition: "web/de", in: nowhere},
				{path: "search/f.json", edition: "web/de", in: nowhere},
			},
		},
		{
			name: "a picture with words that are held back is not shown", licenses: licenses{right("m", "GB")},
			titles: titles{film("m", pictured("de", "/de"))},
			asks:   []ask{{path: "m", edition: "web/de", in: "GB", body: `{"title":{"name":null,"synopsis":null,"poster":null}}`}},
		},
		{
			name: "what is held back in an application is never fallen back to", licenses: licenses{right("m", "FI")},
			titles: titles{film("m", named("fi", "Tuli"), named("sv", "Eld"), texted(ovenbird.Synopsis, "fi", "Kuuma."))},
			asks:   []ask{{path: "m", edition: "mobile", in: "FI", body: `{"title":{"name":"Eld","synopsis":null,"poster":null}}`}},
		},
		{
			name: "what no locale of the chain has is null", licenses: licenses{right("m", "US")},
			titles: titles{film("m", named("sv", "Eld"))},
			asks:   []ask{{path: "m", edition: "web/de", in: "US", body: `{"title":{"name":null,"synopsis":null,"poster":null}}`}},
		},
	}
}

func kidsTraps() []trap {
	everyone := licenses{right("m", "*")}
	return []trap{
		{
			name: "kids see nothing without a rating", licenses: everyone, titles: titles{film("m")},
			asks: []ask{{path: "m", edition: "kids", in: nowhere}, {path: "m", in: everywhere}},
		},
		{
			name: "kids see nothing with an unmapped rating", licenses: everyone, titles: titles{film("m", rated("MPA", "NR"), rated("FSK", "00"), rated("XYZ", "0"))},
			asks: []ask{{path: "m", edition: "kids", in: nowhere}},
		},
		{
			name: "kids see what a board of their country says suits them", licenses: everyone, titles: titles{film("m", rated("FSK", "0"), rated("BBFC", "U"))},
			asks: []ask{{path: "m", edition: "kids", in: "DE FI GB XK"}},
		},
		{
			name: "the first board that rated it counts, mapped or not", licenses: everyone,
			titles: titles{film("m", rated("FSK", "0"), rated("KAVI", "K-?"))},
			asks:   []ask{{path: "m", edition: "kids", in: "DE XK"}},
		},
		{
			name: "an age limit includes its age", licenses: everyone, titles: titles{film("m", rated("KAVI", "7"), rated("FSK", "12"))},
			asks: []ask{{path: "m", edition: "kids", in: "FI"}},
		},
		{
			name: "kids see nothing for older viewers", licenses: everyone, titles: titles{film("m", rated("FSK", "12"), rated("MPA", "G"))},
			asks: []ask{{path: "m", edition: "kids", in: "US"}},
		},
		{
			name: "kids see nothing below what does not suit them", licenses: licenses{right("s", "*")},
			titles: titles{title(ovenbird.Series, "s", "", rated("FSK", "12")), title(ovenbird.Episode, "e", "s", rated("FSK", "0"))},
			asks:   []ask{{path: "e", edition: "kids", in: nowhere}, {path: "s", edition: "kids", in: nowhere}, {path: "s", in: everywhere}},
		},
		{
			name: "an episode inherits the rating of its series", licenses: licenses{right("s", "*")},
			titles: titles{title(ovenbird.Series, "s", "", rated("FSK", "0")), title(ovenbird.Season, "s1", "s"), title(ovenbird.Episode, "e", "s1")},
			asks:   []ask{{path: "e", edition: "kids", in: "DE FI XK"}, {path: "s1", edition: "kids", in: "DE FI XK"}},
		},
		{
			name: "a series without a rating is judged by its episodes", licenses: licenses{right("s", "*")},
			titles: titles{title(ovenbird.Series, "s", ""), title(ovenbird.Episode, "e", "s", rated("FSK", "0")), title(ovenbird.Episode, "f", "s")},
			asks:   []ask{{path: "s", edition: "kids", in: "DE FI XK"}, {path: "f", edition: "kids", in: nowhere}},
		},
		{
			name: "what has no video is hidden where video is required", licenses: everyone,
			titles: titles{film("m", rated("FSK", "0"), withoutVideo)},
			asks:   []ask{{path: "m", edition: "kids", in: nowhere}, {path: "m", in: everywhere}},
		},
	}
}

func soonTraps() []trap {
	return []trap{
		{
			name: "what opens is announced without an id", titles: titles{film("m", named("en", "Fire"))},
			licenses: licenses{right("m", "*", starting(hours(3)))},
			asks: []ask{
				{path: "upcoming.json", in: everywhere, body: `{"upcoming":[{"opens":"2026-06-15T15:00:00Z","title":{"name":"Fire"}}]}`},
				{path: "upcoming.json", at: hours(3), in: everywhere, body: `{"upcoming":[]}`},
			},
		},
		{
			name: "within a day is until the end of tomorrow", titles: titles{film("m", named("en", "Fire"))},
			licenses: licenses{right("m", "*", starting(hours(36)))}, // midnight after tomorrow
			asks: []ask{
				{path: "upcoming.json", in: everywhere, body: `{"upcoming":[]}`},
				{path: "upcoming.json", at: hours(12).Add(-1), in: everywhere, body: `{"upcoming":[]}`},
				{path: "upcoming.json", at: hours(12), in: everywhere, body: `{"upcoming":[{"opens":"2026-06-17T00:00:00Z","title":{"name":"Fire"}}]}`},
			},
		},
		{
			name: "what leaves with the last day is not within it", titles: titles{film("m")},
			licenses: licenses{right("m", "*", ending(hours(36))), right("m", "*", starting(hours(1)), ending(hours(2)))},
			asks: []ask{
				{path: "leaving.json", in: everywhere, body: `{"leaving":[]}`},
				{path: "leaving.json", at: hours(12), in: everywhere, body: `{"leaving":[{"leaves":"2026-06-17T00:00:00Z","title":{"id":"m"}}]}`},
			},
		},
		{
			name: "what is renewed does not leave", titles: titles{film("m")},
			licenses: licenses{right("m", "*", ending(hours(1))), right("m", "*", starting(hours(1)))},
			asks:     []ask{{path: "leaving.json", in: everywhere, body: `{"leaving":[]}`}},
		},
		{
			name: "a series leaves with its last episode", licenses: licenses{right("e1", "*", ending(hours(1))), right("e2", "*", ending(hours(2)))},
			titles: titles{title(ovenbird.Series, "s", ""), title(ovenbird.Episode, "e1", "s"), title(ovenbird.Episode, "e2", "s")},
			asks:   []ask{{path: "leaving.json", in: everywhere, body: `{"leaving":[{"leaves":"2026-06-15T14:00:00Z","title":{"id":"s"}}]}`}},
		},
		{
			name: "what is unpublished is not announced", titles: titles{film("m", named("en", "Fire"), unpublished)},
			licenses: licenses{right("m", "*", starting(hours(3)))},
			asks:     []ask{{path: "upcoming.json", in: everywhere, body: `{"upcoming":[]}`}},
		},
		{
			name: "kids are not told of what will not suit them", titles: titles{film("m", named("en", "Fire"), rated("FSK", "12"))},
			licenses: licenses{right("m", "*", starting(hours(3)))},
			asks:     []ask{{path: "upcoming.json", edition: "kids", in: everywhere, body: `{"upcoming":[]}`}},
		},
	}
}
