package ovenbird

import "strings"

// retiredCountry is a code that ISO 3166-1 had and withdrew, and that stands for
// no country of today.
type retiredCountry struct {
	code, name string
	until      int       // year
	became     []Country // the countries that have its territory today
	renamed    bool      // its territory is exactly that of the one country that it became
}

// retiredCountries lists the codes of ISO 3166-3 that were not given to another
// country since. Old contracts and feeds have them.
var retiredCountries = [...]retiredCountry{
	{"AN", "Netherlands Antilles", 2010, []Country{"BQ", "CW", "SX"}, false},
	{"BU", "Burma", 1989, []Country{"MM"}, true},
	{"CS", "Serbia and Montenegro, before 1993 Czechoslovakia", 2006, []Country{"CZ", "ME", "RS", "SK"}, false},
	{"CT", "Canton and Enderbury Islands", 1984, []Country{"KI"}, false},
	{"DD", "German Democratic Republic", 1990, []Country{"DE"}, false},
	{"DY", "Dahomey", 1977, []Country{"BJ"}, true},
	{"FQ", "French Southern and Antarctic Territories", 1979, []Country{"AQ", "TF"}, false},
	{"FX", "Metropolitan France", 1997, []Country{"FR"}, false},
	{"HV", "Upper Volta", 1984, []Country{"BF"}, true},
	{"JT", "Johnston Island", 1986, []Country{"UM"}, false},
	{"MI", "Midway Islands", 1986, []Country{"UM"}, false},
	{"NH", "New Hebrides", 1980, []Country{"VU"}, true},
	{"NQ", "Dronning Maud Land", 1983, []Country{"AQ"}, false},
	{"NT", "Neutral Zone", 1993, []Country{"IQ", "SA"}, false},
	{"PC", "Pacific Islands", 1986, []Country{"FM", "MH", "MP", "PW"}, false},
	{"PU", "United States Miscellaneous Pacific Islands", 1986, []Country{"UM"}, false},
	{"PZ", "Panama Canal Zone", 1980, []Country{"PA"}, false},
	{"RH", "Southern Rhodesia", 1980, []Country{"ZW"}, true},
	{"SU", "USSR", 1992, []Country{
		"AM", "AZ", "BY", "EE", "GE", "KG", "KZ", "LT", "LV", "MD", "RU", "TJ", "TM", "UA", "UZ",
	}, false},
	{"TP", "East Timor", 2002, []Country{"TL"}, true},
	{"VD", "Democratic Republic of Viet-Nam", 1977, []Country{"VN"}, false},
	{"WK", "Wake Island", 1986, []Country{"UM"}, false},
	{"YD", "Democratic Yemen", 1990, []Country{"YE"}, false},
	{"YU", "Yugoslavia", 2003, []Country{"BA", "HR", "ME", "MK", "RS", "SI", "XK"}, false},
	{"ZR", "Zaire", 1997, []Country{"CD"}, true},
}

// RetiredCountry reports whether ISO 3166-1 had a code once and withdrew it, so that
// what ParseCountry says of it is worth telling.
func RetiredCountry(code string) bool {
	_, known, _ := retired(strings.ToUpper(strings.TrimSpace(code)))
	return known
}

// retired returns what became of a retired code: the country that it is called
// today; or an error where it became a part of one or several, for a right to a
// part is no right to the whole.
func retired(code string) (today Country, isRetired bool, err error) {
	for i := range retiredCountries {
		r := &retiredCountries[i]
		if r.code != code {
			continue
		}
		if r.renamed {
			return r.became[0], true, nil
		}
		codes := make([]string, len(r.became))
		for i, c := range r.became {
			codes[i] = string(c)
		}
		if len(codes) == 1 {
			return "", true, Errorf(Invalid, "country %s (%s) was retired in %d and is a part of %s now: write %s if all of that is meant",
				r.code, r.name, r.until, codes[0], codes[0])
		}
		return "", true, Errorf(Invalid, "country %s (%s) was retired in %d: write those of today's countries that are meant, among %s",
			r.code, r.name, r.until, strings.Join(codes, ", "))
	}
	return "", false, nil
}
