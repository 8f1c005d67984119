package release

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"sync/atomic"
	"time"

	"ovenbird/internal/ovenbird"
)

// Content is what a release says: the rows as of its instant, and what changes
// by itself after that.
type Content struct {
	Tree    *Tree
	Patches []Patch // ordered by instant, at most one for each
}

// Patch is the rows that change at an instant, each complete as it is from then
// on; a row without classes is gone. The rows are canonical and ordered by key,
// as NewPatch leaves them.
type Patch struct {
	At   time.Time
	Rows []Row

	object *atomic.Pointer[Hash] // name's, set when first asked for; nil in a patch that NewPatch did not make
}

// NewPatch returns the patch of the given rows, at most one for a key. It takes
// over the slice.
func NewPatch(at time.Time, rows []Row) Patch {
	slices.SortFunc(rows, func(a, b Row) int { return a.Compare(b.Key) })
	return Patch{At: at.UTC(), Rows: rows, object: new(atomic.Pointer[Hash])}
}

// Root returns the hash of the content: equal for equal contents, whoever made
// them when. It covers the tree and the patches with their instants, and
// nothing else.
func (c Content) Root() Hash {
	return rootOf(c.Tree.Root(), c.patchRefs())
}

// At returns the rows as they are at an instant: the tree with all patches up
// to then, that one included.
func (c Content) At(instant time.Time) *Tree {
	tree := c.Tree
	for _, p := range c.Patches {
		if p.At.After(instant) {
			break
		}
		tree = tree.Edit(p.Rows)
	}
	return tree
}

// check reports, as an Internal error, how c breaks the rules for patches.
func (c Content) check() error {
	for i, p := range c.Patches {
		if i > 0 && !c.Patches[i-1].At.Before(p.At) {
			return ovenbird.Errorf(ovenbird.Internal, "the patch at %s does not come after the one at %s", p.At, c.Patches[i-1].At)
		}
		for j := 1; j < len(p.Rows); j++ {
			if p.Rows[j-1].Compare(p.Rows[j].Key) >= 0 {
				return ovenbird.Errorf(ovenbird.Internal, "the patch at %s has row %s out of order", p.At, p.Rows[j].Key)
			}
		}
	}
	return nil
}

// PatchRef names a stored patch.
type PatchRef struct {
	At     time.Time `json:"at"`
	Object Hash      `json:"object"`
}

func (c Content) patchRefs() []PatchRef {
	refs := make([]PatchRef, len(c.Patches))
	for i, p := range c.Patches {
		refs[i] = PatchRef{At: p.At.UTC(), Object: p.name(c.Tree.known)}
	}
	return refs
}

// name returns the hash of the patch as an object.
func (p Patch) name(known *partitions) Hash {
	if p.object == nil {
		return HashOf(p.encode(known))
	}
	if h := p.object.Load(); h != nil {
		return *h
	}
	h := HashOf(p.encode(known))
	p.object.Store(&h)
	return h
}

func (p Patch) encode(known *partitions) []byte {
	return encodeRows(tagPatch, tagEndingPatch, p.Rows, known)
}

func decodePatch(body []byte) ([]storedRow, error) {
	d := decoder{rest: body}
	rows := d.taggedRows(tagPatch, tagEndingPatch)
	return rows, d.end()
}

// rootOf hashes, in this order: the tag below, the tree's root, and for each
// patch the seconds since 1970 (8 bytes), the nanoseconds (4 bytes), both big
// endian, and the patch's hash.
func rootOf(tree Hash, patches []PatchRef) Hash {
	b := append([]byte("ovenbird release 1\n"), tree[:]...)
	for _, p := range patches {
		b = binary.BigEndian.AppendUint64(b, uint64(p.At.Unix()))
		b = binary.BigEndian.AppendUint32(b, uint32(p.At.Nanosecond()))
		b = append(b, p.Object[:]...)
	}
	return sha256.Sum256(b)
}
