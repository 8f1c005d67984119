package release

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"ovenbird/internal/ovenbird"
)

// Changed is a row that is not what it was in the view before, at some instant.
type Changed struct {
	ID  KeyID
	Key Key // zero where the row has gone altogether
}

// View reads what an edge keeps of the release: all of it or, with the view of
// another release, what is not the same there. It returns the rows that differ
// from that view's. It makes sure that the packs are whole, that every row belongs
// to an edition of the manifest, and that every object it leads to is there.
func (r *Release) View(ctx context.Context, before *View) (*View, []Changed, error) {
	v := &View{reader: r.store, refs: r.manifest.Patches, shared: newSharedRows()}
	var old *viewNode
	held := make(map[Hash]*heldPack)
	if before != nil {
		v.shared, old = before.shared, before.tree
		for _, p := range before.packs {
			held[p.hash] = p
		}
	}
	if err := v.hold(ctx, r, held); err != nil {
		return nil, nil, fmt.Errorf("release %s: %w", r.ref.ID, err)
	}
	l := &viewLoader{View: v, release: r, editions: map[string]bool{"": true}}
	for _, e := range r.manifest.Editions {
		l.editions[e.Name] = true
	}
	if before != nil {
		l.keys = make(map[KeyID]Key)
	}
	if err := l.loadTree(ctx, old); err != nil {
		return nil, nil, err
	}
	if before != nil && slices.Equal(before.refs, v.refs) {
		v.later = before.later
	} else if err := l.loadPatches(); err != nil {
		return nil, nil, err
	}
	if before == nil {
		return v, nil, nil
	}
	return v, l.changes(before), nil
}

// hold opens the packs of a release that are not held yet, and checks them.
func (v *View) hold(ctx context.Context, r *Release, held map[Hash]*heldPack) error {
	hashes := append(slices.Clone(r.manifest.Packs), r.ref.Pack)
	v.packs = make([]*heldPack, len(hashes))
	places := make([]int, len(hashes))
	for i := range places {
		places[i] = i
	}
	return each(ctx, places, func(ctx context.Context, i int) (err error) {
		if v.packs[i] = held[hashes[i]]; v.packs[i] == nil {
			v.packs[i], err = r.store.hold(ctx, hashes[i])
		}
		return err
	})
}

// viewLoader reads the rows of a view. What it does for several objects at once is
// under mu.
type viewLoader struct {
	*View
	release  *Release
	editions map[string]bool

	mu   sync.Mutex
	next []viewPlace   // nodes to read
	keys map[KeyID]Key // of the rows that were read; nil where nobody wants to know
}

// viewPlace is a node to read, and where it goes.
type viewPlace struct {
	hash Hash
	to   **viewNode
	old  *viewNode // at the same place in the view before; nil where there is none
}

// loadTree reads the tree level by level.
func (l *viewLoader) loadTree(ctx context.Context, old *viewNode) error {
	l.want(viewPlace{l.release.manifest.Tree, &l.tree, old})
	for depth := 0; len(l.next) > 0; depth++ {
		if depth >= 2*len(KeyID{}) {
			return l.release.damaged("its tree is deeper than a key is long")
		}
		level := l.next
		l.next = nil
		hashes := make([]Hash, len(level))
		for i := range level {
			hashes[i] = level[i].hash
		}
		if err := l.readAll(ctx, hashes, func(i int, body []byte) error { return l.node(level[i], body) }); err != nil {
			return err
		}
	}
	return nil
}

// want notes a node to read, unless the view before has it.
func (l *viewLoader) want(p viewPlace) {
	if p.old != nil && p.old.hash == p.hash {
		*p.to = p.old
		return
	}
	l.next = append(l.next, p)
}

