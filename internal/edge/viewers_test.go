package edge_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ovenbird/internal/edge"
	"ovenbird/internal/geoip/geoiptest"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/preview"
	"ovenbird/internal/release"
)

// everywhere is a site whose documents say whose they are.
func everywhere() content {
	countries := []ovenbird.Country{"FI", "SE", "US"}
	c := content{rows: rows{" variations.json": {"*": `{"c":"*"}`}}, editions: []release.Edition{
		{Name: "tv", Application: "tv", Countries: countries},
		{Name: "web/sv", Application: "web", Language: "sv", Countries: countries, DefaultCountries: countries},
	}}
	for _, path := range []string{"tv a.json", "web/sv a.json"} {
		c.rows[path] = row{"FI": `{"c":"FI"}`, "SE": `{"c":"SE"}`, "US": `{"c":"US"}`}
	}
	return c
}

// Where peers are, for GeoIP.
var geography = map[string]string{"193.166.0.0/16": "FI", "2001:708::/32": "FI", "8.8.8.0/24": "US", "2600::/16": "US", "194.71.0.0/16": "SE", "203.0.113.0/24": "ZZ"}

var (
	peers     = []string{"193.166.1.1", "2001:708::1", "::ffff:193.166.1.1", "8.8.8.8", "2600::1", "194.71.0.1", "203.0.113.1", "10.1.2.3", "::ffff:10.1.2.3", "192.168.1.1", "127.0.0.1", "::1", "fe80::1%eth0"}
	codes     = []string{"FI", "SE", "US", "fi", "XX", "T1", "A1", "A2", "O1", "EU", "AP", "ZZ", "", " ", "FI,US", "FI, SE", "FI\x00", "UK", "--", "F", "FIN"}
	addresses = []string{"/tv/a.json", "/web/a.json", "/web/sv/a.json", "/FI/tv/a.json", "/SE/tv/a.json", "/US/web/sv/a.json", "/FI/web/a.json", "/variations.json", "/fi/tv/a.json", "//tv/a.json"}
	hops      = []string{"193.166.1.1", "8.8.8.8", "194.71.0.1", "10.1.2.3", "10.9.9.9", "unknown", "", "_hidden", "[2001:708::1]:443", "2600::1", "::ffff:8.8.8.8", "8.8.8.8:80", "193.166.1.1, 10.9.9.9"}
	tickets   = []string{"", "", "", "FI", "SE", "expired", "nonsense", "two"}
)

// asked is a request in plain words.
type asked struct {
	peer, address, ticket string
	country               []string // values of the header with the country
	forwarded             []string // lines of X-Forwarded-For
}

func drawAsked(r *rapid.T) asked {
	return asked{
		peer: rapid.SampledFrom(peers).Draw(r, "peer"), address: rapid.SampledFrom(addresses).Draw(r, "address"),
		ticket:    rapid.SampledFrom(tickets).Draw(r, "ticket"),
		country:   rapid.SliceOfN(rapid.SampledFrom(codes), 0, 2).Draw(r, "country"),
		forwarded: rapid.SliceOfN(rapid.SampledFrom(hops), 0, 3).Draw(r, "forwarded"),
	}
}

func trusted(address string) bool {
	a, err := netip.ParseAddr(address)
	return err == nil && netip.MustParsePrefix("10.0.0.0/8").Contains(a.Unmap())
}

// located is where GeoIP has an address; "" is nowhere.
func located(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		port, err := netip.ParseAddrPort(address)
		if err != nil {
			return ""
		}
		a = port.Addr()
	}
	for network, code := range geography {
		if code != "ZZ" && netip.MustParsePrefix(network).Contains(a.Unmap().WithZone("")) {
			return code
		}
	}
	return ""
}

// entitled is the plain rule: the country whose documents a viewer may have. "" is
// none, "*" any.
func (a asked) entitled(policy string) string {
	switch a.ticket {
	case "FI", "SE":
		return a.ticket
	case "expired", "nonsense", "two":
		return ""
	}
	switch policy {
	case "address":
		return "*"
	case "fixed":
		return "SE"
	case "header":
		if !trusted(a.peer) || len(a.country) != 1 {
			return ""
		}
		switch code := strings.ToUpper(strings.TrimSpace(a.country[0])); code {
		case "FI", "SE", "US":
			return code
		case "UK": // as many write the United Kingdom, where nothing is offered here
			return "GB"
		}
		return ""
	}
	chain := []string{a.peer}
	for _, line := range slices.Backward(a.forwarded) {
		if line == "" {
			continue
		}
		for _, hop := range slices.Backward(strings.Split(line, ",")) {
			chain = append(chain, strings.TrimSpace(hop))
		}
	}
	for _, hop := range chain {
		if !trusted(hop) {
			return located(hop)
		}
	}
	return ""
}

