package release

import (
	"context"
	"slices"

	"ovenbird/internal/ovenbird"
)

// Content returns the whole tree and the patches. The first call reads them in
// bulk, and they stay in memory for as long as r does.
func (r *Release) Content(ctx context.Context) (Content, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.content != nil {
		return *r.content, nil
	}
	if _, err := r.loadPacksLocked(ctx); err != nil {
		return Content{}, err
	}
	l := treeLoader{release: r, known: newPartitions()}
	if r.base != nil {
		l.known = r.base.known
	}
	content, err := l.load(ctx)
	if err != nil {
		return Content{}, err
	}
	r.content, r.base = &content, nil
	return content, nil
}

// treeLoader reads a release's tree level by level, each level in one pass over
// the packs, and takes the nodes that the base has too from there.
type treeLoader struct {
	release *Release // its packs are loaded
	known   *partitions

	pending []pendingNode
	leaves  []loadedLeaf
	inner   []*loadedInner // parents before children
}

// pendingNode is a node to read, and where it goes.
type pendingNode struct {
	hash  Hash
	place **node
	base  *node // at the same place in the base; nil where there is none
}

type loadedLeaf struct {
	rows  []storedRow
	hash  Hash
	place **node
}

type loadedInner struct {
	children [fanOut]*node
	hash     Hash
	place    **node
}

const maxDepth = 2 * len(Hash{})

func (l *treeLoader) load(ctx context.Context) (Content, error) {
	m := l.release.manifest
	tree := &Tree{known: l.known}
	var base *node
	if l.release.base != nil {
		base = l.release.base.root
	}
	l.want(m.Tree, &tree.root, base)
	for depth := 0; len(l.pending) > 0; depth++ {
		if depth > maxDepth {
			return Content{}, l.damaged("its tree is deeper than a hash is long")
		}
		if err := l.readLevel(ctx); err != nil {
			return Content{}, err
		}
	}
	patches, err := l.readPatches(ctx)
	if err != nil {
		return Content{}, err
	}
	if err := l.readPartitions(ctx, patches); err != nil {
		return Content{}, err
	}
	content := Content{Tree: tree}
	for i, rows := range patches {
		resolved, err := l.resolve(rows)
		if err != nil {
			return Content{}, err
		}
		content.Patches = append(content.Patches, NewPatch(m.Patches[i].At, resolved))
	}
	if err := content.check(); err != nil {
		return Content{}, l.damaged("%v", err)
	}
	return content, l.assemble()
}

// want asks for a node, unless the base has it.
func (l *treeLoader) want(h Hash, place **node, base *node) {
	if base != nil && base.name(l.known) == h {
		*place = base
		return
	}
	l.pending = append(l.pending, pendingNode{hash: h, place: place, base: base})
}

func (l *treeLoader) readLevel(ctx context.Context) error {
	level := make(map[Hash][]pendingNode, len(l.pending))
	hashes := make([]Hash, len(l.pending))
	for i, p := range l.pending {
		hashes[i] = p.hash
		level[p.hash] = append(level[p.hash], p)
	}
	l.pending = l.pending[:0:0]
	return l.read(ctx, hashes, func(h Hash, body []byte) error {
		stored, err := decodeNode(body)
		if err != nil {
			return l.damaged("tree node %s %v", h, err)
		}
		for _, p := range level[h] {
			l.take(stored, p)
		}
		return nil
	})
}

func (l *treeLoader) take(stored storedNode, p pendingNode) {
	if stored.children == nil {
		l.leaves = append(l.leaves, loadedLeaf{rows: stored.rows, hash: p.hash, place: p.place})
		return
	}
	inner := &loadedInner{hash: p.hash, place: p.place}
	l.inner = append(l.inner, inner)
	for i, child := range stored.children {
		if child.IsZero() {
			continue
		}
		var base *node
		if p.base != nil && p.base.children != nil {
			base = p.base.children[i]
		}
		l.want(child, &inner.children[i], base)
	}
}

func (l *treeLoader) readPatches(ctx context.Context) ([][]storedRow, error) {
	refs := l.release.manifest.Patches
	hashes := make([]Hash, len(refs))
	for i, ref := range refs {
		hashes[i] = ref.Object
	}
	decoded := make(map[Hash][]storedRow, len(refs))
	err := l.read(ctx, hashes, func(h Hash, body []byte) error {
		rows, err := decodePatch(body)
		if err != nil {
			return l.damaged("patch %s %v", h, err)
		}
		decoded[h] = rows
		return nil
	})
	patches := make([][]storedRow, len(refs))
	for i, h := range hashes {
		patches[i] = decoded[h]
	}
	return patches, err
}

// readPartitions makes sure that the partition of every row is known.
func (l *treeLoader) readPartitions(ctx context.Context, patches [][]storedRow) error {
	missing := make(map[Hash]struct{})
	look := func(rows []storedRow) {
		for _, r := range rows {
			if len(r.objects) > 0 && l.known.get(r.partition) == nil {
				missing[r.partition] = struct{}{}
			}
		}
	}
	for _, leaf := range l.leaves {
		look(leaf.rows)
	}
	for _, rows := range patches {
		look(rows)
	}
	hashes := make([]Hash, 0, len(missing))
	for h := range missing {
		hashes = append(hashes, h)
	}
	return l.read(ctx, hashes, func(h Hash, body []byte) error {
		if err := l.known.learn(h, body); err != nil {
			return l.damaged("%v", err)
		}
		return nil
	})
}

// assemble turns what was read into nodes, children before parents.
func (l *treeLoader) assemble() error {
	for _, leaf := range l.leaves {
		rows, err := l.resolve(leaf.rows)
		if err != nil {
			return err
		}
		if len(rows) > leafRows {
			return l.damaged("tree node %s holds too many rows for a leaf", leaf.hash)
		}
		n := newLeaf(rows)
		h := leaf.hash // so that the node does not keep all of leaf in memory
		n.hash.Store(&h)
		*leaf.place = n
	}
	for _, inner := range slices.Backward(l.inner) {
		n := newInner(&inner.children)
		if n.children == nil {
			return l.damaged("tree node %s holds so few rows that it should be a leaf", inner.hash)
		}
		n.hash.Store(&inner.hash)
		*inner.place = n
	}
	return nil
}

func (l *treeLoader) resolve(stored []storedRow) ([]Row, error) {
	rows := make([]Row, len(stored))
	for i, s := range stored {
		row, err := s.resolve(l.known)
		if err != nil {
			return nil, l.damaged("%v", err)
		}
		rows[i] = row
	}
	return rows, nil
}

// read is Release.Objects for one who holds the lock.
func (l *treeLoader) read(ctx context.Context, want []Hash, yield func(Hash, []byte) error) error {
	return l.release.readObjects(ctx, l.release.packs, want, yield)
}

func (l *treeLoader) damaged(format string, args ...any) error {
	return l.release.damaged(format, args...)
}

func (r *Release) damaged(format string, args ...any) error {
	return ovenbird.Errorf(ovenbird.Internal, "release %s is damaged: "+format, append([]any{r.ref.ID}, args...)...)
}
