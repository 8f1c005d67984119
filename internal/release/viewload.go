package release

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

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
// to an edition of the manifest, and that every object that a row leads to and did
// not lead to before is there. (Of the first view only an Object that is asked for is
// looked up: the packs are as they were written, and to look up all takes as long as
// all else.)
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
	l := &viewLoader{View: v, release: r, editions: map[string]bool{"": true}, known: make(map[Hash]*division)}
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

	mu    sync.Mutex
	next  []viewPlace        // nodes to read
	known map[Hash]*division // by the hashes of their partitions
	keys  map[KeyID]Key      // of the rows that were read; nil where nobody wants to know
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
		if err := l.readAll(ctx, hashes, func(found []object) error { return l.nodes(level, found) }); err != nil {
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

// nodes makes nodes of what is stored of them.
func (l *viewLoader) nodes(level []viewPlace, found []object) error {
	all := make([]storedNode, len(found))
	var rows []storedRow
	for i, o := range found {
		stored, err := decodeNode(o.body)
		if err != nil {
			return l.release.damaged("tree node %s %v", o.hash, err)
		}
		all[i] = stored
		rows = append(rows, stored.rows...)
	}
	divisions, err := l.divisions(rows)
	if err != nil {
		return err
	}
	for i, o := range found {
		own := len(all[i].rows)
		if err := l.node(level[o.i], all[i], divisions[:own]); err != nil {
			return err
		}
		divisions = divisions[own:]
	}
	return nil
}

// node makes a node, and notes which ones below it to read.
func (l *viewLoader) node(p viewPlace, stored storedNode, divisions []*division) (err error) {
	n := &viewNode{hash: p.hash}
	*p.to = n
	if stored.children == nil {
		n.rows, err = l.rows(stored.rows, divisions)
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

// divisions returns what the partitions of rows say, read now or before; nil for a
// row without classes.
func (l *viewLoader) divisions(rows []storedRow) ([]*division, error) {
	found := make([]*division, len(rows))
	missing := make(map[Hash]*division)
	l.mu.Lock()
	for i, r := range rows {
		if len(r.objects) == 0 {
			continue
		}
		if found[i] = l.known[r.partition]; found[i] == nil {
			missing[r.partition] = nil
		}
	}
	l.mu.Unlock()
	if err := l.learn(missing); err != nil {
		return nil, err
	}
	for i, r := range rows {
		if found[i] == nil {
			found[i] = missing[r.partition]
		}
	}
	return found, nil
}

// learn finds divisions that were not met in this release yet: those of other views,
// and in the packs.
func (l *viewLoader) learn(missing map[Hash]*division) error {
	var unknown []Hash
	for h := range missing {
		if missing[h] = l.shared.divisions.get(h); missing[h] == nil {
			unknown = append(unknown, h)
		}
	}
	runs, err := l.plan(unknown)
	if err != nil {
		return err
	}
	var buffer []byte
	for _, run := range runs {
		found, err := l.readRun(run, &buffer)
		if err != nil {
			return err
		}
		for _, o := range found {
			sets, err := decodePartition(o.body)
			if err != nil {
				return ovenbird.Errorf(ovenbird.Internal, "partition %s: %w", o.hash, err)
			}
			missing[o.hash] = l.shared.divisions.put(o.hash, newDivision(sets))
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.Copy(l.known, missing)
	return nil
}

func newDivision(sets []ovenbird.CountrySet) *division {
	d := &division{n: len(sets)}
	for class, set := range sets {
		d.all = d.all.Union(set)
		for country := range set.Indexes {
			d.of[country] = uint8(class + 1)
		}
	}
	return d
}

// rows returns stored rows as a view keeps them, ordered by their ids.
func (l *viewLoader) rows(stored []storedRow, divisions []*division) ([]viewRow, error) {
	rows := make([]viewRow, len(stored))
	for i, s := range stored {
		version, err := l.version(s, divisions[i])
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
func (l *viewLoader) version(s storedRow, d *division) (Version, error) {
	if len(s.objects) == 0 {
		return Version{Ends: s.ends}, nil
	}
	if !l.editions[s.Edition] {
		return Version{}, l.release.damaged("row %s belongs to an edition that the manifest does not list", s.Key)
	}
	if s.Edition == "" && s.objects.len() > 1 {
		return Version{}, l.release.damaged("row %s is for the whole site, but differs between countries", s.Key)
	}
	if d.n != s.objects.len() {
		return Version{}, l.release.damaged("row %s does not match its partition %s", s.Key, s.partition)
	}
	classes, fresh := l.shared.classesOf(s.partition, d, s.objects)
	if fresh && l.keys != nil {
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
	for _, h := range s.objects.all() {
		in, _, ok := l.locate(pack, h)
		if !ok {
			return ovenbird.Errorf(ovenbird.NotFound, "row %s of release %s leads to object %s, which is in none of its packs",
				s.Key, l.release.ref.ID, h)
		}
		pack = in
	}
	return nil
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
		divisions, err := l.divisions(stored)
		if err != nil {
			return err
		}
		for i, s := range stored {
			version, err := l.version(s, divisions[i])
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
