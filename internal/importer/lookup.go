package importer

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"ovenbird/internal/ovenbird"
)

// lookup is a named table from text to text.
type lookup struct {
	name   string
	values map[string]string
	fold   bool // whether keys are compared without case, and are lower case in values
}

func (l lookup) find(s string) (string, bool) {
	if l.fold {
		s = strings.ToLower(s)
	}
	value, ok := l.values[s]
	return value, ok
}

// mustFind is the template function: an empty text stays empty.
func (l lookup) mustFind(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	value, ok := l.find(s)
	if !ok {
		return "", fmt.Errorf("%q is not in the lookup %s; correct it, or add it to a lookup of the mapping", s, l.name)
	}
	return value, nil
}

// countriesLookup is the name of the lookup that every mapping has.
const countriesLookup = "countries"

// countryVariants are English names that files use beside ovenbird's, in lower
// case. States that are no more stand for none of today's.
var countryVariants = map[string]ovenbird.Country{
	"bolivia, plurinational state of": "BO", "bonaire": "BQ", "bosnia": "BA", "bosnia & herzegovina": "BA",
	"brunei darussalam": "BN", "burma": "MM", "cabo verde": "CV", "congo, democratic republic of the": "CD",
	"democratic republic of the congo": "CD", "dr congo": "CD", "congo-kinshasa": "CD", "congo-brazzaville": "CG",
	"republic of the congo": "CG", "cote d'ivoire": "CI", "côte d'ivoire": "CI", "ivory coast": "CI", "curacao": "CW",
	"czech republic": "CZ", "england": "GB", "great britain": "GB", "northern ireland": "GB", "scotland": "GB",
	"wales": "GB", "united kingdom of great britain and northern ireland": "GB", "uk": "GB", "u.k.": "GB",
	"fyrom": "MK", "macedonia": "MK", "gambia, the": "GM", "the gambia": "GM", "the bahamas": "BS",
	"bahamas, the": "BS", "holland": "NL", "the netherlands": "NL", "hong kong sar": "HK", "hong kong, china": "HK",
	"iran, islamic republic of": "IR", "islamic republic of iran": "IR", "korea": "KR", "korea, republic of": "KR",
	"republic of korea": "KR", "korea, democratic people's republic of": "KP", "lao pdr": "LA", "macau": "MO",
	"macao sar": "MO", "micronesia, federated states of": "FM", "moldova, republic of": "MD",
	"palestinian territories": "PS", "state of palestine": "PS", "palestinian territory": "PS", "reunion": "RE",
	"russian federation": "RU", "saint barthelemy": "BL", "st. kitts and nevis": "KN", "st. lucia": "LC",
	"st. vincent and the grenadines": "VC", "são tomé and príncipe": "ST", "swaziland": "SZ",
	"syrian arab republic": "SY", "taiwan, province of china": "TW", "tanzania, united republic of": "TZ",
	"turkey": "TR", "turkiye": "TR", "uae": "AE", "u.a.e.": "AE", "united states of america": "US", "usa": "US",
	"u.s.a.": "US", "u.s.": "US", "us": "US", "holy see": "VA", "vatican": "VA",
	"venezuela, bolivarian republic of": "VE", "viet nam": "VN", "timor leste": "TL", "east timor": "TL",
	"trinidad & tobago": "TT", "antigua & barbuda": "AG", "aland islands": "AX", "pitcairn islands": "PN",
}

// countries maps the English names of countries, and their codes, to ISO codes.
func countries() lookup {
	l := lookup{name: countriesLookup, values: make(map[string]string), fold: true}
	for name, code := range countryVariants {
		l.values[name] = string(code)
	}
	for _, code := range ovenbird.AllCountries() {
		l.values[strings.ToLower(code.Name())] = string(code)
	}
	// Every code that is understood elsewhere is understood here: UK, EL, ZR…
	for first := 'A'; first <= 'Z'; first++ {
		for second := 'A'; second <= 'Z'; second++ {
			code := string(first) + string(second)
			if country, err := ovenbird.ParseCountry(code); err == nil {
				l.values[strings.ToLower(code)] = string(country)
			}
		}
	}
	return l
}

// lookups reads the section of that name: tables written out, or files.
func (c *compiler) readLookups(n ast.Node) error {
	list, err := c.members(n)
	if err != nil {
		return err
	}
	for _, m := range list {
		if m.name == countriesLookup {
			return c.errorf(m.key, "the lookup %q is built in; use another name", m.name)
		}
		entries, err := c.members(m.value)
		if err != nil {
			return err
		}
		l := lookup{name: m.name, values: make(map[string]string, len(entries))}
		if slices.ContainsFunc(entries, func(e member) bool { return e.name == "file" }) {
			err = c.readLookupFile(m.value, &l)
		} else {
			err = c.readLookupTable(entries, &l)
		}
		if err != nil {
			return err
		}
		c.lookups[m.name] = l
	}
	return nil
}

func (c *compiler) readLookupTable(entries []member, l *lookup) (err error) {
	for _, e := range entries {
		if l.values[e.name], err = c.scalar(e.value); err != nil {
			return err
		}
	}
	return nil
}

// readLookupFile reads {file: boards.csv, key: COLUMN, value: COLUMN}.
func (c *compiler) readLookupFile(n ast.Node, l *lookup) error {
	fields, err := c.fields(n, "file", "key", "value")
	if err != nil {
		return err
	}
	var text [3]string
	for i, name := range []string{"file", "key", "value"} {
		if fields[name] == nil {
			return c.errorf(n, "a lookup from a file needs file, key and value")
		}
		if text[i], err = c.scalar(fields[name]); err != nil {
			return err
		}
	}
	rows, err := readCSV(c.files, text[0])
	if err != nil {
		return c.errorf(fields["file"], "read the lookup %s: %v", l.name, err)
	}
	key, value := slices.Index(rows[0], text[1]), slices.Index(rows[0], text[2])
	if key < 0 || value < 0 {
		return c.errorf(n, "%s has no column %q or %q; it has %s", text[0], text[1], text[2], strings.Join(rows[0], ", "))
	}
	for _, row := range rows[1:] {
		fmt.Fprintf(c.sum, "%q", row) //nolint:errcheck // a hash never fails
		l.values[strings.TrimSpace(row[key])] = strings.TrimSpace(row[value])
	}
	return nil
}

func readCSV(files fs.FS, name string) ([][]string, error) {
	if files == nil {
		return nil, errors.New("there is no folder to read it from")
	}
	file, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err == nil && len(rows) == 0 {
		err = errors.New("the file is empty; its first line names the columns")
	}
	return rows, err
}
