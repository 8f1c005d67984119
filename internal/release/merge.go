package release

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// Packs are put together in two ways. When there are too many small ones, the
// smallest are copied into the new pack, garbage and all: that costs
// what they have in bytes, which has a limit, and no look at the content. A sweep
// finds out what the content needs and leaves the rest behind: that costs a walk
// over the whole content, so whoever writes says when there is time for it.

// smallShare is the share of Config.PackSize below which a pack is small.
const smallShare = 4

// small reports whether a pack is one of those that are merged.
func (s *Store) small(p *pack) bool {
	return p.size-int64(len(p.manifest)) < int64(s.config.PackSize/smallShare)
}

// Sweep has Commit look for garbage, if there may be much, and leave it behind.
// That takes time in proportion to the whole release.
func (w *Writer) Sweep() { w.sweeps = true }

// growth is by how much a release may have grown since the last sweep, as a share
// of what it had then, before there may be enough garbage for another.
const growth = 0.5

// settle returns the packs of the parent that the new release goes on using.
// swept is how many bytes the release had after the last sweep, 0 if that was now.
func (w *Writer) settle(ctx context.Context, content Content) (kept []*pack, swept int64, err error) {
	if w.parent != nil {
		swept = w.parent.manifest.Counts.Swept
	}
	var total int64
	for _, p := range w.before {
		total += p.size
	}
	if w.sweeps && float64(total) > (1+growth)*float64(swept) {
		swept = 0
		kept, err = w.sweep(ctx, content)
	} else {
		kept, err = w.merge(ctx)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("merging packs: %w", err)
	}
	return kept, swept, nil
}

// merge copies the smallest packs into the new one where there would be more than
// Config.MaxPacks small ones: so many that it is not small itself, if there are.
func (w *Writer) merge(ctx context.Context) ([]*pack, error) {
	var small, kept []*pack
	for _, p := range w.before {
		if w.store.small(p) {
			small = append(small, p)
		} else {
			kept = append(kept, p)
		}
	}
	if len(small) < w.store.config.MaxPacks {
		return w.before, nil
	}
	slices.SortStableFunc(small, func(a, b *pack) int { return cmp.Compare(a.size, b.size) })
	copied := make(map[Hash]struct{})
	for len(small) > 0 && w.current.size() < w.store.config.PackSize/smallShare {
		if err := w.copyObjects(ctx, small[0], small[0].entries, copied); err != nil {
			return nil, err
		}
		small = small[1:]
	}
	return append(kept, small...), nil
}

// sweep copies what the content needs of packs that are small, or mostly garbage,
// and returns the others.
func (w *Writer) sweep(ctx context.Context, content Content) ([]*pack, error) {
	var kept []*pack
	copied := make(map[Hash]struct{})
	for _, f := range w.liveFrames(content) {
		if !w.store.small(f.pack) && 2*rawBytes(f.entries) >= rawBytes(f.pack.entries) {
			kept = append(kept, f.pack)
		} else if err := w.copyObjects(ctx, f.pack, f.entries, copied); err != nil {
			return nil, err
		}
	}
	return kept, nil
}

// copyObjects copies objects of a pack of the parent, but for those that were copied
// already.
func (w *Writer) copyObjects(ctx context.Context, p *pack, entries []entry, copied map[Hash]struct{}) error {
	fresh := make([]entry, 0, len(entries))
	for _, e := range entries {
		if _, ok := copied[e.hash]; !ok {
			copied[e.hash] = struct{}{}
			fresh = append(fresh, e)
		}
	}
	return w.store.readFrames(ctx, p, fresh, func(e entry, body []byte) error { return w.put(ctx, e.hash, body, e.coding == codingRaw) })
}

// rawBytes returns how many bytes objects have.
func rawBytes(objects []entry) int64 {
	var sum int64
	for _, e := range objects {
		sum += int64(e.raw)
	}
	return sum
}

// liveFrames returns, for each pack of the parent, the objects that the content
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
	return yield(known.of(r).hash)
}
