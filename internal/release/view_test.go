package release_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ovenbird/internal/bucket"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

var viewed = []ovenbird.Country{"FI", "SE", "US"}

// drawRow returns a row that leads to one of few bodies in each country.
func drawRow(t *rapid.T, w *release.Writer, key release.Key) release.Row {
	byBody := make(map[release.Hash]ovenbird.CountrySet)
	for _, country := range viewed {
		n := rapid.IntRange(0, 2).Draw(t, "body")
		if n == 0 {
			continue
		}
		h, err := w.Add(t.Context(), fmt.Appendf(nil, `{"body":%d,"of":%q}`, n, key.Path))
		if err != nil {
			t.Fatal(err)
		}
		byBody[h] = byBody[h].With(country)
	}
	var classes []release.Class
	for h, set := range byBody {
		classes = append(classes, release.Class{Countries: set, Object: h})
	}
	row := release.NewRow(key, classes)
	if len(classes) > 0 && rapid.Bool().Draw(t, "ends") {
		row.Ends = noon.Add(30 * time.Hour).Unix()
	}
	return row
}

func keyOfPath(n int) release.Key {
	return release.Key{Edition: "tv", Path: fmt.Sprintf("titles/%d.json", n)}
}

const mostPaths = 300 // so many that the tree is a few levels deep

// drawContent returns a content like another, with a few rows and patches drawn.
func drawContent(t *rapid.T, w *release.Writer, tree *release.Tree) release.Content {
	var rows []release.Row
	for range rapid.IntRange(0, 5).Draw(t, "edits") {
		rows = append(rows, drawRow(t, w, keyOfPath(rapid.IntRange(0, mostPaths).Draw(t, "path"))))
	}
	c := release.Content{Tree: tree.Edit(rows)}
	for i := range rapid.IntRange(0, 2).Draw(t, "patches") {
		patched := make(map[int]release.Row)
		for range rapid.IntRange(1, 3).Draw(t, "rows") {
			n := rapid.IntRange(0, mostPaths).Draw(t, "path")
			patched[n] = drawRow(t, w, keyOfPath(n))
		}
		var rows []release.Row
		for _, row := range patched {
			rows = append(rows, row)
		}
		c.Patches = append(c.Patches, release.NewPatch(noon.Add(time.Duration(i+1)*time.Hour), rows))
	}
	return c
}

// seen is a row over time as it is in a content or a view, in writing.
func seenIn(c release.Content, key release.Key) string {
	row, _ := c.Tree.Get(key)
	text := inWriting(row.Ends, row.Object)
	for _, p := range c.Patches {
		for _, row := range p.Rows {
			if row.Key == key {
				text += p.At.Format(" 15:04 ") + inWriting(row.Ends, row.Object)
			}
		}
	}
	return text
}

func seenOf(v *release.View, key release.Key) string {
	first, later := v.Row(key.ID())
	of := func(v release.Version) string {
		return inWriting(v.Ends, func(c ovenbird.Country) (release.Hash, bool) { return v.Classes.Object(c.Index()) })
	}
	text := of(first)
	for _, v := range later {
		text += time.Unix(0, v.From).UTC().Format(" 15:04 ") + of(v)
	}
	return text
}

func inWriting(ends int64, object func(ovenbird.Country) (release.Hash, bool)) (text string) {
	for _, country := range viewed {
		if h, ok := object(country); ok {
			text += fmt.Sprintf("%s:%s ", country, h)
		}
	}
	return text + fmt.Sprint(ends)
}

// A view has the rows of its release, whether it was read whole or from the view of
// the release before; and it knows which rows differ from that.
func TestAViewHasTheRowsOfItsRelease(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		s, _ := openStore(t, release.Config{MaxPacks: 3})
		var parent *release.Release
		var before *release.View
		last := release.Content{Tree: release.NewTree(nil)}
		for step := range 4 {
			w, err := s.Begin(t.Context(), parent)
			if err != nil {
				r.Fatal(err)
			}
			if step == 0 {
				for n := range mostPaths {
					last.Tree = last.Tree.Set(drawRow(r, w, keyOfPath(n)))
				}
			}
			content := drawContent(r, w, last.Tree)
			m := meta(noon.Add(time.Duration(step) * time.Second))
			m.Editions = []release.Edition{{Name: "tv", Application: "tv", Countries: viewed}}
			if parent, err = w.Commit(t.Context(), content, m); err != nil {
				r.Fatal(err)
			}
			before = checkView(t, r, s, parent.Ref(), before, last, content)
			last = content
		}
	})
}

