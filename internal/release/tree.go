package release

import (
	"crypto/sha256"
	"encoding/binary"
	"iter"
	"slices"
	"sync/atomic"
)

const (
	// leafRows is how many rows a leaf may hold: a node is a leaf if and only if
	// there are no more below it. That makes the shape a function of the rows.
	leafRows = 32
	fanOut   = 16
)

// Tree is an immutable set of rows, at most one for a key. It is a trie over
// the hash of the key, 4 bits to a level, and a Merkle tree: Root depends on
// the rows alone, and equal subtrees have equal hashes. Editing shares all
// nodes that did not change. Any number of goroutines may use a Tree.
type Tree struct {
	root  *node
	known *partitions
}

// node is a leaf (children is nil) or an inner node. Immutable but for hash.
type node struct {
	count     int // of rows below
	documents int // that those rows hold
	rows      []Row
	children  *[fanOut]*node       // nil where there are no rows
	hash      atomic.Pointer[Hash] // of the encoded node; set when first asked for
}

// NewTree returns a tree of the given rows; see Edit.
func NewTree(rows []Row) *Tree {
	empty := &Tree{root: &node{}, known: newPartitions()}
	return empty.Edit(rows)
}

// Len returns how many rows there are.
func (t *Tree) Len() int { return t.root.count }

// Documents returns how many documents viewers can ask for: the countries of
// each row that is not a card, summed up.
func (t *Tree) Documents() int { return t.root.documents }

// Root returns the hash of the whole tree.
func (t *Tree) Root() Hash { return t.root.name(t.known) }

// Get returns the row of a key; ok is false where there is none.
func (t *Tree) Get(key Key) (row Row, ok bool) {
	h := hashKey(key)
	n := t.root
	for depth := 0; n != nil && n.children != nil; depth++ {
		n = n.children[nibble(h, depth)]
	}
	if n == nil {
		return Row{}, false
	}
	i, ok := slices.BinarySearchFunc(n.rows, key, func(r Row, k Key) int { return r.Compare(k) })
	if !ok {
		return Row{}, false
	}
	return n.rows[i], true
}

// All yields every row, in an order that depends on the rows alone.
func (t *Tree) All() iter.Seq[Row] {
	return func(yield func(Row) bool) { t.root.each(yield) }
}

func (n *node) each(yield func(Row) bool) bool {
	for _, r := range n.rows {
		if !yield(r) {
			return false
		}
	}
	if n.children == nil {
		return true
	}
	for _, child := range n.children {
		if child != nil && !child.each(yield) {
			return false
		}
	}
	return true
}

// Set returns the tree with the row in place of the one with its key.
func (t *Tree) Set(row Row) *Tree { return t.Edit([]Row{row}) }

// Delete returns the tree without the row of a key.
func (t *Tree) Delete(key Key) *Tree { return t.Edit([]Row{{Key: key}}) }

// Edit returns the tree with every given row in place of the one with its key;
// a row without classes removes it. Of several rows with one key the last
// counts. The rows must be canonical, and belong to the tree from then on.
func (t *Tree) Edit(rows []Row) *Tree {
	changes := make([]change, len(rows))
	for i, r := range rows {
		if len(r.Classes) > 0 {
			r.division = t.known.find(r.Classes)
		}
		changes[i] = change{hash: hashKey(r.Key), row: r}
	}
	slices.SortStableFunc(changes, func(a, b change) int { return compareHashes(&a.hash, &b.hash) })
	// Keep the last of each run with the same key: reversed, the first.
	slices.Reverse(changes)
	changes = slices.CompactFunc(changes, func(a, b change) bool { return a.hash == b.hash })
	slices.Reverse(changes)
	return &Tree{root: t.root.edit(changes, 0), known: t.known}
}

// change is a row to put in place, with the hash of its key.
type change struct {
	hash Hash
	row  Row
}

// edit applies changes, ordered by hash and all for this node, and returns n
// itself if nothing is different after them.
func (n *node) edit(changes []change, depth int) *node {
	if n.children == nil {
		return n.editLeaf(changes, depth)
	}
	children := *n.children
	changed := false
	for len(changes) > 0 {
		slot := nibble(changes[0].hash, depth)
		end := 1
		for end < len(changes) && nibble(changes[end].hash, depth) == slot {
			end++
		}
		old := children[slot]
		if old == nil {
			old = &node{}
		}
		if edited := old.edit(changes[:end], depth+1); edited != old {
			changed = true
			children[slot] = edited
			if edited.count == 0 {
				children[slot] = nil
			}
		}
		changes = changes[end:]
	}
	if !changed {
		return n
	}
	return newInner(&children)
}

