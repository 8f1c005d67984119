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
		// Every branch is in memory, where opening can not fail.
		d := differ{yield: yield, open: func(b branch) ([]Row, []branch, error) {
			rows, children := b.(memoryBranch).read() //nolint:errcheck // nothing else is in these trees
			return rows, children, nil
		}}
		_, _ = d.diff(memoryBranch{t.root, t.known}, memoryBranch{next.root, next.known})
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
	rows, children := b.read()
	return rows, children, nil
}

func (b memoryBranch) read() ([]Row, []branch) {
	if b.node.children == nil {
		return b.node.rows, nil
	}
	children := make([]branch, fanOut)
	for i, child := range b.node.children {
		if child != nil {
			children[i] = memoryBranch{child, b.known}
		}
	}
	return nil, children
}

// differ yields changes until it is told to stop.
type differ struct {
	yield func(Change) bool
	open  func(branch) (rows []Row, children []branch, err error)
}

// diff compares two branches at the same place, either of them nil where there
// is none. It reports whether to go on.
func (d differ) diff(a, b branch) (more bool, err error) {
	if a == nil && b == nil || a != nil && b != nil && a.name() == b.name() {
		return true, nil
	}
	oldRows, oldChildren, err := d.openIfAny(a)
	if err != nil {
		return false, err
	}
	newRows, newChildren, err := d.openIfAny(b)
	if err != nil {
		return false, err
	}
	if oldChildren != nil && newChildren != nil {
		for i := range fanOut {
			if more, err := d.diff(oldChildren[i], newChildren[i]); !more || err != nil {
				return false, err
			}
		}
		return true, nil
	}
	// A leaf on one side: what is below the other is gathered into one too.
	if oldRows, err = d.gather(oldRows, oldChildren); err != nil {
		return false, err
	}
	if newRows, err = d.gather(newRows, newChildren); err != nil {
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
		if !c.Old.Equal(c.New) && !d.yield(c) {
			return false
		}
	}
	return true
}

func (d differ) openIfAny(b branch) ([]Row, []branch, error) {
	if b == nil {
		return nil, nil, nil
	}
	return d.open(b)
}

// gather returns rows and all rows below children, ordered by key.
func (d differ) gather(rows []Row, children []branch) ([]Row, error) {
	if children == nil {
		return rows, nil
	}
	for _, child := range children {
		childRows, grandchildren, err := d.openIfAny(child)
		if err != nil {
			return nil, err
		}
		if childRows, err = d.gather(childRows, grandchildren); err != nil {
			return nil, err
		}
		rows = append(rows, childRows...)
	}
	slices.SortFunc(rows, func(a, b Row) int { return a.Compare(b.Key) })
	return rows, nil
}
