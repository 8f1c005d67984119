package edge

import (
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/oschwald/maxminddb-golang/v2"

	"ovenbird/internal/ovenbird"
)

// geoIP looks addresses up in a MaxMind DB whose records have a country_code.
type geoIP struct {
	reader  *maxminddb.Reader
	trusted networks
	// countries has the country of each record, by where it lies in the file.
	// Records are shared, so there are a few hundred for all networks together.
	countries map[uintptr]uint8
}

// openGeoIP reads and checks the whole file: a broken one is refused now, not
// when the first viewer from the broken part comes.
func openGeoIP(file string, trusted networks) (*geoIP, error) {
	// Read, not mapped: writing over a mapped file would bring the process down.
	body, err := os.ReadFile(file)
	if err != nil {
		return nil, ovenbird.Errorf(ovenbird.Invalid, "reading the GeoIP file: %w", err)
	}
	reader, err := maxminddb.OpenBytes(body)
	if err != nil {
		return nil, ovenbird.Errorf(ovenbird.Invalid, "the GeoIP file %s is not usable: %w", file, err)
	}
	g := &geoIP{reader: reader, trusted: trusted, countries: make(map[uintptr]uint8)}
	if err := g.index(); err != nil {
		return nil, ovenbird.Errorf(ovenbird.Invalid, "the GeoIP file %s is not usable: %w", file, err)
	}
	return g, nil
}

// index walks all networks, which finds what is broken in the file's tree and
// records. (The reader's own Verify also wants the description that the
// format recommends, and that the data set does not have.)
func (g *geoIP) index() error {
	skip := make(map[uintptr]bool)
	for result := range g.reader.Networks() {
		if err := result.Err(); err != nil {
			return err
		}
		offset := result.Offset()
		if _, known := g.countries[offset]; known || skip[offset] {
			continue
		}
		var code string
		if err := result.DecodePath(&code, "country_code"); err != nil {
			return err
		}
		if v := viewerIn(code); v.known {
			g.countries[offset] = v.country
		} else {
			skip[offset] = true
		}
	}
	if len(g.countries) == 0 {
		return ovenbird.Errorf(ovenbird.Invalid, "no record has a country_code: use the data set that docs/edge.md names")
	}
	return nil
}

func (g *geoIP) locate(r *http.Request) viewer {
	address, ok := peerOf(r)
	if !ok {
		return viewer{}
	}
	if g.trusted.contain(address) {
		address, ok = g.forwarded(r.Header["X-Forwarded-For"], address)
		if !ok {
			return viewer{}
		}
	}
	result := g.reader.Lookup(address)
	if !result.Found() {
		return viewer{}
	}
	country, known := g.countries[result.Offset()]
	return viewer{country: country, known: known}
}

// forwarded returns the last address in X-Forwarded-For that is no trusted
// proxy: whatever stands before it, anybody may have written. ok is false where
// that place does not hold an address.
func (g *geoIP) forwarded(lines []string, peer netip.Addr) (address netip.Addr, ok bool) {
	address = peer
	for _, line := range slices.Backward(lines) {
		for rest := line; rest != ""; {
			var hop string
			if comma := strings.LastIndexByte(rest, ','); comma >= 0 {
				rest, hop = rest[:comma], rest[comma+1:]
			} else {
				rest, hop = "", rest
			}
			if address, ok = parseHop(trimSpace(hop)); !ok {
				return netip.Addr{}, false
			}
			if !g.trusted.contain(address) {
				return address, true
			}
		}
	}
	return address, true
}

// parseHop reads an address, with or without a port.
func parseHop(s string) (netip.Addr, bool) {
	if address, err := netip.ParseAddr(s); err == nil {
		return plain(address), true
	}
	if withPort, err := netip.ParseAddrPort(s); err == nil {
		return plain(withPort.Addr()), true
	}
	if address, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")); err == nil {
		return plain(address), true
	}
	return netip.Addr{}, false
}