func (n *node) editLeaf(changes []change, depth int) *node {
	put := make([]change, 0, len(changes))
	replaced := make([]bool, len(n.rows))
	changed := false
	for _, c := range changes {
		i, found := slices.BinarySearchFunc(n.rows, c.row.Key, func(r Row, k Key) int { return r.Compare(k) })
		if found && n.rows[i].Equal(c.row) {
			continue
		}
		if found {
			replaced[i] = true
		}
		if len(c.row.Classes) > 0 {
			put = append(put, c)
		}
		changed = changed || found || len(c.row.Classes) > 0
	}
	if !changed {
		return n
	}
	for i, r := range n.rows {
		if !replaced[i] {
			put = append(put, change{hash: hashKey(r.Key), row: r})
		}
	}
	slices.SortFunc(put, func(a, b change) int { return compareHashes(&a.hash, &b.hash) })
	return build(put, depth)
}

// build returns the node for rows that are ordered by the hash of their keys.
func build(rows []change, depth int) *node {
	if len(rows) <= leafRows {
		leaf := make([]Row, len(rows))
		for i, r := range rows {
			leaf[i] = r.row
		}
		return newLeaf(leaf)
	}
	var children [fanOut]*node
	for len(rows) > 0 {
		slot := nibble(rows[0].hash, depth)
		end, _ := slices.BinarySearchFunc(rows, slot+1, func(r change, want int) int { return nibble(r.hash, depth) - want })
		children[slot] = build(rows[:end], depth+1)
		rows = rows[end:]
	}
	return newInner(&children)
}

// newLeaf takes over rows in any order.
func newLeaf(rows []Row) *node {
	slices.SortFunc(rows, func(a, b Row) int { return a.Compare(b.Key) })
	n := &node{rows: rows, count: len(rows)}
	for _, r := range rows {
		n.documents += r.documents()
	}
	return n
}

// newInner takes over children. With few rows left below, it makes a leaf of them.
func newInner(children *[fanOut]*node) *node {
	n := &node{children: children}
	for _, child := range children {
		if child != nil {
			n.count += child.count
			n.documents += child.documents
		}
	}
	if n.count > leafRows {
		return n
	}
	rows := make([]Row, 0, n.count)
	n.each(func(r Row) bool {
		rows = append(rows, r)
		return true
	})
	return newLeaf(rows)
}

// name returns the hash of the node as an object.
func (n *node) name(known *partitions) Hash {
	if h := n.hash.Load(); h != nil {
		return *h
	}
	h, _ := n.object(known)
	return h
}

// object returns the node as an object, and its hash.
func (n *node) object(known *partitions) (Hash, []byte) {
	body := n.encode(known)
	if h := n.hash.Load(); h != nil {
		return *h, body
	}
	h := HashOf(body)
	n.hash.Store(&h)
	return h, body
}

// mostlyHashes is the share of an object that hashes are, in percent, from which on
// it is not worth compressing: hashes do not shrink.
const mostlyHashes = 80

// dense reports whether the node, of so many bytes as an object, is mostly hashes.
func (n *node) dense(size int) bool {
	hashes := 0
	for _, r := range n.rows {
		hashes += len(r.Classes)
	}
	return n.children != nil || 100*len(Hash{})*hashes >= mostlyHashes*size
}

// encode returns the node as an object.
func (n *node) encode(known *partitions) []byte {
	if n.children == nil {
		return encodeRows(tagLeaf, tagEndingLeaf, n.rows, known)
	}
	b := make([]byte, 0, 3+fanOut*len(Hash{}))
	b = append(b, tagInner)
	var present uint16
	for i, child := range n.children {
		if child != nil {
			present |= 1 << i
		}
	}
	b = binary.BigEndian.AppendUint16(b, present)
	for _, child := range n.children {
		if child != nil {
			h := child.name(known)
			b = append(b, h[:]...)
		}
	}
	return b
}

// storedNode is a node as it is encoded: below it there are only names.
type storedNode struct {
	rows     []storedRow
	children *[fanOut]Hash // zero where there is none; nil for a leaf
}

func decodeNode(body []byte) (storedNode, error) {
	d := decoder{rest: body}
	if len(body) == 0 || body[0] != tagInner {
		n := storedNode{rows: d.taggedRows(tagLeaf, tagEndingLeaf)}
		return n, d.end()
	}
	d.tag(tagInner)
	present := binary.BigEndian.Uint16(d.take(2))
	n := storedNode{children: new([fanOut]Hash)}
	for i := range n.children {
		if present&(1<<i) != 0 {
			n.children[i] = d.hash()
		}
	}
	return n, d.end()
}

// hashKey returns where in the tree a key lies.
func hashKey(k Key) Hash {
	var space [256]byte
	b := appendText(space[:0], k.Edition)
	return sha256.Sum256(append(b, k.Path...))
}

func nibble(h Hash, depth int) int {
	b := h[depth/2]
	if depth%2 == 0 {
		return int(b >> 4)
	}
	return int(b & 0x0f)
}

func compareHashes(a, b *Hash) int {
	// The first eight bytes decide nearly always.
	x, y := binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(b[:8])
	if x != y {
		if x < y {
			return -1
		}
		return 1
	}
	return slices.Compare(a[8:], b[8:])
}
