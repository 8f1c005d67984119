package edge

import (
	"net/http"
	"net/netip"
	"strings"

	"ovenbird/internal/ovenbird"
)

// viewer is where somebody who asks is, as far as an edge knows.
type viewer struct {
	country uint8
	known   bool
	// anywhere means that the viewer may ask for any country's documents.
	anywhere bool
}

// locator tells where a viewer is. It must not block or allocate.
type locator interface {
	locate(r *http.Request) viewer
}

// anywhere believes the address.
type anywhere struct{}

func (anywhere) locate(*http.Request) viewer { return viewer{anywhere: true} }

// fixed is an edge that serves one country.
type fixed struct{ country uint8 }

func (f fixed) locate(*http.Request) viewer { return viewer{country: f.country, known: true} }

// byHeader believes a header, but only of a proxy that is trusted.
type byHeader struct {
	name    string // canonical
	trusted networks
}

func (l byHeader) locate(r *http.Request) viewer {
	// Two values mean that somebody added one: neither is to be believed.
	values := r.Header[l.name]
	if len(values) != 1 {
		return viewer{}
	}
	peer, ok := peerOf(r)
	if !ok || !l.trusted.contain(peer) {
		return viewer{}
	}
	return viewerIn(values[0])
}

// viewerIn returns a viewer in the country with a code. What is no country, such
// as the XX and T1 that CDNs send for unknown and Tor, is an unknown one.
func viewerIn(code string) viewer {
	if i, ok := countryIndexes.of(code); ok {
		return viewer{country: i, known: true}
	}
	country, err := ovenbird.ParseCountry(code)
	if err != nil {
		return viewer{}
	}
	return viewer{country: country.Index(), known: true}
}

// networks is a list of address ranges.
type networks []netip.Prefix

func (n networks) contain(a netip.Addr) bool {
	for _, prefix := range n {
		if prefix.Contains(a) {
			return true
		}
	}
	return false
}

// peerOf returns the address of whoever holds the other end of the connection.
func peerOf(r *http.Request) (netip.Addr, bool) {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}, false
	}
	return plain(peer.Addr()), true
}

// plain returns an address as the one host has it whatever it came through:
// IPv4 as IPv4, without a zone.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// parseNetworks reads CIDR ranges and single addresses.
func parseNetworks(list []string) (networks, error) {
	var all networks
	for _, s := range list {
		if prefix, err := netip.ParsePrefix(s); err == nil {
			all = append(all, prefix.Masked())
			continue
		}
		address, err := netip.ParseAddr(s)
		if err != nil {
			return nil, ovenbird.Errorf(ovenbird.Invalid, "trusted proxy %q is neither an address nor a range such as 10.0.0.0/8", s)
		}
		address = plain(address)
		all = append(all, netip.PrefixFrom(address, address.BitLen()))
	}
	return all, nil
}

// newLocator reads Config.Country.
func newLocator(c Config) (locator, error) {
	trusted, err := parseNetworks(c.TrustedProxies)
	if err != nil {
		return nil, err
	}
	kind, argument, _ := strings.Cut(c.Country, ":")
	switch {
	case c.Country == "" || c.Country == "address":
		return anywhere{}, nil
	case kind == "fixed":
		country, err := ovenbird.ParseCountry(argument)
		if err != nil {
			return nil, ovenbird.Errorf(ovenbird.Invalid, "country policy %q: %w", c.Country, err)
		}
		return fixed{country.Index()}, nil
	case kind == "header" && isToken(argument):
		if len(trusted) == 0 {
			return nil, ovenbird.Errorf(ovenbird.Invalid,
				"country policy %q believes nobody: list the proxies that send the header as trusted", c.Country)
		}
		return byHeader{http.CanonicalHeaderKey(argument), trusted}, nil
	case kind == "geoip" && argument != "":
		return openGeoIP(argument, trusted)
	default:
		return nil, ovenbird.Errorf(ovenbird.Invalid,
			"country policy %q: use address, fixed:FI, header:NAME or geoip:FILE", c.Country)
	}
}

// headerLetters are what names of headers are made of here.
const headerLetters = "-_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// isToken reports whether s can be the name of a header.
func isToken(s string) bool { return s != "" && strings.Trim(s, headerLetters) == "" }
