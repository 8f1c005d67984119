package facts_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"ovenbird/internal/facts"
	"ovenbird/internal/ovenbird"
)

var (
	noon      = time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)
	yesterday = noon.AddDate(0, 0, -1)
	tomorrow  = noon.AddDate(0, 0, 1)
	nextYear  = noon.AddDate(1, 0, 0)
)

func set(codes ...ovenbird.Country) ovenbird.CountrySet { return ovenbird.NewCountrySet(codes...) }

// tv is an edition for everyone in five countries.
func tv() *facts.Edition {
	return &facts.Edition{
		Application: "tv", Countries: set("DE", "FI", "GB", "SE", "US"), RequiresVideo: true, MaxAge: facts.NoMaxAge,
		Chains: []facts.Chain{
			{Countries: set("DE"), Locales: []ovenbird.Locale{"de", "en"}},
			{Countries: set("FI"), Locales: []ovenbird.Locale{"fi", "sv", "en"}},
			{Countries: set("SE"), Locales: []ovenbird.Locale{"sv", "en"}},
			{Countries: set("GB", "US"), Locales: []ovenbird.Locale{"en"}},
		},
		Boards: []facts.Board{
			{Countries: set("DE"), Systems: []string{"FSK"}},
			{Countries: set("FI", "SE"), Systems: []string{"KAVI", "FSK"}},
			{Countries: set("US"), Systems: []string{"MPA"}},
		},
	}
}

// kids is tv for an audience up to seven years.
func kids() *facts.Edition {
	e := tv()
	e.Application, e.MaxAge = "kids", 7
	return e
}

func rules() *facts.Rules {
	return &facts.Rules{Groups: facts.StandardGroups(), Ages: map[ovenbird.Rating]int{
		{System: "FSK", Value: "0"}: 0, {System: "FSK", Value: "6"}: 6, {System: "FSK", Value: "12"}: 12,
		{System: "KAVI", Value: "S"}: 0, {System: "KAVI", Value: "12"}: 12, {System: "MPA", Value: "G"}: 0,
	}}
}

func movie(id ovenbird.TitleID) *ovenbird.Title {
	return &ovenbird.Title{ID: id, Kind: ovenbird.Movie, Published: true, Video: true}
}

func license(title ovenbird.TitleID, territories, exclude []string) *ovenbird.License {
	return &ovenbird.License{
		ID: "l-" + ovenbird.LicenseID(title), Title: title, Territories: territories, Exclude: exclude,
		Applications: []string{"*"}, Window: ovenbird.Window{Start: yesterday, End: nextYear}, Model: ovenbird.SVOD,
	}
}

func in(list ...string) []string { return list }

func view(e *facts.Edition, titles []*ovenbird.Title, licenses ...*ovenbird.License) *facts.View {
	return facts.NewView(ovenbird.NewSnapshot(1, titles, licenses, nil), e, rules(), noon)
}

func TestVisibilityFollowsTerritories(t *testing.T) {
	for name, test := range map[string]struct {
		licenses []*ovenbird.License
		want     ovenbird.CountrySet
	}{
		"no license shows nothing":         {nil, set()},
		"an empty list is not worldwide":   {[]*ovenbird.License{license("m", nil, nil)}, set()},
		"worldwide":                        {[]*ovenbird.License{license("m", in("*"), nil)}, tv().Countries},
		"worldwide except":                 {[]*ovenbird.License{license("m", in("*"), in("US", "DE"))}, set("FI", "GB", "SE")},
		"exclusion beats inclusion":        {[]*ovenbird.License{license("m", in("FI", "SE"), in("FI"))}, set("SE")},
		"a group":                          {[]*ovenbird.License{license("m", in("NORDICS"), nil)}, set("FI", "SE")},
		"the EU of 2026 has no GB":         {[]*ovenbird.License{license("m", in("EU"), nil)}, set("DE", "FI", "SE")},
		"an excluded group":                {[]*ovenbird.License{license("m", in("*"), in("EU"))}, set("GB", "US")},
		"UK is written for GB":             {[]*ovenbird.License{license("m", in("UK"), nil)}, set("GB")},
		"a typing error grows no license":  {[]*ovenbird.License{license("m", in("EUROPA"), nil)}, set()},
		"licenses unite over an exclusion": {[]*ovenbird.License{license("m", in("*"), in("US")), license("m", in("US"), nil)}, tv().Countries},
	} {
		t.Run(name, func(t *testing.T) {
			m := movie("m")
			if got := view(tv(), []*ovenbird.Title{m}, test.licenses...).Visible(m); got != test.want {
				t.Errorf("visible in %v, want %v", got, test.want)
			}
		})
	}
}