// A viewer never gets another country's documents, however they ask: under every
// policy, from every peer, whatever stands in the headers that tell where they are,
// and whatever they show as a preview. And they do get their own.
func TestAViewerNeverGetsAnotherCountrysDocuments(t *testing.T) {
	file := filepath.Join(t.TempDir(), "geo.mmdb")
	if err := os.WriteFile(file, geoiptest.Database(1, geography), 0o600); err != nil {
		t.Fatal(err)
	}
	for policy, country := range map[string]string{
		"address": "address", "fixed": "fixed:SE", "header": "header:CF-IPCountry", "geoip": "geoip:" + file,
	} {
		t.Run(policy, func(t *testing.T) {
			s := withEditors(t, edge.Config{Country: country, TrustedProxies: []string{"10.0.0.0/8"}, Countries: ovenbird.AllCountries()})
			s.serve(everywhere())
			shows := s.shows()
			rapid.Check(t, func(r *rapid.T) {
				a := drawAsked(r)
				got := s.from(peer(a.peer), a.address, a.headers(shows, rapid.Bool().Draw(r, "noise"))...)
				if err := judgeCountry(a, got, a.entitled(policy)); err != nil {
					r.Fatalf("%+v: %v", a, err)
				}
			})
		})
	}
}

// shows returns what is shown as a preview, by ticket.
func (s *editors) shows() map[string]string {
	s.tb.Helper()
	old, err := preview.Sign(preview.Token{
		Grant: preview.Grant{Country: "FI"}, Environment: "prod", From: noon.AddDate(0, 0, -2), Until: noon.AddDate(0, 0, -1),
	}, s.key)
	if err != nil {
		s.tb.Fatal(err)
	}
	return map[string]string{
		"FI": s.token(preview.Grant{Country: "FI"}), "SE": s.token(preview.Grant{Country: "SE"}), "expired": old, "nonsense": "nonsense",
		"two": s.token(preview.Grant{Country: "US"}),
	}
}

func peer(address string) string {
	if strings.Contains(address, ":") {
		address = "[" + address + "]"
	}
	return address + ":1234"
}

// headers are those of the request. Noise is what others believe, and an edge never.
func (a asked) headers(shows map[string]string, noise bool) []string {
	var lines []string
	for _, code := range a.country {
		lines = append(lines, "CF-IPCountry: "+code)
	}
	for _, hop := range a.forwarded {
		lines = append(lines, "X-Forwarded-For: "+hop)
	}
	if a.ticket != "" {
		lines = append(lines, asPreview+shows[a.ticket])
	}
	if a.ticket == "two" {
		lines = append(lines, asPreview+shows[a.ticket])
	}
	if noise {
		lines = append(lines, "Forwarded: for=8.8.8.8", "X-Real-IP: 8.8.8.8", "True-Client-IP: 8.8.8.8", "CloudFront-Viewer-Country: US",
			"X-Country: US", "Cookie: Ovenbird-Preview="+shows["two"])
	}
	return lines
}

// judgeCountry holds an answer against the country that is allowed.
func judgeCountry(a asked, got answer, entitled string) error {
	var document struct{ C string }
	if got.status == http.StatusOK {
		if err := json.Unmarshal([]byte(got.body), &document); err != nil {
			return err
		}
	}
	named := ""
	if first, _, _ := strings.Cut(a.address[1:], "/"); len(first) == 2 && first == strings.ToUpper(first) {
		named = first
	}
	switch {
	case got.status != http.StatusOK && (a.address == "/fi/tv/a.json" || a.address == "//tv/a.json"):
		return nil
	case a.address == "/variations.json":
		if wanted := a.ticket != "expired" && a.ticket != "nonsense" && a.ticket != "two"; wanted != (document.C == "*") {
			return fmt.Errorf("the document of the whole site: %d %s", got.status, got.body)
		}
		return nil
	case entitled == "*" && document.C == named: // an address without a country leads nowhere
		return nil
	case entitled == "GB" && named == "" && got.status == http.StatusNotFound: // nothing is offered there
	case entitled != "" && (named == "" || named == entitled) && document.C == entitled:
	case (entitled == "" || named != "" && named != entitled) && got.status == http.StatusForbidden:
	default:
		return fmt.Errorf("entitled to %q, and got %d %s", entitled, got.status, got.body)
	}
	if a.ticket != "" && got.header.Get("Cache-Control") == "" {
		return fmt.Errorf("a preview that does not say how to keep it: %v", got.header)
	}
	return nil
}
