package site

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"

	"ovenbird/internal/ovenbird"
)

func TestFormat(t *testing.T) {
	for _, test := range []struct{ what, name, before, after string }{
		{"spaces and blank lines", "site.yaml", "\n\nname:   a  \r\n\n\n\n# why\nstacks:  [content,media]\n\n", "name: a\n\n# why\nstacks: [content, media]\n"},
		{"a comment", "content/stack.yaml", "# top\na:\n  b:    1    # one\n  # two\n  c: 2\n# end\n", "# top\na:\n  b: 1 # one\n  # two\n  c: 2\n# end\n"},
		{"text in lines", "content/stack.yaml", "sql: |\n  SELECT 1\n    FROM x\n", "sql: |\n  SELECT 1\n    FROM x\n"},
		{"an environment", "environments/dev.env", "\n  # why \nOVENBIRD_POLL=  2s \n\n\n", "# why\nOVENBIRD_POLL=2s\n"},
		{"a shape", "tv/home.graphql", "{\n collections {\n\t\tid   name\n      }  # all\n}\n\n", "{\n  collections {\n    id   name\n  }  # all\n}\n"},
		{"a shape with brackets in comments and texts", "tv/home.graphql", "{ # {{\n title(id: \"}{\") {\n id }\n}", "{ # {{\n  title(id: \"}{\") {\n    id }\n}\n"},
		{"other files", "README.md", "a  \n", "a  \n"},
		{"nothing", "environments/dev.env", "", ""},
	} {
		got, err := Format(test.name, []byte(test.before))
		if err != nil || string(got) != test.after {
			t.Errorf("%s: %q, %v; want %q", test.what, got, err, test.after)
		}
	}
}

func TestFormatRefusesWhatItWouldLose(t *testing.T) {
	for what, text := range map[string]string{
		`"# two" stands in brackets`: "a: [1, # two\n  2]\n",
		"this is not YAML":           "a: [1\n",
	} {
		if _, err := Format("site.yaml", []byte(text)); ovenbird.CodeOf(err) != ovenbird.Invalid || !strings.Contains(err.Error(), what) {
			t.Errorf("error = %v, want one about %q", err, what)
		}
	}
}

func TestTheExamplesAreFormatted(t *testing.T) {
	for _, example := range []string{"toons", "netflix", "cms"} {
		files, err := FormattedFiles(filepath.Join("..", "..", "examples", example), Config{})
		if err != nil || len(files) < 4 {
			t.Errorf("%s: %v, %v", example, files, err)
		}
		for _, file := range files {
			text := read(t, file)
			if got, err := Format(file, text); err != nil || !bytes.Equal(got, text) {
				t.Errorf("%s is not in its canonical layout (%v): run `ovenbird site fmt --site examples/%s`", file, err, example)
			}
		}
	}
}

// TestFormattingChangesNothing holds the laws of Format for any text: formatted
// again, it stays; and a site of formatted files is the site, or has what was
// wrong with it.
func TestFormattingChangesNothing(t *testing.T) {
	names := []string{siteFile, contentFile, "content/applications/web/home.graphql", "environments/dev.env"}
	rapid.Check(t, func(t *rapid.T) {
		files := small()
		name := rapid.SampledFrom(names).Draw(t, "file")
		text := []byte(mutated(t, string(files[name].Data)))
		files[name] = &fstest.MapFile{Data: text}
		formatted, err := Format(name, text)
		if err != nil {
			return
		}
		if again, err := Format(name, formatted); err != nil || !bytes.Equal(again, formatted) {
			t.Fatalf("formatted again: %v\n%q\n%q", err, formatted, again)
		}
		before, beforeErr := load(files, "small")
		files[name] = &fstest.MapFile{Data: formatted}
		after, afterErr := load(files, "small")
		if (beforeErr == nil) != (afterErr == nil) {
			t.Fatalf("before: %v\nafter: %v\n%q\n%q", beforeErr, afterErr, text, formatted)
		}
		if beforeErr == nil {
			sameSite(t, before, after)
		}
	})
}

func sameSite(t *rapid.T, before, after *Site) {
	if before.Content.Hash != after.Content.Hash || before.Name != after.Name {
		t.Fatal("another site after formatting")
	}
	if changes := Difference(&before.Content, &after.Content); len(changes) > 0 {
		t.Fatalf("formatting changed %v", changes)
	}
	a, errA := before.Environment("dev")
	b, errB := after.Environment("dev")
	if (errA == nil) != (errB == nil) || errA == nil && a.Listen != b.Listen {
		t.Fatalf("another environment after formatting: %v, %v", errA, errB)
	}
}

func TestHashIsOfWhatAShapeMeans(t *testing.T) {
	const name = "content/applications/web/home.graphql"
	same := mustLoad(t, small()).Content.Hash
	for _, test := range []struct {
		text    string
		changes bool
	}{
		{"# all\n{\n  country,\n  collections { id, name } # x\n}\n", false},
		{"{ collections { id name } country }", true},
		{"{ country collections { id namex: name } }", true},
	} {
		files := small()
		files[name] = &fstest.MapFile{Data: []byte(test.text)}
		if got := mustLoad(t, files).Content.Hash != same; got != test.changes {
			t.Errorf("%s: the hash changed: %v, want %v", test.text, got, test.changes)
		}
	}
}

func FuzzFormat(f *testing.F) {
	f.Add("a: {x:   1,y: 2}\n\n# c1\nb:\n- 1 # one\n")
	f.Add("query ($a: ID!) { title(id: $a) { name } }")
	f.Fuzz(func(t *testing.T, text string) {
		for _, name := range []string{"a.yaml", "a.graphql", "a.env"} {
			once, err := Format(name, []byte(text))
			if err != nil {
				continue
			}
			if twice, err := Format(name, once); err != nil || !bytes.Equal(once, twice) {
				t.Errorf("%s: %q becomes %q and then %q (%v)", name, text, once, twice, err)
			}
		}
	})
}

func TestInitMakesASiteWithNothingWrong(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cinema")
	files, err := Init(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range Check(dir) {
		if f.Level != OK {
			t.Errorf("%s: %s: %s", f.Level, f.Place, f.What)
		}
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Format(file, text); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%s is not in its canonical layout: %v", file, err)
		}
	}
	if s, err := Load(dir); err != nil || s.Name != "cinema" {
		t.Errorf("the site is %+v, %v", s, err)
	}
	if _, err := Init(dir); ovenbird.CodeOf(err) != ovenbird.Conflict {
		t.Errorf("a second time: %v, want conflict", err)
	}
	if _, err := Init(filepath.Join(t.TempDir(), "My Site")); ovenbird.CodeOf(err) != ovenbird.Invalid {
		t.Errorf("error = %v, want invalid", err)
	}
}
