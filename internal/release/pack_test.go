package release

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// buildPack returns a pack of a few objects, as it was built and as bytes.
func buildPack(tb testing.TB, manifest string) (*pack, []byte, map[Hash][]byte) {
	tb.Helper()
	c := mustCodec(tb)
	b := newPackBuilder()
	objects := make(map[Hash][]byte)
	var together batch
	for i := range 50 {
		body := []byte(strings.Repeat(fmt.Sprintf(`{"title":%d}`, i), i))
		objects[HashOf(body)] = body
		together.add(HashOf(body), body)
		if i%7 == 0 {
			frame, coding := c.compress(&together)
			b.add(frame, coding, together.objects)
			together.reset()
		}
	}
	p, body := b.finish([]byte(manifest))
	return p, body, objects
}

func mustCodec(tb testing.TB) *codec {
	tb.Helper()
	c, err := newCodec()
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// readPack reads a pack and all objects in it from its bytes alone.
func readPack(c *codec, body []byte) (*pack, map[Hash][]byte, error) {
	f, err := parseFooter(body[max(0, len(body)-packFooter):], int64(len(body)))
	if err != nil {
		return nil, nil, err
	}
	p, err := parsePack(HashOf(body), int64(len(body)), f, body[f.table:f.table+f.length()])
	if err != nil {
		return nil, nil, err
	}
	objects := make(map[Hash][]byte)
	for _, e := range p.entries {
		if objects[e.hash], err = c.decompress(e, body[e.offset:e.end()]); err != nil {
			return nil, nil, err
		}
	}
	return p, objects, nil
}

func TestPackIsReadBack(t *testing.T) {
	built, body, want := buildPack(t, `{"format":1}`)
	read, got, err := readPack(mustCodec(t), body)
	if err != nil {
		t.Fatal(err)
	}
	if string(read.manifest) != `{"format":1}` || read.hash != built.hash || len(got) != len(want) {
		t.Errorf("got %d objects and manifest %q", len(got), read.manifest)
	}
	for h, object := range want {
		if !bytes.Equal(got[h], object) {
			t.Errorf("object %s: got %q", h, got[h])
		}
		if e, ok := read.find(h); !ok || e.hash != h {
			t.Errorf("object %s is not found", h)
		}
	}
	for _, h := range []Hash{{}, HashOf([]byte("absent")), {0: 0xff, 31: 0xff}} {
		if _, ok := read.find(h); ok {
			t.Errorf("found %s, which is not there", h)
		}
	}
}

// oldPack writes objects as packs of the formats before 3 have them: one to a frame.
func oldPack(tb testing.TB, objects map[Hash][]byte) []byte {
	tb.Helper()
	c := mustCodec(tb)
	_, empty := newPackBuilder().finish(nil)
	body := bytes.Clone(empty[:packHeader])
	var table []byte
	for _, h := range slices.SortedFunc(maps.Keys(objects), func(a, b Hash) int { return compareHashes(&a, &b) }) {
		var alone batch
		alone.add(h, objects[h])
		frame, coding := c.compress(&alone)
		table = append(table, h[:]...)
		table = binary.BigEndian.AppendUint64(table, uint64(len(body)))
		table = binary.BigEndian.AppendUint32(table, uint32(len(frame)))
		table = binary.BigEndian.AppendUint32(table, uint32(len(objects[h])))
		table = append(table, coding)
		body = append(body, frame...)
	}
	start, sum := len(body), HashOf(table)
	body = binary.BigEndian.AppendUint64(append(body, table...), uint64(start))
	body = binary.BigEndian.AppendUint32(body, uint32(len(objects)))
	body = binary.BigEndian.AppendUint32(body, 0)
	return append(append(body, sum[:]...), packEndOne...)
}

func TestPacksOfOlderReleasesAreRead(t *testing.T) {
	_, _, want := buildPack(t, "")
	read, got, err := readPack(mustCodec(t), oldPack(t, want))
	if err != nil {
		t.Fatal(err)
	}
	if len(read.entries) != len(want) || !maps.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("got %d objects", len(got))
	}
}

