package release

import (
	"context"
	"slices"

	"ovenbird/internal/ovenbird"
)

// addContent adds the nodes, partitions and patches that the parent does not
// have, and makes sure that the objects they refer to are there. What stands at
// the same place in the parent was checked when that was made. That the parent's
// packs hold a node is not enough: it may be a leftover of an older release,
// whose objects are gone.
func (w *Writer) addContent(ctx context.Context, content Content) error {
	var base branch
	var basePatches []PatchRef
	if w.parent != nil {
		base = w.parent.tree()
		basePatches = w.parent.manifest.Patches
	}
	if err := w.addNode(ctx, content.Tree.root, content.Tree.known, base); err != nil {
		return err
	}
	for _, p := range content.Patches {
		if err := w.addPatch(ctx, p, content.Tree.known, basePatches); err != nil {
			return err
		}
	}
	return nil
}

// addPatch adds a patch that is not one of the parent's.
func (w *Writer) addPatch(ctx context.Context, p Patch, known *partitions, base []PatchRef) error {
	name := p.name(known)
	if slices.ContainsFunc(base, func(ref PatchRef) bool { return ref.Object == name }) {
		return nil
	}
	var rows []Row // of the parent's for the same instant, if they are in memory
	if content := w.parent.inMemory(); content != nil {
		if i := slices.IndexFunc(content.Patches, func(b Patch) bool { return b.At.Equal(p.At) }); i >= 0 {
			rows = content.Patches[i].Rows
		}
	}
	if err := w.addRows(ctx, without(p.Rows, rows), known); err != nil {
		return err
	}
	_, err := w.Add(ctx, p.encode(known))
	return err
}

// addNode adds what lies below n and then n itself. base is the node at the
// same place in the parent, or nil.
func (w *Writer) addNode(ctx context.Context, n *node, known *partitions, base branch) error {
	if base != nil && base.name() == n.name(known) {
		return nil
	}
	var rows []Row // of the parent, where it has a leaf
	var children []branch
	if base != nil {
		var err error
		if rows, children, err = base.open(ctx); err != nil {
			return err
		}
	}
	// A leaf has no children and an inner node no rows.
	if err := w.addRows(ctx, without(n.rows, rows), known); err != nil {
		return err
	}
	if err := w.addChildren(ctx, n, known, children); err != nil {
		return err
	}
	h, body := n.object(known)
	if w.has(h) {
		return nil
	}
	return w.put(ctx, h, body, n.dense(len(body)))
}

// manyRows is from how many rows below a node on its children are added at once.
const manyRows = 10_000

// addChildren adds the children of an inner node and what lies below them.
func (w *Writer) addChildren(ctx context.Context, n *node, known *partitions, base []branch) error {
	if n.children == nil {
		return nil
	}
	add := func(i int) error {
		if n.children[i] == nil {
			return nil
		}
		var below branch
		if base != nil {
			below = base[i]
		}
		return w.addNode(ctx, n.children[i], known, below)
	}
	if n.count >= manyRows {
		return parallel(ctx, fanOut, add)
	}
	for i := range fanOut {
		if err := add(i); err != nil {
			return err
		}
	}
	return nil
}

// without returns the rows that are not among others like that. Both are ordered.
func without(rows, others []Row) []Row {
	if len(others) == 0 {
		return rows
	}
	var rest []Row
	for _, r := range rows {
		i, found := slices.BinarySearchFunc(others, r.Key, func(o Row, k Key) int { return o.Compare(k) })
		if !found || !others[i].Equal(r) {
			rest = append(rest, r)
		}
	}
	return rest
}

// addRows adds the partitions of rows, and makes sure that their objects are there.
func (w *Writer) addRows(ctx context.Context, rows []Row, known *partitions) error {
	for _, r := range rows {
		if len(r.Classes) == 0 {
			continue
		}
		if missing, ok := w.missing(r.Classes); ok {
			return ovenbird.Errorf(ovenbird.Internal, "row %s leads to object %s, which was never added", r.Key, missing)
		}
		if _, err := w.Add(ctx, known.of(r).body); err != nil {
			return err
		}
	}
	return nil
}

// missing returns an object of classes that the release will not hold; ok is false
// where it will hold them all.
func (w *Writer) missing(classes []Class) (h Hash, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.checked[&classes[0]]; ok {
		return Hash{}, false
	}
	for _, c := range classes {
		if _, seen := w.seen[c.Object]; seen {
			continue
		}
		if _, _, there := locate(w.before, c.Object); !there {
			return c.Object, true
		}
	}
	w.checked[&classes[0]] = struct{}{}
	return Hash{}, false
}
