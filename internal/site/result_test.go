package site

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"ovenbird/internal/ovenbird"
)

// edited is the small site with one replacement in one file.
func edited(t *testing.T, name, before, after string) fstest.MapFS {
	t.Helper()
	files := small()
	text := string(files[name].Data)
	if !strings.Contains(text, before) {
		t.Fatalf("%s does not contain %q", name, before)
	}
	files[name] = &fstest.MapFile{Data: []byte(strings.Replace(text, before, after, 1))}
	return files
}

func TestHashChangesWithWhateverCanChangeADocument(t *testing.T) {
	same := mustLoad(t, small()).Content.Hash
	if again := mustLoad(t, small()).Content.Hash; again != same {
		t.Fatalf("the same site has the hashes %s and %s", same, again)
	}
	for _, test := range []struct {
		what, file, before, after string
		changes                   bool
	}{
		{"a shape", "content/applications/web/home.graphql", "id name", "id", true},
		{"an age", contentFile, "6: 6", "6: 7", true},
		{"a group", contentFile, "HOME: [FI, SE]", "HOME: [FI]", true},
		{"a chain", contentFile, "[fi, sv]", "[fi]", true},
		{"a holdback", contentFile, "DE: {locales: [de],", "DE: {locales: [de], holdback: [fi],", true},
		{"a board", contentFile, "[KAVI, FSK]", "[FSK, KAVI]", true},
		{"a country", contentFile, "  GB: {locales: [en]}\n", "", true},
		{"an age limit", contentFile, "max_age: 7", "max_age: 6", true},
		{"the need for video", contentFile, "requires_video: true", "requires_video: false", true},
		{"a page size", contentFile, "page: 10", "page: 11", true},
		{"a language", contentFile, "languages: [en, fi]", "languages: [fi]", true},
		{"what people call an application", contentFile, "On the web", "In the web", true},
		{"the schedule", contentFile, "every: 5m", "every: 6m", false},
		{"the releases", contentFile, "keep: 3", "keep: 4", false},
		{"the files to import", contentFile, "catalog.ndjson", "other.ndjson", false},
		{"a source", contentFile, "shrink: 10%", "shrink: 11%", false},
		{"a comment", contentFile, "default_locale: en", "default_locale: en # as always", false},
		{"a listener", "environments/dev.env", ":0", ":1", false},
	} {
		if got := mustLoad(t, edited(t, test.file, test.before, test.after)).Content.Hash; (got != same) != test.changes {
			t.Errorf("after an edit of %s, the hash changed: %v, want %v", test.what, got != same, test.changes)
		}
	}
}

func TestHashDoesNotDependOnWhereTheSiteLies(t *testing.T) {
	a, err := load(small(), "a")
	if err != nil {
		t.Fatal(err)
	}
	b, err := load(small(), "b")
	if err != nil || a.Content.Hash != b.Content.Hash {
		t.Errorf("hashes %s and %s: %v", a.Content.Hash, b.Content.Hash, err)
	}
}

