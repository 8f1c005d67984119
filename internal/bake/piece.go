package bake

import (
	"encoding/binary"
	"time"

	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
	"ovenbird/internal/shape"
)

// A piece is what was made of some subjects of one edition, as one process tells
// it another: the edition's name, a table of country sets, and the subjects with
// their rows, which name sets by their place in the table. Very many rows have
// the same few sets.

// pieceSize is about how many bytes a piece has at most.
const pieceSize = 1 << 20

// encode returns what was made for the edition.
func (b *batch) encode() [][]byte {
	var pieces [][]byte
	w := newPieceWriter()
	for s, m := range b.made {
		w.subject(s, m)
		if len(w.body) >= pieceSize {
			pieces = append(pieces, w.piece(b.edition.Name()))
			w = newPieceWriter()
		}
	}
	if w.subjects > 0 {
		pieces = append(pieces, w.piece(b.edition.Name()))
	}
	return pieces
}

type pieceWriter struct {
	sets     map[ovenbird.CountrySet]int
	table    []byte
	subjects int
	body     []byte
}

func newPieceWriter() *pieceWriter { return &pieceWriter{sets: make(map[ovenbird.CountrySet]int)} }

func (w *pieceWriter) piece(edition string) []byte {
	b := appendText(nil, edition)
	b = append(binary.AppendUvarint(b, uint64(len(w.sets))), w.table...)
	return append(binary.AppendUvarint(b, uint64(w.subjects)), w.body...)
}

func (w *pieceWriter) subject(s subject, m *made) {
	w.subjects++
	w.body = appendText(append(w.body, byte(s.of)), s.id)
	w.rows(m.rows)
	w.body = binary.AppendUvarint(w.body, uint64(len(m.changes)))
	for _, c := range m.changes {
		w.body = binary.AppendVarint(w.body, c.at.Unix())
		w.body = binary.AppendUvarint(w.body, uint64(c.at.Nanosecond()))
		w.rows(c.rows)
	}
}

func (w *pieceWriter) rows(rows []release.Row) {
	w.body = binary.AppendUvarint(w.body, uint64(len(rows)))
	for _, row := range rows {
		w.body = appendText(w.body, row.Path)
		w.body = binary.AppendVarint(w.body, row.Ends)
		w.body = binary.AppendUvarint(w.body, uint64(len(row.Classes)))
		for _, class := range row.Classes {
			w.body = binary.AppendUvarint(w.body, uint64(w.set(class.Countries)))
			w.body = append(w.body, class.Object[:]...)
		}
	}
}

// set returns a set's place in the table. Countries are written as codes, because
// bits may differ in another version of the program.
func (w *pieceWriter) set(countries ovenbird.CountrySet) int {
	i, ok := w.sets[countries]
	if !ok {
		i = len(w.sets)
		w.sets[countries] = i
		w.table = binary.AppendUvarint(w.table, uint64(countries.Len()))
		for _, country := range countries.List() {
			w.table = appendText(w.table, string(country))
		}
	}
	return i
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// pieceReader reads a piece from front to back. After the first failure it reads
// zeros.
type pieceReader struct {
	rest []byte
	err  error
}

func (r *pieceReader) fail(why string) {
	if r.err == nil {
		r.err = ovenbird.Errorf(ovenbird.Internal, "a piece of a shard %s", why)
	}
	r.rest = nil
}

// into adds the rest of the piece to what was made for its edition.
func (r *pieceReader) into(b *batch) error {
	sets := make([]ovenbird.CountrySet, r.count())
	for i := range sets {
		for range r.count() {
			country, err := ovenbird.ParseCountry(r.text())
			if err != nil {
				r.fail("has a country that is unknown here")
				return r.err
			}
			sets[i] = sets[i].With(country)
		}
	}
	for range r.count() {
		s := subject{of: shape.Key(r.byte()), id: r.text()}
		m := &made{rows: r.rows(sets)}
		for range r.count() {
			at := time.Unix(r.varint(), int64(r.uvarint())).UTC()
			m.changes = append(m.changes, change{at, r.rows(sets)})
		}
		b.made[s] = m
	}
	if r.err == nil && len(r.rest) > 0 {
		r.fail("is too long")
	}
	return r.err
}

func (r *pieceReader) rows(sets []ovenbird.CountrySet) []release.Row {
	n := r.count()
	if n == 0 {
		return nil
	}
	rows := make([]release.Row, n)
	for i := range rows {
		rows[i].Key = release.Key{Path: r.text()}
		rows[i].Ends = r.varint()
		if n := r.count(); n > 0 {
			rows[i].Classes = make([]release.Class, n)
		}
		for j := range rows[i].Classes {
			set := r.uvarint()
			if set >= uint64(len(sets)) {
				r.fail("names a set of countries that it has not")
				return nil
			}
			rows[i].Classes[j].Countries = sets[set]
			copy(rows[i].Classes[j].Object[:], r.take(len(release.Hash{})))
		}
	}
	return rows
}

func (r *pieceReader) take(n int) []byte {
	if n > len(r.rest) {
		r.fail("is cut")
		return nil
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *pieceReader) byte() byte {
	if b := r.take(1); len(b) == 1 {
		return b[0]
	}
	return 0
}

func (r *pieceReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.fail("is cut")
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *pieceReader) varint() int64 {
	v, n := binary.Varint(r.rest)
	if n <= 0 {
		r.fail("is cut")
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

// count reads how many things follow, each of at least a byte.
func (r *pieceReader) count() int {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.fail("announces more than it has")
		return 0
	}
	return int(n)
}

func (r *pieceReader) text() string { return string(r.take(r.count())) }
