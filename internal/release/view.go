package release

import (
	"bytes"
	"hash/maphash"
	"slices"

	"ovenbird/internal/ovenbird"
)

// View is a release in the form in which an edge answers from it. Its rows are in
// memory, but as compact as they come: without the text of their keys, and with
// lists of objects that equal rows share, of this view and of those before it. Its
// objects are where they lie in the packs, which are open and were checked whole.
// Immutable; any number of goroutines may use it.
type View struct {
	reader *Reader
	packs  []*heldPack
	tree   *viewNode
	refs   []PatchRef
	// later is what patches make of rows, in order.
	later  map[KeyID][]Version
	shared *sharedRows
}

// KeyID stands for a key: the first half of a hash of it.
type KeyID [16]byte

// ID returns what stands for k.
func (k Key) ID() KeyID {
	h := hashKey(k)
	return KeyID(h[:len(KeyID{})])
}

// Version is a row from an instant on.
type Version struct {
	From    int64    // nanoseconds since 1970; 0 for as long as the release has it
	Classes *Classes // nil where there is nothing
	Ends    int64    // see Row
}

// Classes are the classes of a row. Rows with the same ones share them.
type Classes struct {
	division *division
	objects  []Hash // by class
}

// division divides countries into classes.
type division struct {
	// of has for each country 0 where it is in no class, otherwise the class's index
	// and 1.
	of  [ovenbird.CountryCount]uint8
	all ovenbird.CountrySet // those in some class
	n   int                 // of classes
}

// Object returns the object for a country; ok is false where there is none.
func (c *Classes) Object(country uint8) (h Hash, ok bool) {
	if c == nil || c.division.of[country] == 0 {
		return Hash{}, false
	}
	return c.objects[c.division.of[country]-1], true
}

// Objects are the objects of all classes. They are shared: do not write to them.
func (c *Classes) Objects() []Hash {
	if c == nil {
		return nil
	}
	return c.objects
}

// Countries returns the countries for which there is an object.
func (c *Classes) Countries() ovenbird.CountrySet {
	if c == nil {
		return ovenbird.CountrySet{}
	}
	return c.division.all
}

// CountriesOf returns the countries for which it is a certain object.
func (c *Classes) CountriesOf(h Hash) (set ovenbird.CountrySet) {
	if c == nil {
		return set
	}
	class := uint8(slices.Index(c.objects, h) + 1) // 0 where it is none
	for country := range c.division.all.Indexes {
		if c.division.of[country] == class {
			set[country/64] |= 1 << (country % 64)
		}
	}
	return set
}

// Row returns a row as it is at first, without classes where there is none, and
// what becomes of it at transitions, in order. Both are shared.
func (v *View) Row(id KeyID) (first Version, later []Version) {
	n := v.tree
	for depth := 0; n.children != nil; depth++ {
		if n = n.children[id.nibble(depth)]; n == nil {
			return Version{}, v.later[id]
		}
	}
	if i, ok := n.find(id); ok {
		first = n.rows[i].Version
	}
	return first, v.later[id]
}

// Object returns an object, checked against its hash.
func (v *View) Object(h Hash) ([]byte, error) {
	i, e, ok := v.locate(0, h)
	if !ok {
		return nil, ovenbird.Errorf(ovenbird.NotFound, "object %s is in none of the packs of the release", h)
	}
	return v.reader.readHeld(v.packs[i], e)
}

// locate finds an object, first where one is told to look.
func (v *View) locate(first int, h Hash) (pack int, e entry, ok bool) {
	if e, ok := v.packs[first].find(h); ok {
		return first, e, true
	}
	for i, p := range v.packs {
		if i == first {
			continue
		}
		if e, ok := p.find(h); ok {
			return i, e, true
		}
	}
	return 0, entry{}, false
}

// viewNode is a node of the tree: a leaf (children is nil) or an inner one.
type viewNode struct {
	hash     Hash
	children *[fanOut]*viewNode
	rows     []viewRow // ordered by id
}

type viewRow struct {
	id KeyID
	Version
}

func (n *viewNode) find(id KeyID) (i int, ok bool) {
	return slices.BinarySearchFunc(n.rows, id, func(r viewRow, id KeyID) int { return bytes.Compare(r.id[:], id[:]) })
}

// each calls f for every row below.
func (n *viewNode) each(f func(viewRow)) {
	if n == nil {
		return
	}
	for _, row := range n.rows {
		f(row)
	}
	if n.children != nil {
		for _, child := range n.children {
			child.each(f)
		}
	}
}

func (id KeyID) nibble(depth int) int {
	b := id[depth/2]
	if depth%2 == 0 {
		return int(b >> 4)
	}
	return int(b & 0x0f)
}

// differing calls f for the ids of rows that are not the same below two nodes at
// the same place, either of them nil where there is none.
func differingNodes(a, b *viewNode, f func(KeyID)) {
	if a == b || a != nil && b != nil && a.hash == b.hash {
		return
	}
	if a != nil && b != nil && a.children != nil && b.children != nil {
		for i := range fanOut {
			differingNodes(a.children[i], b.children[i], f)
		}
		return
	}
	before := make(map[KeyID]Version)
	a.each(func(r viewRow) { before[r.id] = r.Version })
	b.each(func(r viewRow) {
		if old, ok := before[r.id]; !ok || old != r.Version {
			f(r.id)
		}
		delete(before, r.id)
	})
	for id := range before {
		f(id)
	}
}

// sharedRows finds again what rows are made of. Views that follow each other have
// the same one.
type sharedRows struct {
	divisions interner[Hash, division] // by the hash of the partition
	classes   interner[uint64, Classes]
	seed      maphash.Seed
}

func newSharedRows() *sharedRows { return &sharedRows{seed: maphash.MakeSeed()} }

// classesOf returns classes that are the same, made now or before; fresh reports
// whether it was now.
func (s *sharedRows) classesOf(partition Hash, division *division, objects encodedHashes) (c *Classes, fresh bool) {
	var h maphash.Hash
	h.SetSeed(s.seed)
	_, _ = h.Write(partition[:]) // it never fails
	_, _ = h.Write(objects)
	same := func(c *Classes) bool { return c.division == division && objects.equal(c.objects) }
	key := h.Sum64()
	if c := s.classes.get(key); c != nil && same(c) {
		return c, false
	}
	made := &Classes{division: division, objects: objects.all()}
	if c := s.classes.put(key, made); same(c) {
		return c, c == made
	}
	return made, true // another list has the same key: the two can not both be found
}