func TestVariationsTellAClientItsWay(t *testing.T) {
	const golden = "testdata/variations.json"
	got := mustLoad(t, small()).Variations()
	if !json.Valid(got) {
		t.Fatalf("not JSON: %s", got)
	}
	if *update {
		if err := os.WriteFile(golden, append(got, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if want := strings.TrimSuffix(string(read(t, golden)), "\n"); string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestGroupsHaveVersions(t *testing.T) {
	files := edited(t, contentFile, "HOME: [FI, SE]", "HOME: [{countries: [FI]}, {from: 2020-06-01, countries: [FI, SE]}]")
	home := mustLoad(t, files).Content.Rules.Groups["HOME"]
	if len(home) != 2 || !home[0].From.IsZero() || home[1].From.Format("2006-01-02") != "2020-06-01" || home[1].Countries.Len() != 2 {
		t.Errorf("HOME = %v", home)
	}
}

func TestEnvironment(t *testing.T) {
	files := small()
	files["environments/empty.env"] = &fstest.MapFile{Data: []byte("\n# nothing\n")}
	files["environments/prod.env"] = &fstest.MapFile{Data: []byte(
		"OVENBIRD_LISTEN=:443\r\nOVENBIRD_COUNTRY_FROM=header:CF-IPCountry\r\nOVENBIRD_TRUSTED_PROXIES=10.0.0.0/8, 2001:db8::/32\r\nOVENBIRD_GEOIP_DB=geo.mmdb\r\nOVENBIRD_PREVIEW_KEYS=keys/preview.pem\r\n" +
			"OVENBIRD_DATABASE=postgres://ovenbird@db.example.org:5432/ovenbird?sslmode=verify-full\r\n" +
			"OVENBIRD_BUCKET=s3://catalog/prod?region=eu-north-1\r\nOVENBIRD_POLL=2s\r\n")}
	files["environments/fixed.env"] = &fstest.MapFile{Data: []byte("OVENBIRD_COUNTRY_FROM=fixed:uk\nOVENBIRD_BUCKET=../bucket\n")}
	s := mustLoad(t, files)
	if got := s.Environments(); !slices.Equal(got, []string{"dev", "empty", "fixed", "prod"}) {
		t.Errorf("environments = %v", got)
	}
	if prod, err := s.Environment("prod"); err != nil || prod.Bucket != "s3://catalog/prod?region=eu-north-1" || prod.Poll != 2*time.Second {
		t.Errorf("prod = %+v, %v", prod, err)
	}
	if fixed, err := s.Environment("fixed"); err != nil || fixed.Bucket != "bucket" {
		t.Errorf("a folder is relative to the site: fixed = %+v, %v", fixed, err)
	}
	empty, err := s.Environment("empty")
	if err != nil || empty.Listen != "127.0.0.1:8080" || empty.CountryFrom != (CountryFrom{Source: FromAddress}) || empty.Database != "" {
		t.Errorf("empty = %+v, %v", empty, err)
	}
	prod, err := s.Environment("prod")
	if err != nil {
		t.Fatal(err)
	}
	networks := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}
	if prod.Listen != ":443" || prod.CountryFrom.String() != "header:CF-IPCountry" || !slices.Equal(prod.TrustedProxies, networks) ||
		prod.GeoIPDatabase != filepath.Join("small", "geo.mmdb") || prod.Database != "postgres://ovenbird@db.example.org:5432/ovenbird?sslmode=verify-full" {
		t.Errorf("prod = %+v", prod)
	}
	if prod.PreviewKeys != filepath.Join("small", "keys", "preview.pem") {
		t.Errorf("the keys of previews are in %q", prod.PreviewKeys)
	}
	fixed, err := s.Environment("fixed")
	if err != nil || fixed.CountryFrom.String() != "fixed:GB" {
		t.Errorf("fixed = %+v, %v", fixed, err)
	}
	if _, err := s.Environment("staging"); ovenbird.CodeOf(err) != ovenbird.NotFound || !strings.Contains(err.Error(), "dev, empty, fixed, prod") {
		t.Errorf("error = %v, want not_found with the names there are", err)
	}
	if _, err := s.Environment("../site"); ovenbird.CodeOf(err) != ovenbird.Invalid {
		t.Errorf("error = %v, want invalid", err)
	}
}

func TestCheckFindsWhatWorksAndIsNotMeant(t *testing.T) {
	for _, test := range []struct {
		file, before, after string
		level               Level
		what                string
	}{
		{contentFile, "languages: [en, fi]", "languages: [en, ja]", Warning, "language ja"},
		{contentFile, "countries: [FI, SE, DE]", "countries: [FI, SE, DE, GB]", Warning, "GB has no ratings"},
		{contentFile, "  KAVI: {", "  MPA: {G: 0}\n  KAVI: {", Warning, "rating system MPA"},
		{"content/applications/web/home.graphql", "{ country", "{ country", Warning, "web/home.json selects country"},
		{contentFile, "collection.graphql", "home.graphql", Error, "collection"},
		{contentFile, "      collections/{collection}/{page}.json: {shape: collection.graphql, page: 10}\n", "", Warning, "no document uses this shape"},
		{contentFile, "catalog.ndjson", "missing.ndjson", Error, "it is not there"},
		{contentFile, "content/partner.mapping.yaml", "content/other.mapping.yaml", Error, "source partner names this mapping"},
		{"environments/dev.env", "OVENBIRD_LISTEN=", "LISTEN=", Error, "unknown variable"},
	} {
		var findings []Finding
		if s, err := load(edited(t, test.file, test.before, test.after), "small"); err != nil {
			findings = Findings(err)
		} else {
			findings = s.Check()
		}
		if !slices.ContainsFunc(findings, func(f Finding) bool { return f.Level == test.level && strings.Contains(f.What, test.what) }) {
			t.Errorf("%q for %q: no %s about %q in %v", test.after, test.before, test.level, test.what, findings)
		}
	}
}

func TestCheckOfASiteThatDoesNotLoad(t *testing.T) {
	findings := Check(t.TempDir())
	if len(findings) != 1 || findings[0].Level != Error {
		t.Errorf("findings = %v, want one error", findings)
	}
}