func TestAGroupIsTheOneInForceWhenTheLicenseStarts(t *testing.T) {
	m, before := movie("m"), license("m", in("EU"), nil)
	before.Window.Start = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	if got, want := view(tv(), []*ovenbird.Title{m}, before).Visible(m), set("DE", "FI", "GB", "SE"); got != want {
		t.Errorf("visible in %v, want %v", got, want)
	}
}

func TestWindowsAreHalfOpen(t *testing.T) {
	m, l := movie("m"), license("m", in("*"), nil)
	l.Window = ovenbird.Window{Start: noon, End: tomorrow}
	v := view(tv(), []*ovenbird.Title{m}, l)
	for at, want := range map[time.Time]bool{
		noon.Add(-1): false, noon: true, tomorrow.Add(-1): true, tomorrow: false,
	} {
		if got := !v.Later(at, map[ovenbird.TitleID]bool{m.ID: true}).Visible(m).Empty(); got != want {
			t.Errorf("visible at %v: %v, want %v", at, got, want)
		}
	}
}

func TestLicensesInheritDownwardAndAreReplacedWhole(t *testing.T) {
	series := &ovenbird.Title{ID: "s", Kind: ovenbird.Series, Published: true}
	season := &ovenbird.Title{ID: "s1", Kind: ovenbird.Season, Parent: "s", Published: true}
	plain := &ovenbird.Title{ID: "e1", Kind: ovenbird.Episode, Parent: "s1", Published: true, Video: true}
	own := &ovenbird.Title{ID: "e2", Kind: ovenbird.Episode, Parent: "s1", Published: true, Video: true}
	trailer := &ovenbird.Title{ID: "c", Kind: ovenbird.Clip, Parent: "s", Published: true, Video: true}
	titles := []*ovenbird.Title{series, season, plain, own, trailer}
	v := view(tv(), titles, license("s", in("FI", "SE"), nil), license("e2", in("US"), nil))
	for title, want := range map[*ovenbird.Title]ovenbird.CountrySet{
		plain: set("FI", "SE"), own: set("US"), season: set("FI", "SE", "US"), series: set("FI", "SE", "US"), trailer: set("FI", "SE"),
	} {
		if got := v.Visible(title); got != want {
			t.Errorf("%s visible in %v, want %v", title.ID, got, want)
		}
	}
	plain.Published, own.Video = false, false
	if got := view(tv(), titles, license("s", in("*"), nil)).Visible(series); !got.Empty() {
		t.Errorf("a series with nothing but a clip is visible in %v", got)
	}
}

func TestAnUnpublishedAncestorHidesAll(t *testing.T) {
	series := &ovenbird.Title{ID: "s", Kind: ovenbird.Series}
	episode := &ovenbird.Title{ID: "e", Kind: ovenbird.Episode, Parent: "s", Published: true, Video: true}
	if got := view(tv(), []*ovenbird.Title{series, episode}, license("s", in("*"), nil)).Visible(episode); !got.Empty() {
		t.Errorf("visible in %v", got)
	}
}

func TestKidsSeeOnlyWhatIsKnownToSuitThem(t *testing.T) {
	for name, test := range map[string]struct {
		ratings []ovenbird.Rating
		want    ovenbird.CountrySet
	}{
		"no rating at all":               {nil, set()},
		"a board of one country":         {[]ovenbird.Rating{{System: "FSK", Value: "6"}}, set("DE", "FI", "SE")},
		"the first board counts":         {[]ovenbird.Rating{{System: "FSK", Value: "0"}, {System: "KAVI", Value: "12"}}, set("DE")},
		"too old":                        {[]ovenbird.Rating{{System: "FSK", Value: "12"}}, set()},
		"an unmapped value":              {[]ovenbird.Rating{{System: "MPA", Value: "NR"}}, set()},
		"no board, no country: GB":       {[]ovenbird.Rating{{System: "MPA", Value: "G"}}, set("US")},
		"an unmapped first board blocks": {[]ovenbird.Rating{{System: "KAVI", Value: "?"}, {System: "FSK", Value: "0"}}, set("DE")},
	} {
		t.Run(name, func(t *testing.T) {
			m := movie("m")
			m.Ratings = test.ratings
			if got := view(kids(), []*ovenbird.Title{m}, license("m", in("*"), nil)).Visible(m); got != test.want {
				t.Errorf("visible in %v, want %v", got, test.want)
			}
		})
	}
}

