package geoip_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ovenbird/internal/geoip"
	"ovenbird/internal/geoip/geoiptest"
	"ovenbird/internal/ovenbird"
)

var (
	older = geoiptest.Database(1700000000, map[string]string{"193.166.0.0/16": "FI"})
	newer = geoiptest.Database(1780000000, map[string]string{"193.166.0.0/16": "FI", "8.8.8.0/24": "US", "2001:708::/32": "FI", "203.0.113.0/24": "ZZ"})
)

func TestAddressesAreFound(t *testing.T) {
	d, err := geoip.Parse(newer)
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]ovenbird.Country{
		"193.166.3.2": "FI", "193.167.0.0": "", "8.8.8.8": "US", "8.8.9.8": "", "2001:708::1": "FI", "2001:709::1": "",
		"203.0.113.9": "", // in no country
		"10.0.0.1":    "", "127.0.0.1": "", "192.168.1.1": "", "100.64.0.1": "", "169.254.1.1": "", "::1": "", "fe80::1": "", "fd00::1": "", "0.0.0.0": "", "::": "",
	} {
		index, known := d.Country(netip.MustParseAddr(address))
		got := ovenbird.Country("")
		if known {
			got = ovenbird.CountryAt(index)
		}
		if got != want {
			t.Errorf("%s is in %q, want %q", address, got, want)
		}
	}
	if i := d.Info(); i.Networks4 != 2 || i.Networks6 != 1 || i.Countries != 2 || i.Built.Unix() != 1780000000 {
		t.Errorf("it is %+v", i)
	}
}

func TestFilesThatAreNoDatabase(t *testing.T) {
	nobody := geoiptest.Database(1, map[string]string{"8.8.8.0/24": "ZZ"})
	for name, body := range map[string][]byte{
		"empty": nil, "nonsense": []byte("nonsense"), "cut": newer[len(newer)/2:], "no country": nobody,
		"a pointer to nowhere": append(slices.Repeat([]byte{0xff}, 300), newer[300:]...),
	} {
		if _, err := geoip.Parse(body); err == nil {
			t.Errorf("%s: it is taken", name)
		}
	}
}

// registry is a registry of npm packages with one package.
type registry struct {
	archive   []byte
	integrity string
	metadata  string // "" is what it should be
	tarball   string // "" is its own
	asked     []string
}