// A few bytes that differ cost no more than themselves where objects lie together.
func TestObjectsThatAreAlikeShareTheirBytes(t *testing.T) {
	c := mustCodec(t)
	var together batch
	alone := 0
	for i := range 100 {
		body := fmt.Appendf(nil, `{"name":"The same for all","synopsis":"%s","end":"2027-01-%02d"}`, strings.Repeat("words ", i%3), i)
		together.add(HashOf(body), body)
		var one batch
		one.add(HashOf(body), body)
		frame, _ := c.compress(&one)
		alone += len(frame)
	}
	if frame, _ := c.compress(&together); 5*len(frame) > alone {
		t.Errorf("%d bytes together, %d each by itself", len(frame), alone)
	}
}

func TestTwoPacksOfTheSameObjectsAreDifferentObjects(t *testing.T) {
	a, _, _ := buildPack(t, "")
	b, _, _ := buildPack(t, "")
	if a.hash == b.hash {
		t.Error("a writer could take an old pack, about to be collected, for its own")
	}
}

// TestNoDamageGoesUnnoticed flips every bit of a small pack in turn.
func TestNoDamageGoesUnnoticed(t *testing.T) {
	c := mustCodec(t)
	b := newPackBuilder()
	object := []byte(strings.Repeat(`{"a":1}`, 20))
	var small, large batch
	large.add(HashOf(object), object)
	large.add(HashOf([]byte("[]")), []byte("[]"))
	small.add(HashOf([]byte("{}")), []byte("{}"))
	for _, together := range []*batch{&small, &large} {
		frame, coding := c.compress(together)
		b.add(frame, coding, together.objects)
	}
	_, body := b.finish([]byte(`{"format":1}`))
	for i := packHeader * 8; i < len(body)*8; i++ { // no reader looks at the header
		damaged := bytes.Clone(body)
		damaged[i/8] ^= 1 << (i % 8)
		// A decoder may pass over bits that mean nothing; then the object is
		// whole, which is all that counts.
		if _, objects, err := readPack(c, damaged); err == nil && !bytes.Equal(objects[HashOf(object)], object) {
			t.Errorf("bit %d: damage went unnoticed", i)
		}
	}
}

// FuzzPack feeds the reader hostile packs: it must fail or return objects that
// hash right, and never panic or allocate without bound.
func FuzzPack(f *testing.F) {
	_, body, _ := buildPack(f, `{"format":1}`)
	_, empty := newPackBuilder().finish(nil)
	_, _, objects := buildPack(f, "")
	f.Add(oldPack(f, objects))
	f.Add(body)
	f.Add(empty)
	f.Add([]byte{})
	c := mustCodec(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		// Correct checksums, so that the fuzzer gets past them.
		if n := len(body); n >= packFooter {
			if footer, err := parseFooter(body[n-packFooter:], int64(n)); err == nil {
				body = bytes.Clone(body)
				sum := HashOf(body[footer.table : footer.table+footer.length()])
				copy(body[n-packFooter+16:], sum[:])
			}
		}
		_, objects, err := readPack(c, body)
		for h, object := range objects {
			if err == nil && HashOf(object) != h {
				t.Errorf("object %s has the hash %s", h, HashOf(object))
			}
		}
	})
}

// FuzzObjects feeds hostile objects to every decoder. What decodes encodes to
// the same bytes where the encoding is canonical.
func FuzzObjects(f *testing.F) {
	known := newPartitions()
	row := NewRow(Key{Edition: "tv", Path: "home.json"}, []Class{{Countries: mustSet("FI", "SE"), Object: HashOf(nil)}})
	f.Add(known.of(row).body)
	f.Add(newLeaf([]Row{row}).encode(known))
	f.Add(Patch{Rows: []Row{row, {Key: Key{Edition: "web"}}}}.encode(known))
	f.Add(Template{Literals: []string{"[", "]"}, Slots: []string{CardPath("s", "t1")}}.Encode())
	f.Add([]byte{tagInner, 0, 0})
	f.Fuzz(func(t *testing.T, body []byte) {
		if sets, err := decodePartition(body); err == nil && !bytes.Equal(encodePartition(sets), body) {
			t.Errorf("partition %v has another encoding", sets)
		}
		if tmpl, err := ParseTemplate(body); err == nil {
			again, err := ParseTemplate(tmpl.Encode())
			if err != nil || len(again.Slots) != len(tmpl.Slots) {
				t.Errorf("template does not read back: %v", err)
			}
		}
		_, _ = decodeNode(body)
		_, _ = decodePatch(body)
	})
}