func TestASeriesForAdultsHidesAnEpisodeForChildren(t *testing.T) {
	series := &ovenbird.Title{ID: "s", Kind: ovenbird.Series, Published: true, Ratings: []ovenbird.Rating{{System: "FSK", Value: "12"}}}
	episode := &ovenbird.Title{
		ID: "e", Kind: ovenbird.Episode, Parent: "s", Published: true, Video: true,
		Ratings: []ovenbird.Rating{{System: "FSK", Value: "0"}},
	}
	v := view(kids(), []*ovenbird.Title{series, episode}, license("s", in("*"), nil))
	if got := v.Visible(episode); !got.Empty() {
		t.Errorf("visible in %v", got)
	}
	series.Ratings = nil
	v = view(kids(), []*ovenbird.Title{series, episode}, license("s", in("*"), nil))
	if got, want := v.Visible(series), set("DE", "FI", "SE"); got != want {
		t.Errorf("a series without a rating of its own is visible in %v, want %v", got, want)
	}
}

func TestTextsFallBackPerFieldAndSayWhereTheyAreTheSame(t *testing.T) {
	texts := ovenbird.Texts{
		ovenbird.Name:     {"en": "Fire", "sv": "Eld", "de": ""},
		ovenbird.Synopsis: {"fi": "Tuli."},
	}
	v := view(tv(), nil)
	for field, want := range map[ovenbird.TextField]map[string]ovenbird.CountrySet{
		ovenbird.Name:     {"Fire": set("GB", "US"), "Eld": set("FI", "SE"), "": set("DE")},
		ovenbird.Synopsis: {"Tuli.": set("FI")},
		ovenbird.Tagline:  {},
	} {
		got := make(map[string]ovenbird.CountrySet)
		for _, w := range v.Wordings(texts, field) {
			got[w.Text] = w.Countries
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s: %v, want %v", field, got, want)
		}
	}
}

func TestImagesAreChosenByLocaleThenWidth(t *testing.T) {
	m := movie("m")
	image := func(url string, width int, locale ovenbird.Locale) ovenbird.Image {
		return ovenbird.Image{Role: ovenbird.Poster, URL: url, Width: width, Height: width, Locale: locale}
	}
	m.Images = []ovenbird.Image{image("small", 300, ""), image("large", 900, ""), image("sv", 300, "sv")}
	v := view(tv(), []*ovenbird.Title{m})
	for _, test := range []struct {
		country ovenbird.Country
		width   int
		url     string
		same    ovenbird.CountrySet
	}{
		{"US", 200, "small", set("DE", "GB", "US")},
		{"US", 301, "large", set("DE", "GB", "US")},
		{"US", 2000, "large", set("DE", "GB", "US")},
		{"FI", 2000, "sv", set("FI", "SE")},
	} {
		image, same := v.Image(m, ovenbird.Poster, test.width, test.country.Index())
		if image == nil || image.URL != test.url || same != test.same {
			t.Errorf("%s at %d: %+v in %v, want %s in %v", test.country, test.width, image, same, test.url, test.same)
		}
	}
	if image, same := v.Image(m, ovenbird.Logo, 1, 0); image != nil || same != tv().Countries {
		t.Errorf("an image that is not there: %+v in %v", image, same)
	}
}