// node makes a node of what is stored of it.
func (l *viewLoader) node(p viewPlace, body []byte) error {
	stored, err := decodeNode(body)
	if err != nil {
		return l.release.damaged("tree node %s %v", p.hash, err)
	}
	n := &viewNode{hash: p.hash}
	*p.to = n
	if stored.children == nil {
		n.rows, err = l.rows(stored.rows)
		return err
	}
	n.children = new([fanOut]*viewNode)
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, child := range stored.children {
		if child.IsZero() {
			continue
		}
		var old *viewNode
		if p.old != nil && p.old.children != nil {
			old = p.old.children[i]
		}
		l.want(viewPlace{child, &n.children[i], old})
	}
	return nil
}

// rows returns stored rows as a view keeps them, ordered by their ids.
func (l *viewLoader) rows(stored []storedRow) ([]viewRow, error) {
	rows := make([]viewRow, len(stored))
	for i, s := range stored {
		version, err := l.version(s)
		if err != nil {
			return nil, err
		}
		rows[i] = viewRow{s.ID(), version}
		if l.keys != nil {
			l.mu.Lock()
			l.keys[rows[i].id] = s.Key
			l.mu.Unlock()
		}
	}
	slices.SortFunc(rows, func(a, b viewRow) int { return bytes.Compare(a.id[:], b.id[:]) })
	return rows, nil
}

// version returns what a stored row leads to, if that is as it should be.
func (l *viewLoader) version(s storedRow) (Version, error) {
	if len(s.objects) == 0 {
		return Version{Ends: s.ends}, nil
	}
	if !l.editions[s.Edition] {
		return Version{}, l.release.damaged("row %s belongs to an edition that the manifest does not list", s.Key)
	}
	if s.Edition == "" && len(s.objects) > 1 {
		return Version{}, l.release.damaged("row %s is for the whole site, but differs between countries", s.Key)
	}
	d, err := l.divisionOf(s.partition)
	if err != nil {
		return Version{}, err
	}
	if d.n != len(s.objects) {
		return Version{}, l.release.damaged("row %s does not match its partition %s", s.Key, s.partition)
	}
	classes, fresh := l.shared.classesOf(s.partition, d, s.objects)
	if fresh {
		if err := l.haveAll(s); err != nil {
			return Version{}, err
		}
	}
	return Version{Classes: classes, Ends: s.ends}, nil
}

// haveAll makes sure that the objects of a row are in some pack. They are mostly in
// the same one.
func (l *viewLoader) haveAll(s storedRow) error {
	pack := 0
	for _, h := range s.objects {
		in, _, ok := l.locate(pack, h)
		if !ok {
			return ovenbird.Errorf(ovenbird.NotFound, "row %s of release %s leads to object %s, which is in none of its packs",
				s.Key, l.release.ref.ID, h)
		}
		pack = in
	}
	return nil
}

// divisionOf returns what a partition says, read now or before.
func (l *viewLoader) divisionOf(partition Hash) (*division, error) {
	if d := l.shared.divisions.get(partition); d != nil {
		return d, nil
	}
	body, err := l.Object(partition)
	if err != nil {
		return nil, err
	}
	sets, err := decodePartition(body)
	if err != nil {
		return nil, l.release.damaged("partition %s: %v", partition, err)
	}
	d := &division{n: len(sets)}
	for class, set := range sets {
		d.all = d.all.Union(set)
		for country := range set.Indexes {
			d.of[country] = uint8(class + 1)
		}
	}
	return l.shared.divisions.put(partition, d), nil
}

// loadPatches reads all patches.
func (l *viewLoader) loadPatches() error {
	l.later = make(map[KeyID][]Version)
	for i, ref := range l.refs {
		if i > 0 && !l.refs[i-1].At.Before(ref.At) {
			return l.release.damaged("the patch at %s does not come after the one at %s", ref.At, l.refs[i-1].At)
		}
		body, err := l.Object(ref.Object)
		if err != nil {
			return err
		}
		stored, err := decodePatch(body)
		if err != nil {
			return l.release.damaged("patch %s %v", ref.Object, err)
		}
		for _, s := range stored {
			version, err := l.version(s)
			if err != nil {
				return err
			}
			version.From = ref.At.UnixNano()
			id := s.ID()
			l.later[id] = append(l.later[id], version)
			if l.keys != nil {
				l.keys[id] = s.Key
			}
		}
	}
	return nil
}

