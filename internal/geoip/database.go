package geoip

import (
	"net/netip"
	"os"
	"time"

	"github.com/oschwald/maxminddb-golang/v2"

	"ovenbird/internal/ovenbird"
)

// Database looks addresses up. It is immutable: any number of goroutines may use
// it, and nothing waits or allocates.
type Database struct {
	reader *maxminddb.Reader
	// countries has the country of each record, by where it lies in the file.
	// Records are shared, so there are a few hundred for all networks together.
	countries map[uintptr]uint8
	info      Info
}

// Info says what a database is.
type Info struct {
	Built     time.Time `json:"built"` // by whoever made it
	Networks4 int       `json:"networks_ipv4"`
	Networks6 int       `json:"networks_ipv6"`
	Countries int       `json:"countries"`
}

// Open reads and checks a whole file: a broken one is Invalid now, not when
// the first viewer from the broken part comes.
func Open(file string) (*Database, error) {
	// Read, not mapped: writing over a mapped file would bring the process down.
	body, err := os.ReadFile(file)
	if err != nil {
		return nil, ovenbird.Errorf(ovenbird.Invalid, "reading the GeoIP file: %w", err)
	}
	d, err := Parse(body)
	if err != nil {
		return nil, ovenbird.Errorf(ovenbird.Invalid, "the GeoIP file %s is not usable: %w", file, err)
	}
	return d, nil
}

// Parse checks the content of a file, which it keeps.
func Parse(body []byte) (*Database, error) {
	reader, err := maxminddb.OpenBytes(body)
	if err != nil {
		return nil, err
	}
	d := &Database{reader: reader, countries: make(map[uintptr]uint8)}
	d.info.Built = time.Unix(int64(reader.Metadata.BuildEpoch), 0).UTC()
	if err := d.index(); err != nil {
		return nil, err
	}
	return d, nil
}

// index walks all networks, which finds what is broken in the file's tree and
// records. (The reader's own Verify also wants the description that the
// format recommends, and that the data set does not have.)
func (d *Database) index() error {
	seen := make(map[uint8]bool)
	skip := make(map[uintptr]bool)
	for result := range d.reader.Networks() {
		if err := result.Err(); err != nil {
			return err
		}
		offset := result.Offset()
		country, known := d.countries[offset]
		if !known && !skip[offset] {
			var err error
			if country, known, err = countryOf(result); err != nil {
				return err
			}
			if known {
				d.countries[offset] = country
			} else {
				skip[offset] = true
			}
		}
		switch {
		case !known:
		case result.Prefix().Addr().Is4():
			d.info.Networks4++
		default:
			d.info.Networks6++
		}
		seen[country] = seen[country] || known
	}
	for _, is := range seen {
		if is {
			d.info.Countries++
		}
	}
	if d.info.Countries == 0 {
		return ovenbird.Errorf(ovenbird.Invalid, "no record has a country_code: use the data set that docs/edge.md names")
	}
	return nil
}

// countryOf reads a record. What is no country, such as ZZ, is not known.
func countryOf(result maxminddb.Result) (country uint8, known bool, err error) {
	var code string
	if err := result.DecodePath(&code, "country_code"); err != nil {
		return 0, false, err
	}
	parsed, err := ovenbird.ParseCountry(code)
	if err != nil {
		return 0, false, nil //nolint:nilerr // of an address in no country nothing is known
	}
	return parsed.Index(), true, nil
}

// Country returns the index of the country where an address is registered. An
// IPv4 address that is mapped into IPv6 has to be unmapped before.
func (d *Database) Country(a netip.Addr) (country uint8, known bool) {
	result := d.reader.Lookup(a)
	if !result.Found() {
		return 0, false
	}
	country, known = d.countries[result.Offset()]
	return country, known
}

// Info returns what the database is.
func (d *Database) Info() Info { return d.info }
