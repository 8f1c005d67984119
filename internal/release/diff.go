package release

import (
	"context"
	"iter"
	"slices"
)

// Change is a row that differs between two trees. Old or New is without classes
// where the row is absent.
type Change struct {
	Key      Key
	Old, New Row
}

// Diff yields the rows that differ in next, passing over whatever subtrees are
// equal. The order is that of All.
func (t *Tree) Diff(next *Tree) iter.Seq[Change] {
	return func(yield func(Change) bool) {
		d := differ{yield: yield}
		// Nodes in memory open without fail, so the only end is the caller's.
		_, _ = d.diff(context.Background(), memoryBranch{t.root, t.known}, memoryBranch{next.root, next.known})
	}
}

// branch is a node of a tree, in memory or in the bucket.
type branch interface {
	name() Hash
	// open returns the rows of a leaf, or the children of an inner node, nil
	// where there are none.
	open(ctx context.Context) (rows []Row, children []branch, err error)
}

type memoryBranch struct {
	node  *node
	known *partitions
}

func (b memoryBranch) name() Hash { return b.node.name(b.known) }

func (b memoryBranch) open(context.Context) ([]Row, []branch, error) {
	if b.node.children == nil {
		return b.node.rows, nil, nil
	}
	children := make([]branch, fanOut)
	for i, child := range b.node.children {
		if child != nil {
			children[i] = memoryBranch{child, b.known}
		}
	}
	return nil, children, nil
}

// differ yields changes until it is told to stop.
type differ struct{ yield func(Change) bool }

// diff compares two branches at the same place, either of them nil where there
// is none. It reports whether to go on.
func (d differ) diff(ctx context.Context, a, b branch) (more bool, err error) {
	if a == nil && b == nil || a != nil && b != nil && a.name() == b.name() {
		return true, nil
	}
	oldRows, oldChildren, err := open(ctx, a)
	if err != nil {
		return false, err
	}
	newRows, newChildren, err := open(ctx, b)
	if err != nil {
		return false, err
	}
	if oldChildren != nil && newChildren != nil {
		for i := range fanOut {
			if more, err := d.diff(ctx, oldChildren[i], newChildren[i]); !more || err != nil {
				return false, err
			}
		}
		return true, nil
	}
	// A leaf on one side: what is below the other is gathered into one too.
	if oldRows, err = gather(ctx, oldRows, oldChildren); err != nil {
		return false, err
	}
	if newRows, err = gather(ctx, newRows, newChildren); err != nil {
		return false, err
	}
	return d.merge(oldRows, newRows), nil
}

// merge compares rows that are ordered by key.
func (d differ) merge(before, after []Row) (more bool) {
	for len(before) > 0 || len(after) > 0 {
		var c Change
		var order int
		switch {
		case len(before) == 0:
			order = 1
		case len(after) == 0:
			order = -1
		default:
			order = before[0].Compare(after[0].Key)
		}
		if order <= 0 {
			c.Key, c.Old, before = before[0].Key, before[0], before[1:]
		}
		if order >= 0 {
			c.Key, c.New, after = after[0].Key, after[0], after[1:]
		}
		c.Old.Key, c.New.Key = c.Key, c.Key
		if !slices.Equal(c.Old.Classes, c.New.Classes) && !d.yield(c) {
			return false
		}
	}
	return true
}

func open(ctx context.Context, b branch) ([]Row, []branch, error) {
	if b == nil {
		return nil, nil, nil
	}
	return b.open(ctx)
}

// gather returns rows and all rows below children, ordered by key.
func gather(ctx context.Context, rows []Row, children []branch) ([]Row, error) {
	if children == nil {
		return rows, nil
	}
	for _, child := range children {
		childRows, grandchildren, err := open(ctx, child)
		if err != nil {
			return nil, err
		}
		if childRows, err = gather(ctx, childRows, grandchildren); err != nil {
			return nil, err
		}
		rows = append(rows, childRows...)
	}
	slices.SortFunc(rows, func(a, b Row) int { return a.Compare(b.Key) })
	return rows, nil
}