// changes returns the rows that are not what they were in the view before.
func (l *viewLoader) changes(before *View) []Changed {
	ids := make(map[KeyID]bool)
	differingNodes(before.tree, l.tree, func(id KeyID) { ids[id] = true })
	if !slices.Equal(before.refs, l.refs) {
		for id, versions := range before.later {
			if !slices.Equal(versions, l.later[id]) {
				ids[id] = true
			}
		}
		for id := range l.later {
			if before.later[id] == nil {
				ids[id] = true
			}
		}
	}
	changes := make([]Changed, 0, len(ids))
	for id := range ids {
		changes = append(changes, Changed{id, l.keys[id]})
	}
	slices.SortFunc(changes, func(a, b Changed) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return changes
}

// located is an object to read, and which of those that were asked for it is.
type located struct {
	entry
	pack, i int
}

const (
	// Objects that lie closer than viewGap are read in one go, with what is between.
	viewGap = 8 << 10
	// viewSpan bounds how much is read in one go: what one processor does at a time.
	viewSpan = 1 << 20
)

// readAll reads objects in the order in which they lie, on all processors, and
// hands them to yield with their places among those that were asked for.
func (l *viewLoader) readAll(ctx context.Context, want []Hash, yield func(i int, body []byte) error) error {
	all := make([]located, len(want))
	pack := 0
	for i, h := range want {
		in, e, ok := l.locate(pack, h)
		if !ok {
			return ovenbird.Errorf(ovenbird.NotFound, "object %s is in none of the packs of release %s", h, l.release.ref.ID)
		}
		pack = in
		all[i] = located{e, pack, i}
	}
	slices.SortFunc(all, func(a, b located) int { return cmp.Or(cmp.Compare(a.pack, b.pack), cmp.Compare(a.offset, b.offset)) })
	var runs [][]located
	for from := 0; from < len(all); {
		to := from + 1
		for to < len(all) && all[to].pack == all[from].pack && all[to].offset-all[to-1].end() <= viewGap &&
			all[to].end()-all[from].offset <= viewSpan {
			to++
		}
		runs = append(runs, all[from:to])
		from = to
	}
	return parallel(ctx, len(runs), func(i int) error { return l.readRun(runs[i], yield) })
}

// readRun reads objects that lie beside each other.
func (l *viewLoader) readRun(run []located, yield func(i int, body []byte) error) error {
	p, start := l.packs[run[0].pack], run[0].offset
	buffer := make([]byte, run[len(run)-1].end()-start)
	if _, err := p.file.Load().ReadAt(buffer, start); err != nil {
		return ovenbird.Errorf(ovenbird.Internal, "pack %s is damaged: %w", p.hash, err)
	}
	for _, o := range run {
		body, err := l.reader.codec.decompress(o.entry, buffer[o.offset-start:o.end()-start])
		if err != nil {
			return ovenbird.Errorf(ovenbird.Internal, "pack %s is damaged: %w", p.hash, err)
		}
		if err := yield(o.i, body); err != nil {
			return err
		}
	}
	return nil
}

// parallel calls f for every i below n, on all processors, until one fails or
// the context ends.
func parallel(ctx context.Context, n int, f func(i int) error) error {
	var (
		next    atomic.Int64
		group   sync.WaitGroup
		once    sync.Once
		failure error
	)
	for range min(n, runtime.GOMAXPROCS(0)) {
		group.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				err := ctx.Err()
				if err == nil {
					err = f(i)
				}
				if err != nil {
					once.Do(func() { failure = err })
					next.Store(int64(n))
					return
				}
			}
		})
	}
	group.Wait()
	return failure
}