// pack makes a package of files, by name.
func pack(t *testing.T, files ...*tar.Header) func(contents ...[]byte) []byte {
	t.Helper()
	return func(contents ...[]byte) []byte {
		var out bytes.Buffer
		zipped := gzip.NewWriter(&out)
		w := tar.NewWriter(zipped)
		for i, header := range files {
			if header.Typeflag == 0 || header.Typeflag == tar.TypeReg {
				header.Size = int64(len(contents[i]))
			}
			if err := w.WriteHeader(header); err != nil {
				t.Fatal(err)
			}
			if header.Size > 0 {
				if _, err := w.Write(contents[i]); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = w.Close()
		_ = zipped.Close()
		return out.Bytes()
	}
}

const inside = "package/geo-whois-asn-country.mmdb"

func packageOf(t *testing.T, database []byte) []byte {
	t.Helper()
	return pack(t, &tar.Header{Name: "package/package.json"}, &tar.Header{Name: inside})([]byte("{}"), database)
}

func serve(t *testing.T, archive []byte) (r *registry, url string) {
	t.Helper()
	sum := sha512.Sum512(archive)
	r = &registry{archive: archive, integrity: "sha1-xyz sha512-" + base64.StdEncoding.EncodeToString(sum[:])}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	r.tarball = server.URL + "/data.tgz"
	return r, server.URL
}

func (s *registry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.asked = append(s.asked, r.URL.EscapedPath())
	switch {
	case strings.HasSuffix(r.URL.Path, ".tgz"):
		_, _ = w.Write(s.archive)
	case r.URL.EscapedPath() != "/@ip-location-db%2fgeo-whois-asn-country-mmdb/latest":
		http.NotFound(w, r)
	case s.metadata != "":
		_, _ = fmt.Fprint(w, s.metadata)
	default:
		_, _ = fmt.Fprintf(w, `{"version":"2.3.4","dist":{"tarball":%q,"integrity":%q}}`, s.tarball, s.integrity)
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	body, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestARefreshReplacesTheFileAndKeepsTheOneBefore(t *testing.T) {
	_, url := serve(t, packageOf(t, newer))
	file := filepath.Join(t.TempDir(), "geo.mmdb")
	if err := os.WriteFile(file, older, 0o600); err != nil {
		t.Fatal(err)
	}
	report, err := geoip.Refresh(t.Context(), geoip.Config{File: file, Registry: url + "/"})
	if err != nil {
		t.Fatal(err)
	}
	if !report.Changed || report.Version != "2.3.4" || report.Old == nil || report.Old.Countries != 1 || report.New.Countries != 2 {
		t.Errorf("it reports %+v", report)
	}
	if !bytes.Equal(read(t, file), newer) || !bytes.Equal(read(t, file+".bak"), older) {
		t.Error("the files are not the new and the old one")
	}
	before, _ := os.Stat(file)
	report, err = geoip.Refresh(t.Context(), geoip.Config{File: file, Registry: url})
	after, _ := os.Stat(file)
	if err != nil || report.Changed || !os.SameFile(before, after) || !bytes.Equal(read(t, file+".bak"), older) {
		t.Errorf("the same again: %+v %v", report, err)
	}
	if left, _ := filepath.Glob(file + "*"); len(left) != 2 {
		t.Errorf("it left %v", left)
	}
}

func TestAFirstRefreshNeedsNoFile(t *testing.T) {
	_, url := serve(t, packageOf(t, newer))
	file := filepath.Join(t.TempDir(), "geo.mmdb")
	report, err := geoip.Refresh(t.Context(), geoip.Config{File: file, Registry: url})
	if err != nil || report.Old != nil || !report.Changed || !bytes.Equal(read(t, file), newer) {
		t.Errorf("got %+v %v", report, err)
	}
}

// A mirror may pass on what the public registry says of itself; then the package
// comes from the mirror all the same.
func TestAPackageIsFetchedFromTheRegistryThatWasAsked(t *testing.T) {
	r, url := serve(t, packageOf(t, newer))
	r.tarball = geoip.PublicRegistry + "@ip-location-db/geo-whois-asn-country-mmdb/-/geo-2.3.4.tgz"
	if _, err := geoip.Refresh(t.Context(), geoip.Config{File: filepath.Join(t.TempDir(), "geo.mmdb"), Registry: url}); err != nil {
		t.Fatal(err)
	}
	if want := "/@ip-location-db/geo-whois-asn-country-mmdb/-/geo-2.3.4.tgz"; r.asked[len(r.asked)-1] != want {
		t.Errorf("it asked for %q", r.asked)
	}
}

// Whatever goes wrong, the file stays as it is, and nothing lies beside it.
func TestARefreshThatFailsTouchesNothing(t *testing.T) {
	other := packageOf(t, older)
	for name, tt := range map[string]struct {
		archive []byte
		change  func(*registry)
		says    string
	}{
		"another package than promised": {packageOf(t, newer), func(r *registry) { r.archive = other }, "not what the registry says"},
		"cut short":                     {packageOf(t, newer), func(r *registry) { r.archive = r.archive[:100] }, "not what the registry says"},
		"no hash":                       {packageOf(t, newer), func(r *registry) { r.integrity = "" }, "no SHA-512"},
		"a weak hash":                   {packageOf(t, newer), func(r *registry) { r.integrity = "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=" }, "no SHA-512"},
		"a short hash":                  {packageOf(t, newer), func(r *registry) { r.integrity = "sha512-AAAA" }, "no SHA-512"},
		"metadata that is no JSON":      {nil, func(r *registry) { r.metadata = "<html>" }, "does not answer as a registry"},
		"metadata without a package":    {nil, func(r *registry) { r.metadata = "{}" }, "does not answer as a registry"},
		"endless metadata":              {nil, func(r *registry) { r.metadata = strings.Repeat(" ", 2<<20) }, "more than"},
		"an address that is none":       {packageOf(t, newer), func(r *registry) { r.tarball = "file:///etc/passwd" }, "fetching"},
		"no gzip":                       {[]byte("nonsense"), nil, "unpacking"},
		"not the file":                  {pack(t, &tar.Header{Name: "package/other.mmdb"})(newer), nil, "it has no"},
		"the file elsewhere":            {pack(t, &tar.Header{Name: "../../" + inside})(newer), nil, "it has no"},
		"a link in its place": {
			pack(t, &tar.Header{Name: inside, Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"})(nil), nil, "no plain file",
		},
		"a broken database": {packageOf(t, newer[:len(newer)/2]), nil, "not usable"},
	} {
		t.Run(name, func(t *testing.T) {
			r, url := serve(t, tt.archive)
			if tt.change != nil {
				tt.change(r)
			}
			refuse(t, geoip.Config{Registry: url}, tt.says)
		})
	}
	refuse(t, geoip.Config{Registry: "nonsense"}, "no address")
}

// refuse checks that a refresh of a file fails and leaves it.
func refuse(t *testing.T, c geoip.Config, says string) {
	t.Helper()
	dir := t.TempDir()
	c.File = filepath.Join(dir, "geo.mmdb")
	if err := os.WriteFile(c.File, older, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := geoip.Refresh(t.Context(), c); err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("got %v, want one that says %q", err, says)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 || !bytes.Equal(read(t, c.File), older) {
		t.Errorf("it left %v, %v", left, err)
	}
}

func TestOfflineTheFileStays(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	refuse(t, geoip.Config{Registry: server.URL}, "404")
	server.Close()
	refuse(t, geoip.Config{Registry: server.URL}, "fetching GeoIP data")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	file := filepath.Join(t.TempDir(), "geo.mmdb")
	if _, err := geoip.Refresh(ended, geoip.Config{File: file, Registry: server.URL}); ovenbird.CodeOf(err) != ovenbird.Unavailable {
		t.Errorf("got %v", err)
	}
}

// A folder that can not be written: nothing is lost.
func TestAFullPlaceLeavesTheFile(t *testing.T) {
	_, url := serve(t, packageOf(t, newer))
	file := filepath.Join(t.TempDir(), "missing", "geo.mmdb")
	if _, err := geoip.Refresh(t.Context(), geoip.Config{File: file, Registry: url}); ovenbird.CodeOf(err) != ovenbird.Unavailable {
		t.Errorf("got %v", err)
	}
}
