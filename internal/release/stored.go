package release

import (
	"context"
	"iter"
)

// Diff yields the rows that differ between the trees of two releases, reading
// only the nodes that differ. Patches are not compared. After an error it ends.
func Diff(ctx context.Context, from, to *Release) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		d := differ{
			yield: func(c Change) bool { return yield(c, nil) },
			open:  func(b branch) ([]Row, []branch, error) { return b.open(ctx) },
		}
		if _, err := d.diff(from.tree(), to.tree()); err != nil {
			yield(Change{}, err)
		}
	}
}

// tree returns the root of the release's tree, in memory if it is there.
func (r *Release) tree() branch {
	if content := r.inMemory(); content != nil {
		return memoryBranch{content.Tree.root, content.Tree.known}
	}
	return &storedBranch{release: r, known: newPartitions(), hash: r.manifest.Tree}
}

// inMemory returns the content of the release if it is in memory, else nil. There
// may be no release.
func (r *Release) inMemory() *Content {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.content
}

// storedBranch is a node that is read from the bucket when it is opened.
type storedBranch struct {
	release *Release
	known   *partitions // of all branches of one walk
	hash    Hash
}

func (b *storedBranch) name() Hash { return b.hash }

func (b *storedBranch) open(ctx context.Context) ([]Row, []branch, error) {
	body, err := b.release.Object(ctx, b.hash)
	if err != nil {
		return nil, nil, err
	}
	stored, err := decodeNode(body)
	if err != nil {
		return nil, nil, b.release.damaged("tree node %s %v", b.hash, err)
	}
	if stored.children != nil {
		children := make([]branch, fanOut)
		for i, h := range stored.children {
			if !h.IsZero() {
				children[i] = &storedBranch{release: b.release, known: b.known, hash: h}
			}
		}
		return nil, children, nil
	}
	rows := make([]Row, len(stored.rows))
	for i, s := range stored.rows {
		if rows[i], err = b.resolve(ctx, s); err != nil {
			return nil, nil, err
		}
	}
	return rows, nil, nil
}

func (b *storedBranch) resolve(ctx context.Context, s storedRow) (Row, error) {
	if len(s.objects) > 0 && b.known.get(s.partition) == nil {
		body, err := b.release.Object(ctx, s.partition)
		if err != nil {
			return Row{}, err
		}
		if err := b.known.learn(s.partition, body); err != nil {
			return Row{}, b.release.damaged("%v", err)
		}
	}
	row, err := s.resolve(b.known)
	if err != nil {
		return Row{}, b.release.damaged("%v", err)
	}
	return row, nil
}