func TestAvailabilityJoinsWindowsThatAbut(t *testing.T) {
	m := movie("m")
	first, second := license("m", in("FI", "US"), nil), license("m", in("FI"), nil)
	first.Window = ovenbird.Window{Start: yesterday, End: tomorrow}
	second.ID, second.Window = "l2", ovenbird.Window{Start: tomorrow, End: nextYear}
	v := view(tv(), []*ovenbird.Title{m}, first, second)
	finland, ok, same := v.Available(m, ovenbird.Country("FI").Index())
	if !ok || !finland.End.Equal(nextYear) || same != set("FI") {
		t.Errorf("FI: %v %v in %v", finland, ok, same)
	}
	// FI is not left: the next window there abuts.
	want := []facts.Moment{{At: tomorrow, Countries: set("US")}}
	if got := v.Leavings(m, v.DayLimit(30)); !slices.Equal(got, want) {
		t.Errorf("leaving: %v, want %v", got, want)
	}
	if got := v.Leavings(m, tomorrow); got != nil {
		t.Errorf("leaving before tomorrow: %v", got)
	}
	if got := v.Openings(m, v.DayLimit(30)); got != nil {
		t.Errorf("opening where it is available, or never will be: %v", got)
	}
}

func TestATitleOpensWhereItIsNotAvailableYet(t *testing.T) {
	series, one, two := movie("s"), movie("e1"), movie("e2")
	series.Kind, one.Kind, two.Kind = ovenbird.Series, ovenbird.Episode, ovenbird.Episode
	one.Parent, two.Parent, two.Video = "s", "s", false
	now, then, later := license("e1", in("FI"), nil), license("e1", in("SE"), nil), license("e2", in("FI", "SE", "US"), nil)
	now.Window = ovenbird.Window{Start: yesterday}
	then.ID, then.Window = "l2", ovenbird.Window{Start: tomorrow}
	later.ID, later.Window = "l3", ovenbird.Window{Start: tomorrow.Add(time.Hour)}
	v := view(tv(), []*ovenbird.Title{series, one, two}, now, then, later)
	want := []facts.Moment{{At: tomorrow, Countries: set("SE")}, {At: tomorrow.Add(time.Hour), Countries: set("US")}}
	got := v.Openings(series, v.DayLimit(30))
	slices.SortFunc(got, func(a, b facts.Moment) int { return a.At.Compare(b.At) })
	if !slices.Equal(got, want) {
		t.Errorf("opening: %v, want %v", got, want)
	}
}

func TestSearchFoldsNamesAndSaysWhereTheyAreCalledThat(t *testing.T) {
	elan, fire := movie("a"), movie("b")
	elan.Texts = ovenbird.Texts{ovenbird.Name: {"en": "The Élan", "fi": "Into"}}
	fire.Texts = ovenbird.Texts{ovenbird.Name: {"en": "Elephants"}}
	v := view(tv(), []*ovenbird.Title{elan, fire})
	finds := v.Search("el", 3)
	for i, chain := range v.Edition().Chains {
		find, inFinnish := finds[i], chain.Locales[0] == "fi"
		if !slices.Equal(find.Leading, []*ovenbird.Title{fire}) || (len(find.Others) == 0) != inFinnish {
			t.Errorf("hits for el in %v: %+v", chain.Locales, find)
		}
		if !inFinnish && (find.At(0) != fire || find.At(1) != elan || find.At(2) != nil) {
			t.Errorf("hits for el in %v in another order: %+v", chain.Locales, find)
		}
	}
	if got := v.Search("elep", 3); got != nil {
		t.Errorf("a prefix beyond the longest finds %v", got)
	}
}

func TestExplainNamesTheRuleThatDecides(t *testing.T) {
	m, l := movie("m"), license("m", in("*"), in("US"))
	for _, test := range []struct {
		country  ovenbird.Country
		at       time.Time
		visible  bool
		decisive string
	}{
		{"FI", noon, true, "license: license l-m of m is in force in FI until 2027-06-15T12:00:00Z (svod)"},
		{"US", noon, false, "license: license l-m of m excludes US (US); exclusion beats inclusion"},
		{"FI", nextYear, false, "license: license l-m of m ended at 2027-06-15T12:00:00Z"},
		{"JP", noon, false, "edition: tv is not offered in JP"},
	} {
		x := view(tv(), []*ovenbird.Title{m}, l).Later(test.at, map[ovenbird.TitleID]bool{m.ID: true}).Explain(m, test.country)
		if x.Visible != test.visible || x.Decisive != test.decisive {
			t.Errorf("%s at %v: %v %q, want %v %q", test.country, test.at, x.Visible, x.Decisive, test.visible, test.decisive)
		}
	}
	if x := view(kids(), []*ovenbird.Title{m}, l).Explain(m, "FI"); x.Visible || x.Findings[2].Passed {
		t.Errorf("kids without a rating: %+v", x)
	}
}