func checkView(t *testing.T, r *rapid.T, s *release.Store, ref release.Ref, before *release.View, last, content release.Content) *release.View {
	t.Helper()
	var views []*release.View
	for _, from := range []*release.View{nil, before} {
		loaded, err := s.Load(t.Context(), ref)
		if err != nil {
			r.Fatal(err)
		}
		v, changes, err := loaded.View(t.Context(), from)
		if err != nil {
			r.Fatal(err)
		}
		views = append(views, v)
		for n := range mostPaths + 2 {
			key := keyOfPath(n)
			was, want := seenIn(last, key), seenIn(content, key)
			if got := seenOf(v, key); got != want {
				r.Fatalf("row %s is %s, want %s", key, got, want)
			}
			changed := slices.ContainsFunc(changes, func(c release.Changed) bool { return c.ID == key.ID() })
			if from != nil && changed != (was != want) {
				r.Fatalf("row %s was %s and is %s: told as changed: %t", key, was, want, changed)
			}
		}
	}
	return views[1]
}

// rotten is a store in a folder, with a release whose pack can be damaged.
func rotten(t *testing.T) (s *release.Store, r *release.Release, rot func(at int)) {
	t.Helper()
	dir := t.TempDir()
	b, err := bucket.OpenDisk(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	if s, err = release.Open(b, release.Config{}); err != nil {
		t.Fatal(err)
	}
	w, err := s.Begin(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	h, err := w.Add(t.Context(), []byte(viewedBody))
	if err != nil {
		t.Fatal(err)
	}
	m := meta(noon)
	m.Editions = []release.Edition{{Name: "tv", Application: "tv", Countries: viewed}}
	row := release.NewRow(keyOfPath(1), []release.Class{{Countries: countries("FI"), Object: h}})
	if r, err = w.Commit(t.Context(), release.Content{Tree: release.NewTree([]release.Row{row})}, m); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, filepath.FromSlash(release.PackKey(r.Ref().Pack)))
	return s, r, func(at int) {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		var octet [1]byte
		if _, err := f.ReadAt(octet[:], int64(at)); err != nil {
			t.Fatal(err)
		}
		octet[0] ^= 1
		if _, err := f.WriteAt(octet[:], int64(at)); err != nil {
			t.Fatal(err)
		}
	}
}

const viewedBody = `{"n":1}`

// What is damaged before it is viewed is not viewed; what is damaged after that is
// not handed out, and mended once the pack is whole again.
func TestADamagedPackIsFoundOut(t *testing.T) {
	s, r, rot := rotten(t)
	const inFrames = 8 + 16 + 3 // behind the magic number and the nonce
	rot(inFrames)
	loaded, err := s.Load(t.Context(), r.Ref())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := loaded.View(t.Context(), nil); ovenbird.CodeOf(err) != ovenbird.Internal {
		t.Fatalf("got %v, want an Internal error", err)
	}
	rot(inFrames)
	v, _, err := loaded.View(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if found, err := v.Mend(t.Context()); found || err != nil {
		t.Errorf("mending what is whole: %t, %v", found, err)
	}
	object := release.HashOf([]byte(viewedBody))
	rot(inFrames)
	if body, err := v.Object(object); ovenbird.CodeOf(err) != ovenbird.Internal {
		t.Fatalf("got %q, %v, want an Internal error", body, err)
	}
	if found, err := v.Mend(t.Context()); !found || err == nil {
		t.Errorf("mending what can not be mended: %t, %v", found, err)
	}
	rot(inFrames)
	if found, err := v.Mend(t.Context()); !found || err != nil {
		t.Errorf("mending what is whole again: %t, %v", found, err)
	}
	if body, err := v.Object(object); err != nil || string(body) != viewedBody {
		t.Errorf("got %q, %v", body, err)
	}
}
