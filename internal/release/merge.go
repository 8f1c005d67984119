package release

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// merge returns the packs of the parent that the new release goes on using.
// When there would be too many, the live frames of the small ones, and of those
// that are mostly garbage, are copied as they are into the new pack, so that
// half of the allowed number is free again.
func (w *Writer) merge(ctx context.Context, content Content) ([]*pack, error) {
	limit := w.store.config.MaxPacks
	if len(w.before)+len(w.written)+1 <= limit {
		return slices.Clone(w.before), nil
	}
	live := w.liveFrames(content)
	slices.SortStableFunc(live, func(a, b frames) int { return cmp.Compare(b.bytes(), a.bytes()) })
	room := max(0, limit/2-len(w.written)-1)
	var kept []*pack
	for _, f := range live {
		if len(kept) < room && 2*f.bytes() >= f.pack.size {
			kept = append(kept, f.pack)
			continue
		}
		err := w.store.readFrames(ctx, f.pack, f.entries, func(e entry, frame, _ []byte) error {
			return w.addFrame(ctx, e.hash, frame, e.raw, e.coding)
		})
		if err != nil {
			return nil, fmt.Errorf("merging packs: %w", err)
		}
	}
	return kept, nil
}

// bytes returns how many bytes of the pack the frames are.
func (f frames) bytes() int64 {
	var sum int64
	for _, e := range f.entries {
		sum += int64(e.stored)
	}
	return sum
}

// liveFrames returns, for each pack of the parent, the frames that the content
// needs.
func (w *Writer) liveFrames(content Content) []frames {
	live := make([]frames, len(w.before))
	for i, p := range w.before {
		live[i].pack = p
	}
	marked := make(map[Hash]struct{})
	for h := range content.reachable() {
		if _, ok := marked[h]; ok {
			continue
		}
		marked[h] = struct{}{}
		if i, e, ok := locate(w.before, h); ok {
			live[i].entries = append(live[i].entries, e)
		}
	}
	return live
}

// reachable yields every object that the content refers to, some more than once.
func (c Content) reachable() func(yield func(Hash) bool) {
	return func(yield func(Hash) bool) {
		known := c.Tree.known
		if !c.Tree.root.eachName(known, yield) {
			return
		}
		for row := range c.Tree.All() {
			if !row.eachObject(known, yield) {
				return
			}
		}
		for i, ref := range c.patchRefs() {
			if !yield(ref.Object) {
				return
			}
			for _, row := range c.Patches[i].Rows {
				if !row.eachObject(known, yield) {
					return
				}
			}
		}
	}
}

func (n *node) eachName(known *partitions, yield func(Hash) bool) bool {
	if !yield(n.name(known)) {
		return false
	}
	if n.children == nil {
		return true
	}
	for _, child := range n.children {
		if child != nil && !child.eachName(known, yield) {
			return false
		}
	}
	return true
}

func (r Row) eachObject(known *partitions, yield func(Hash) bool) bool {
	if len(r.Classes) == 0 {
		return true
	}
	for _, c := range r.Classes {
		if !yield(c.Object) {
			return false
		}
	}
	return yield(known.of(r.Classes).hash)
}
