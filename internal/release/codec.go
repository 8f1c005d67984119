package release

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// The first byte of an object says what it is. Documents are JSON, so they
// begin with '{' or '['.
const (
	tagTemplate  = 0x01
	tagLeaf      = 0x02
	tagInner     = 0x03
	tagPartition = 0x04
	tagPatch     = 0x05
	// The same with the instants at which rows end.
	tagEndingLeaf  = 0x06
	tagEndingPatch = 0x07
)

// decoder reads an object from front to back. After the first failure it yields
// zeros, so that callers check once, at the end.
type decoder struct {
	rest []byte
	err  error
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf(format, args...)
	}
	d.rest = nil
}

func (d *decoder) take(n int) []byte {
	if n < 0 || n > len(d.rest) {
		d.fail("ends too early")
		return make([]byte, min(max(n, 0), len(Hash{})))
	}
	taken := d.rest[:n]
	d.rest = d.rest[n:]
	return taken
}

func (d *decoder) tag(want byte) {
	if got := d.take(1); got[0] != want {
		d.fail("begins with tag %#02x; %#02x is expected", got[0], want)
	}
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.fail("a number is cut or too large")
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.rest)
	if n <= 0 {
		d.fail("a number is cut or too large")
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

// count reads how many things follow, each of at least size bytes, so that a
// lying count can not make the reader allocate more than the object's length.
func (d *decoder) count(size int) int {
	v := d.uvarint()
	if v > uint64(len(d.rest)/size) {
		d.fail("announces %d entries, more than fit", v)
		return 0
	}
	return int(v)
}

func (d *decoder) text() string { return string(d.take(d.count(1))) }

func (d *decoder) hash() Hash {
	var h Hash
	copy(h[:], d.take(len(h)))
	return h
}

func (d *decoder) end() error {
	if d.err == nil && len(d.rest) > 0 {
		d.fail("%d bytes too many", len(d.rest))
	}
	return d.err
}

func appendText(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// storedRow is a row as it is encoded: its partition by hash. Its objects are where
// they were decoded from.
type storedRow struct {
	Key
	partition Hash // zero where there are no classes
	objects   encodedHashes
	ends      int64
}

// encodedHashes is hashes, one after the other.
type encodedHashes []byte

func (e encodedHashes) len() int { return len(e) / len(Hash{}) }

func (e encodedHashes) at(i int) Hash { return Hash(e[i*len(Hash{}):]) }

func (e encodedHashes) equal(list []Hash) bool {
	for i := range list {
		if i >= e.len() || e.at(i) != list[i] {
			return false
		}
	}
	return len(list) == e.len()
}

// all returns a copy of the hashes.
func (e encodedHashes) all() []Hash {
	all := make([]Hash, e.len())
	for i := range all {
		all[i] = e.at(i)
	}
	return all
}

// resolve turns a stored row into a row.
func (s storedRow) resolve(known *partitions) (Row, error) {
	if len(s.objects) == 0 {
		return Row{Key: s.Key, Ends: s.ends}, nil
	}
	p := known.get(s.partition)
	if p == nil || len(p.classes) != s.objects.len() {
		return Row{}, fmt.Errorf("row %s does not match its partition %s", s.Key, s.partition)
	}
	classes := make([]Class, s.objects.len())
	for i := range classes {
		classes[i] = Class{Countries: p.classes[i], Object: s.objects.at(i)}
	}
	return Row{Key: s.Key, Classes: classes, Ends: s.ends, division: p}, nil
}

// encodeRows encodes rows behind the tag plain, or behind the tag ending and
// followed by when they end, if one of them does.
func encodeRows(plain, ending byte, rows []Row, known *partitions) []byte {
	if !slices.ContainsFunc(rows, func(r Row) bool { return r.Ends != 0 }) {
		return appendRows(spaceFor(plain, rows), rows, known)
	}
	return appendEnds(appendRows(spaceFor(ending, rows), rows, known), rows)
}

// spaceFor returns a tag with room for rows behind it.
func spaceFor(tag byte, rows []Row) []byte {
	size := 0
	for _, r := range rows {
		size += 64 + len(r.Edition) + len(r.Path) + len(r.Classes)*len(Hash{})
	}
	return append(make([]byte, 0, size), tag)
}

// appendEnds encodes when rows end: a table of instants in order of first use,
// then for each row 0, or the place in the table counted from 1.
func appendEnds(b []byte, rows []Row) []byte {
	var instants []int64
	for _, r := range rows {
		if r.Ends != 0 && !slices.Contains(instants, r.Ends) {
			instants = append(instants, r.Ends)
		}
	}
	b = binary.AppendUvarint(b, uint64(len(instants)))
	for _, t := range instants {
		b = binary.AppendVarint(b, t)
	}
	for _, r := range rows {
		b = binary.AppendUvarint(b, uint64(slices.Index(instants, r.Ends)+1))
	}
	return b
}

// appendRows encodes rows, which are ordered by key: a table of editions, a
// table of partitions, each in order of first use, then the rows.
func appendRows(b []byte, rows []Row, known *partitions) []byte {
	var editions []string
	var divisions []Hash
	for _, r := range rows {
		if len(editions) == 0 || editions[len(editions)-1] != r.Edition {
			editions = append(editions, r.Edition)
		}
		if len(r.Classes) > 0 {
			if h := known.of(r).hash; !slices.Contains(divisions, h) {
				divisions = append(divisions, h)
			}
		}
	}
	b = binary.AppendUvarint(b, uint64(len(editions)))
	for _, e := range editions {
		b = appendText(b, e)
	}
	b = binary.AppendUvarint(b, uint64(len(divisions)))
	for _, h := range divisions {
		b = append(b, h[:]...)
	}
	b = binary.AppendUvarint(b, uint64(len(rows)))
	for _, r := range rows {
		b = appendRow(b, r, slices.Index(editions, r.Edition), divisions, known)
	}
	return b
}

func appendRow(b []byte, r Row, edition int, divisions []Hash, known *partitions) []byte {
	b = binary.AppendUvarint(b, uint64(edition))
	b = appendText(b, r.Path)
	b = binary.AppendUvarint(b, uint64(len(r.Classes)))
	if len(r.Classes) == 0 {
		return b
	}
	b = binary.AppendUvarint(b, uint64(slices.Index(divisions, known.of(r).hash)))
	for _, c := range r.Classes {
		b = append(b, c.Object[:]...)
	}
	return b
}

// taggedRows decodes what encodeRows wrote.
func (d *decoder) taggedRows(plain, ending byte) []storedRow {
	if len(d.rest) == 0 || d.rest[0] != ending {
		d.tag(plain)
		return d.rows()
	}
	d.tag(ending)
	rows := d.rows()
	instants := make([]int64, d.count(1))
	for i := range instants {
		instants[i] = d.varint()
	}
	for i := range rows {
		switch place := d.uvarint(); {
		case place > uint64(len(instants)):
			d.fail("a row names end %d of %d", place, len(instants))
			return nil
		case place > 0:
			rows[i].ends = instants[place-1]
		}
	}
	return rows
}

// rows decodes what appendRows wrote.
func (d *decoder) rows() []storedRow {
	editions := make([]string, d.count(1))
	for i := range editions {
		editions[i] = d.text()
	}
	divisions := make([]Hash, d.count(len(Hash{})))
	for i := range divisions {
		divisions[i] = d.hash()
	}
	rows := make([]storedRow, 0, d.count(3))
	for range cap(rows) {
		var r storedRow
		edition := d.uvarint()
		r.Path = d.text()
		objects := d.count(len(Hash{}))
		if objects > 0 {
			division := d.uvarint()
			if division >= uint64(len(divisions)) {
				d.fail("a row names partition %d of %d", division, len(divisions))
				return nil
			}
			r.partition = divisions[division]
		}
		r.objects = d.take(objects * len(Hash{}))
		if edition >= uint64(len(editions)) {
			d.fail("a row names edition %d of %d", edition, len(editions))
			return nil
		}
		r.Edition = editions[edition]
		if len(rows) > 0 && rows[len(rows)-1].Compare(r.Key) >= 0 {
			d.fail("rows are out of order at %s", r.Key)
			return nil
		}
		rows = append(rows, r)
	}
	return rows
}
