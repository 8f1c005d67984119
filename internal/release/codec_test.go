package release

import (
	"slices"
	"strings"
	"testing"
	"time"

	"ovenbird/internal/ovenbird"
)

func mustSet(codes ...ovenbird.Country) ovenbird.CountrySet { return ovenbird.NewCountrySet(codes...) }

func TestRowsReadBack(t *testing.T) {
	known := newPartitions()
	a, b := HashOf([]byte("a")), HashOf([]byte("b"))
	rows := []Row{
		NewRow(Key{Edition: "", Path: "site.json"}, []Class{{Countries: ovenbird.Worldwide(), Object: a}}),
		NewRow(Key{Edition: "tv", Path: CardPath("s1", "t1")}, []Class{{Countries: mustSet("FI"), Object: a}, {Countries: mustSet("SE", "US"), Object: b}}),
		{Key: Key{Edition: "tv", Path: "gone.json"}},
		NewRow(Key{Edition: "web/fi", Path: "home.json"}, []Class{{Countries: mustSet("FI"), Object: b}}),
	}
	t.Run("without ends", func(t *testing.T) { readBack(t, known, rows, tagPatch) })
	rows[1].Ends, rows[2].Ends, rows[3].Ends = 1_790_000_000, -5, 1_790_000_000
	t.Run("with ends", func(t *testing.T) { readBack(t, known, rows, tagEndingPatch) })
}

func readBack(t *testing.T, known *partitions, rows []Row, tag byte) {
	t.Helper()
	body := Patch{Rows: rows}.encode(known)
	if body[0] != tag {
		t.Errorf("got tag %d, want %d", body[0], tag)
	}
	stored, err := decodePatch(body)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range stored {
		row, err := s.resolve(known)
		if err != nil || !row.Equal(rows[i]) {
			t.Errorf("got %v, %v; want %v", row, err, rows[i])
		}
	}
	for cut := range body {
		if _, err := decodePatch(body[:cut]); err == nil {
			t.Errorf("%d of %d bytes were accepted", cut, len(body))
		}
	}
	if _, err := decodePatch(append(body, 0)); err == nil {
		t.Error("a byte too many was accepted")
	}
}

// TestFormatStaysAsItIs pins the bytes of every kind of object. If it fails, old
// releases can not be read any more, or equal content gets another root: that
// takes a new format version.
func TestFormatStaysAsItIs(t *testing.T) {
	var rows []Row
	for i := range 100 {
		rows = append(rows, NewRow(Key{Edition: "web/fi", Path: CardPath("s", ovenbird.TitleID(rune('!'+i)))}, []Class{
			{Countries: mustSet("FI", "SE"), Object: HashOf([]byte{byte(i)})},
			{Countries: mustSet("JP"), Object: HashOf([]byte{'{', byte(i)})},
		}))
	}
	at := time.Date(2026, 3, 1, 12, 0, 0, 500, time.UTC)
	content := Content{Tree: NewTree(rows), Patches: []Patch{NewPatch(at, []Row{{Key: rows[0].Key}, rows[7]})}}
	template := Template{Literals: []string{"[", ",", "]"}, Slots: []string{"\x00s/a", "\x00s/b"}}
	for name, test := range map[string]struct{ got, want string }{
		"root":     {content.Root().String(), "19740e7decd135d1ee852372f72e46a1fbbacfd254968ae04de667bc798419cf"},
		"template": {string(template.Encode()), "\x01\x02\x01[\x04\x00s/a\x01,\x04\x00s/b\x01]"},
	} {
		if test.got != test.want {
			t.Errorf("%s: got %q, want %q", name, test.got, test.want)
		}
	}
}

func TestPartitionNamesCountriesByCode(t *testing.T) {
	sets := []ovenbird.CountrySet{mustSet("AD", "SE"), mustSet("FI")}
	body := encodePartition(sets)
	if want := "\x04\x02\x02ADSE\x01FI"; string(body) != want {
		t.Errorf("got %q, want %q", body, want)
	}
	if got, err := decodePartition(body); err != nil || !slices.Equal(got, sets) {
		t.Errorf("got %v, %v", got, err)
	}
	for name, bad := range map[string]string{
		"unknown country":          "\x04\x01\x01ZZ",
		"alias":                    "\x04\x01\x01UK",
		"lower case":               "\x04\x01\x01fi",
		"country in two classes":   "\x04\x02\x01FI\x01FI",
		"class without a country":  "\x04\x01\x00",
		"classes out of order":     "\x04\x02\x01SE\x01FI",
		"countries out of order":   "\x04\x01\x02SEFI",
		"more classes than bytes":  "\x04\xff\xff\xff\xff\x0f",
		"number without end":       "\x04\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
		"another kind of object":   "\x05\x01\x01FI",
		"nothing":                  "",
		"a byte more than it says": "\x04\x01\x01FIx",
	} {
		if got, err := decodePartition([]byte(bad)); err == nil {
			t.Errorf("%s: read %v", name, got)
		}
	}
}

func TestTemplateRendersItsCards(t *testing.T) {
	body := Template{Literals: []string{`{"items":[`, `,`, `]}`}, Slots: []string{CardPath("s", "t1"), CardPath("s", "t2")}}.Encode()
	if !IsTemplate(body) || IsTemplate([]byte(`{}`)) || IsTemplate(nil) {
		t.Error("templates are not told from documents")
	}
	parsed, err := ParseTemplate(body)
	if err != nil {
		t.Fatal(err)
	}
	cards := map[string]string{CardPath("s", "t1"): `{"id":"t1"}`, CardPath("s", "t2"): `{"id":"t2"}`}
	card := func(slot string) ([]byte, bool) {
		b, ok := cards[slot]
		return []byte(b), ok
	}
	got, err := parsed.Render(nil, card)
	if want := `{"items":[{"id":"t1"},{"id":"t2"}]}`; err != nil || string(got) != want {
		t.Errorf("got %s, %v", got, err)
	}
	delete(cards, CardPath("s", "t2"))
	if _, err := parsed.Render(nil, card); err == nil || !strings.Contains(err.Error(), "s/t2") {
		t.Errorf("a missing card: got %v", err)
	}
}

func TestHashReadsBack(t *testing.T) {
	h := HashOf([]byte("x"))
	if got, err := ParseHash(h.String()); err != nil || got != h {
		t.Errorf("got %s, %v", got, err)
	}
	for _, bad := range []string{"", "00", strings.Repeat("g", 64), h.String() + "00"} {
		if _, err := ParseHash(bad); ovenbird.CodeOf(err) != ovenbird.Invalid {
			t.Errorf("%q: got %v", bad, err)
		}
	}
}
