package ovenbird_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ovenbird/internal/ovenbird"
)

func TestParseCountry(t *testing.T) {
	tests := []struct {
		in   string
		want ovenbird.Country
	}{
		{"FI", "FI"},
		{"fi", "FI"},
		{" jp\n", "JP"},
		{"XK", "XK"},
		{"UK", "GB"},
		{"el", "GR"},
		{"zr", "CD"}, // retired codes whose country has another name now
		{"BU", "MM"},
		{"TP", "TL"},
		{"AN", ""}, // and those whose territory is divided, or a part of a larger one
		{"DD", ""},
		{"YU", ""},
		{"SU", ""},
		{"CS", ""},
		{"FX", ""},
		{"", ""},
		{"F", ""},
		{"FIN", ""},
		{"EU", ""},
		{"*", ""},
		{"ZZ", ""},
		{"F I", ""},
	}
	for _, test := range tests {
		t.Run(test.in, func(t *testing.T) {
			got, err := ovenbird.ParseCountry(test.in)
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if refused := ovenbird.CodeOf(err) == ovenbird.Invalid; refused != (test.want == "") {
				t.Errorf("error %v for %q", err, test.in)
			}
		})
	}
}

func TestARefusedCountryIsQuoted(t *testing.T) {
	if _, err := ovenbird.ParseCountry("zz top"); err == nil || !strings.Contains(err.Error(), `"zz top"`) {
		t.Errorf("the error does not say what was written: %v", err)
	}
}

func TestARetiredCountryIsRefusedWithWhatItBecame(t *testing.T) {
	for code, want := range map[string]string{
		"an": "country AN (Netherlands Antilles) was retired in 2010: write those of today's countries that are meant, among BQ, CW, SX",
		"DD": "country DD (German Democratic Republic) was retired in 1990 and is a part of DE now: write DE if all of that is meant",
	} {
		if _, err := ovenbird.ParseCountry(code); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", code, err, want)
		}
	}
}

// TestNoCodeIsBothRetiredAndInUse: a code that was given to another country since
// means that country.
func TestNoCodeIsBothRetiredAndInUse(t *testing.T) {
	for _, c := range ovenbird.AllCountries() {
		if parsed, err := ovenbird.ParseCountry(string(c)); err != nil || parsed != c {
			t.Errorf("%s is read as %q, %v", c, parsed, err)
		}
	}
}

// TestTheTableOfCountries: what indexes, names and lists rely on.
func TestTheTableOfCountries(t *testing.T) {
	all := ovenbird.AllCountries()
	if len(all) != ovenbird.CountryCount {
		t.Fatalf("%d countries listed, %d counted", len(all), ovenbird.CountryCount)
	}
	if !slices.IsSorted(all) || len(slices.Compact(slices.Clone(all))) != len(all) {
		t.Error("the countries are not in alphabetical order, each once")
	}
	for _, c := range all {
		if got := ovenbird.CountryAt(c.Index()); got != c {
			t.Errorf("the bit of %s is that of %s", c, got)
		}
		if parsed, err := ovenbird.ParseCountry(string(c)); err != nil || parsed != c {
			t.Errorf("parsing %s gives %q, %v", c, parsed, err)
		}
		if c.Name() == "" || c.Name() == string(c) {
			t.Errorf("%s has no name", c)
		}
	}
}

func TestACountryNobodyKnowsIsNamedByItsCode(t *testing.T) {
	if got := ovenbird.Country("ZZ").Name(); got != "ZZ" {
		t.Errorf("got %q", got)
	}
}

func TestACountryThatWasNeverParsedPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("an index for a country that does not exist")
		}
	}()
	ovenbird.Country("fi").Index()
}

func drawSet(t *rapid.T, label string) ovenbird.CountrySet {
	return ovenbird.NewCountrySet(rapid.SliceOf(rapid.SampledFrom(ovenbird.AllCountries())).Draw(t, label)...)
}

// TestCountrySetsAreSets: every operation means, country by country, what it says.
func TestCountrySetsAreSets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawSet(t, "a"), drawSet(t, "b")
		for _, c := range ovenbird.AllCountries() {
			inA, inB := a.Has(c), b.Has(c)
			if got := a.Union(b).Has(c); got != (inA || inB) {
				t.Errorf("union has %s: %t", c, got)
			}
			if got := a.Intersect(b).Has(c); got != (inA && inB) {
				t.Errorf("intersection has %s: %t", c, got)
			}
			if got := a.Minus(b).Has(c); got != (inA && !inB) {
				t.Errorf("difference has %s: %t", c, got)
			}
			if got := a.With(c); got != a.Union(ovenbird.NewCountrySet(c)) {
				t.Errorf("a with %s is %s", c, got)
			}
		}
		if whole := ovenbird.Worldwide(); a.Union(whole) != whole || a.Intersect(whole) != a || !a.Minus(whole).Empty() {
			t.Errorf("%s is not a part of the world", a)
		}
	})
}

// TestACountrySetIsItsList: a set keeps no order and no repetition, and tells its
// countries in every way alike.
func TestACountrySetIsItsList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		drawn := rapid.SliceOf(rapid.SampledFrom(ovenbird.AllCountries())).Draw(t, "countries")
		s := ovenbird.NewCountrySet(drawn...)
		want := slices.Compact(slices.Sorted(slices.Values(drawn)))
		if got := s.List(); !slices.Equal(got, want) {
			t.Fatalf("list %v, want %v", got, want)
		}
		if got := strings.Fields(s.String()); len(got) != len(want) {
			t.Errorf("written as %q, want the %d countries %v", s, len(want), want)
		}
		if s.Len() != len(want) || s.Empty() != (len(want) == 0) {
			t.Errorf("length %d, empty %t, want %d countries", s.Len(), s.Empty(), len(want))
		}
		first, ok := s.First()
		if ok != (len(want) > 0) || ok && ovenbird.CountryAt(first) != want[0] {
			t.Errorf("first is %d, %t, want that of %v", first, ok, want)
		}
		for i := range s.Indexes { // may be left at any time
			if i != first || !s.HasIndex(i) {
				t.Errorf("the first bit yielded is %d, want %d", i, first)
			}
			break
		}
	})
}
