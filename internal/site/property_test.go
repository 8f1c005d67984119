package site

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"
	"pgregory.net/rapid"
)

func read(t testing.TB, name string) []byte {
	t.Helper()
	body, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// reporter is what *testing.T and *rapid.T have in common here.
type reporter interface {
	Errorf(format string, args ...any)
}

// judge holds the laws of loading any files at all: there is no panic; an error
// is Errors, each with a message and a file; and what loads is complete.
func judge(t reporter, files fs.FS) (loaded bool) {
	s, err := load(files, "small")
	if err == nil {
		if len(s.Content.Countries) == 0 || len(s.Content.Editions()) == 0 || s.Content.Hash == "" {
			t.Errorf("what loaded is not complete: %+v", s.Content)
		}
		s.Check()
		return true
	}
	all, ok := errors.AsType[Errors](err)
	if !ok || len(all) == 0 {
		t.Errorf("load failed with %#v, want Errors", err)
	}
	for _, one := range all {
		if one.Message == "" || one.Place.File == "" {
			t.Errorf("an error lacks message or file: %#v", one)
		}
	}
	return false
}

// spare parts from which mutations are made.
var spare = []string{
	"", " ", "  ", "\n", "- ", ": ", "{", "}", "[", "]", "*north", "&north", "<<", "#", "'", `"`, "|", ">", "?", "!!str ", "%", "\t", "~", "null",
	"true", "7", "-1", "1e9", ".inf", "0x1F", "10m", "20%", "XX", "FI", "DE SE", "en", "pt-BR", "../", "{title}", "{page}", "\xff", "\x00", "é", "---\n",
}

// mutated draws a text in which a few places were cut or replaced.
func mutated(t *rapid.T, text string) string {
	for range rapid.IntRange(1, 4).Draw(t, "edits") {
		from := rapid.IntRange(0, len(text)).Draw(t, "from")
		to := min(len(text), from+rapid.IntRange(0, 12).Draw(t, "cut"))
		text = text[:from] + rapid.SampledFrom(spare).Draw(t, "part") + text[to:]
	}
	return text
}

func TestMutatedSitesLoadOrSayWhyNot(t *testing.T) {
	names := []string{siteFile, contentFile, "content/applications/web/home.graphql"}
	rapid.Check(t, func(t *rapid.T) {
		files := small()
		name := rapid.SampledFrom(names).Draw(t, "file")
		files[name] = &fstest.MapFile{Data: []byte(mutated(t, string(files[name].Data)))}
		judge(t, files)
	})
}

func TestWhateverTheSchemaRefusesDoesNotLoad(t *testing.T) {
	schema := compiled(t, "content")
	rapid.Check(t, func(t *rapid.T) {
		files := small()
		text := mutated(t, string(files[contentFile].Data))
		files[contentFile] = &fstest.MapFile{Data: []byte(text)}
		if accepted, ok := accepts(schema, []byte(text)); ok && !accepted && judge(t, files) {
			t.Errorf("the schema refuses what loads:\n%s", text)
		}
	})
}

func TestMutatedEnvironmentsLoadOrSayWhyNot(t *testing.T) {
	text := "OVENBIRD_LISTEN=127.0.0.1:8080\nOVENBIRD_COUNTRY_FROM=header:CF-IPCountry\nOVENBIRD_TRUSTED_PROXIES=10.0.0.0/8\n"
	rapid.Check(t, func(t *rapid.T) {
		files := small()
		files["environments/dev.env"] = &fstest.MapFile{Data: []byte(mutated(t, text))}
		s, err := load(files, "small")
		if err != nil {
			t.Fatalf("load: %v", err)
		}
		e, err := s.Environment("dev")
		if _, ok := errors.AsType[Errors](err); err != nil && !ok {
			t.Errorf("error = %#v, want Errors", err)
		}
		if err == nil && e.CountryFrom.Source == FromHeader && len(e.TrustedProxies) == 0 {
			t.Errorf("%+v believes a header from anyone", e)
		}
	})
}

func FuzzLoad(f *testing.F) {
	f.Add(string(small()[contentFile].Data))
	goldens, _ := filepath.Glob("testdata/errors/*.txtar")
	for _, golden := range goldens {
		archive, err := txtar.ParseFile(golden)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			if strings.HasSuffix(file.Name, ".yaml") {
				f.Add(string(file.Data))
			}
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		files := small()
		files[contentFile] = &fstest.MapFile{Data: []byte(text)}
		judge(t, files)
		files[siteFile] = files[contentFile]
		judge(t, files)
	})
}

func TestFilesThatNoParserShouldSee(t *testing.T) {
	for what, text := range map[string]string{
		"bytes; 1048576 are allowed":  "name: " + strings.Repeat("a", maxFile),
		"nest deeper than 100":        "name: " + strings.Repeat("[", 100_000),
		"zero byte":                   "name: a\x00b",
		"1:8: this byte is not UTF-8": "name: a\xffb",
	} {
		for _, name := range []string{siteFile, "content/applications/web/home.graphql"} {
			files := small()
			files[name] = &fstest.MapFile{Data: []byte(text)}
			if _, err := load(files, "small"); err == nil || !strings.Contains(err.Error(), what) {
				t.Errorf("%s: error = %v, want one about %q", name, err, what)
			}
		}
	}
}

// TestAliasesDoNotMultiply holds against the file of a few lines that, written
// out, has billions (the "billion laughs").
func TestAliasesDoNotMultiply(t *testing.T) {
	var lines strings.Builder
	lines.WriteString("a: &a [{FI: 1}]\n")
	for c := 'b'; c <= 'z'; c++ {
		fmt.Fprintf(&lines, "%c: &%c [%s]\n", c, c, strings.Repeat(fmt.Sprintf("*%c, ", c-1), 9))
	}
	text := lines.String()
	files := small()
	for _, end := range []string{"", "countries: *z\n", "<<: *z\n"} {
		files[contentFile] = &fstest.MapFile{Data: []byte(text + end)}
		if judge(t, files) {
			t.Error("a file of nothing but aliases loads")
		}
	}
}
