package model_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ovenbird/internal/model"
	"ovenbird/internal/ovenbird"
)

var noon = time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)

func in(hours int) time.Time { return noon.Add(time.Duration(hours) * time.Hour) }

// fi is the variation that these tests look at.
var fi = model.Variation{Country: "FI", Application: "tv"}

// tv is a site with one application in two countries.
func tv(shape string) model.Site {
	return model.Site{
		DefaultLocale: "en",
		Countries: []model.Country{
			{Code: "FI", Locales: []ovenbird.Locale{"fi", "sv-FI", "sv"}, Holdback: []ovenbird.Locale{"sv"}, Ratings: []string{"KAVI"}},
			{Code: "SE", Locales: []ovenbird.Locale{"sv"}},
		},
		Applications: []model.Application{{
			Name: "tv", Countries: []ovenbird.Country{"FI", "SE"}, MaxAge: model.NoMaxAge,
			Documents: []model.Document{{Path: "titles/{title}.json", Shape: shape}},
		}},
	}
}

func see(t *testing.T, s model.Site, at time.Time, titles []*ovenbird.Title, licenses ...*ovenbird.License) *model.Sight {
	t.Helper()
	m, err := model.New(s, ovenbird.NewSnapshot(1, titles, licenses, nil))
	if err != nil {
		t.Fatal(err)
	}
	return m.At(fi, at)
}

const onlyID = "query ($title: ID!) { title(id: $title) { id } }"

func movie(id ovenbird.TitleID) *ovenbird.Title {
	return &ovenbird.Title{ID: id, Kind: ovenbird.Movie, Published: true, Video: true}
}

func license(id ovenbird.LicenseID, title ovenbird.TitleID, start, end time.Time) *ovenbird.License {
	return &ovenbird.License{
		ID: id, Title: title, Territories: []string{"FI"}, Applications: []string{"*"}, Window: ovenbird.Window{Start: start, End: end},
	}
}

func TestAJudgmentSaysWhatHides(t *testing.T) {
	unpublished, series := movie("m"), &ovenbird.Title{ID: "s", Kind: ovenbird.Series, Published: true}
	unpublished.Published = false
	abroad := license("l", "m", time.Time{}, time.Time{})
	abroad.Territories = []string{"SE"}
	rated := tv(onlyID)
	rated.Applications[0].MaxAge = 7
	for _, test := range []struct {
		site    model.Site
		title   *ovenbird.Title
		license *ovenbird.License
		reason  string
	}{
		{tv(onlyID), movie("m"), license("l", "m", noon, in(1)), ""},
		{tv(onlyID), movie("m"), license("l", "m", in(1), in(2)), "license l has not started"},
		{tv(onlyID), movie("m"), license("l", "m", in(-1), noon), "license l has ended"},
		{tv(onlyID), movie("m"), license("l", "other", noon, in(1)), "neither m nor anything above it has a license"},
		{tv(onlyID), movie("m"), abroad, "license l does not include FI"},
		{tv(onlyID), unpublished, license("l", "m", noon, in(1)), "m is not published"},
		{tv(onlyID), series, license("l", "s", noon, in(1)), "nothing but clips is visible in s"},
		{rated, movie("m"), license("l", "m", noon, in(1)), "m has no rating that counts in FI"},
	} {
		visible, reason := see(t, test.site, noon, []*ovenbird.Title{test.title}, test.license).Judge(test.title.ID)
		if reason != test.reason || visible != (reason == "") {
			t.Errorf("%v %q, want %q", visible, reason, test.reason)
		}
	}
	if _, reason := see(t, tv(onlyID), noon, nil).Judge("m"); reason != "there is no title m" {
		t.Errorf("a title that is not there: %q", reason)
	}
}

func TestAChainLeavesOutWhatIsHeldBack(t *testing.T) {
	s := tv(onlyID)
	s.Applications[0].Languages = []ovenbird.Locale{"de", "sv"}
	m, err := model.New(s, ovenbird.NewSnapshot(1, nil, nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	for v, want := range map[model.Variation][]ovenbird.Locale{
		{Country: "FI", Application: "tv", Language: "de"}: {"de", "fi", "en"},
		{Country: "FI", Application: "tv", Language: "sv"}: {"fi", "en"},
		{Country: "SE", Application: "tv", Language: "sv"}: {"sv", "en"},
	} {
		if got := m.Chain(v); !slices.Equal(got, want) {
			t.Errorf("the chain of %v is %v, want %v", v, got, want)
		}
	}
	if got := len(s.Variations()); got != 4 {
		t.Errorf("%d variations, want 2 countries in 2 languages", got)
	}
}

func TestAStayIsTheTimeAroundNowWithoutAGap(t *testing.T) {
	s := see(t, tv(onlyID), noon, []*ovenbird.Title{movie("m")},
		license("a", "m", in(-9), in(-5)), license("b", "m", in(-4), in(0)), license("c", "m", in(0), in(2)), license("d", "m", in(1), in(3)),
		license("e", "m", in(4), time.Time{}))
	if start, end, ok := s.Availability("m"); !ok || !start.Equal(in(-4)) || !end.Equal(in(3)) {
		t.Errorf("from %s to %s, %v; want %s to %s", start, end, ok, in(-4), in(3))
	}
	if at, ok := s.Leaving("m", in(4)); !ok || !at.Equal(in(3)) {
		t.Errorf("leaves at %s, %v", at, ok)
	}
	if _, ok := s.Leaving("m", in(3)); ok {
		t.Error("leaves at the limit, which is not before it")
	}
	if _, ok := s.Opening("m", in(9)); ok {
		t.Error("opens although it is available now")
	}
}

func TestFieldsOfOneNameAreMerged(t *testing.T) {
	s := see(t, tv(`query ($title: ID!) { a: title(id: $title) { id } ...F a: title(id: $title) { kind id } }
		fragment F on Query { b: title(id: "m") { ... { year } } a: title(id: $title) { __typename } }`),
		noon, []*ovenbird.Title{movie("m")}, license("l", "m", noon, in(1)))
	const want = `{"a":{"id":"m","__typename":"Title","kind":"MOVIE"},"b":{"year":null}}`
	if got := string(s.Documents()["titles/m.json"]); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAShapeThatDoesNotParseIsRefused(t *testing.T) {
	if _, err := model.New(tv("{"), ovenbird.NewSnapshot(1, nil, nil, nil)); ovenbird.CodeOf(err) != ovenbird.Invalid {
		t.Errorf("error %v, want invalid", err)
	}
}

func TestCompareTellsWhatIsMissingSurplusAndDifferent(t *testing.T) {
	s := see(t, tv(onlyID), noon, []*ovenbird.Title{movie("a"), movie("b"), movie("c")}, license("l", "a", noon, in(1)), license("k", "b", noon, in(1)))
	got := s.Compare(map[string][]byte{"titles/b.json": []byte("{}"), "titles/c.json": []byte(`{}`)})
	want := []model.Difference{
		{Path: "titles/a.json", Expected: []byte(`{"title":{"id":"a"}}`)},
		{Path: "titles/b.json", Expected: []byte(`{"title":{"id":"b"}}`), Found: []byte("{}")},
		{Path: "titles/c.json", Found: []byte("{}")},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestWhatIsEncodedIsWhatWasMeant: any JSON reader reads a value back.
func TestWhatIsEncodedIsWhatWasMeant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		encoded := model.Encode(model.Object{{Key: text, Value: model.List{text, 7, true, nil}}})
		var back map[string][]any
		if err := json.Unmarshal(encoded, &back); err != nil {
			t.Fatalf("%q: %v", encoded, err)
		}
		if want := []any{text, 7.0, true, nil}; !reflect.DeepEqual(back[text], want) {
			t.Errorf("%q is read as %v", encoded, back)
		}
	})
}
