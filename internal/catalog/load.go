package catalog

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"strconv"

	"ovenbird/internal/ovenbird"
)

// needs are the ids that a batch refers to.
type needs struct {
	titles      set[ovenbird.TitleID] // written
	places      set[ovenbird.TitleID] // only referred to
	deleted     set[ovenbird.TitleID]
	licenses    set[ovenbird.LicenseID]
	collections set[ovenbird.CollectionID]
	whole       set[ovenbird.CollectionID] // those whose items are read or written as a list
	items       map[ovenbird.CollectionID]set[ovenbird.TitleID]
}

func needsOf(records []Record) *needs {
	n := &needs{
		titles: make(set[ovenbird.TitleID]), places: make(set[ovenbird.TitleID]), deleted: make(set[ovenbird.TitleID]),
		licenses: make(set[ovenbird.LicenseID]), collections: make(set[ovenbird.CollectionID]),
		whole: make(set[ovenbird.CollectionID]), items: make(map[ovenbird.CollectionID]set[ovenbird.TitleID]),
	}
	for i := range records {
		n.add(&records[i])
	}
	dropBad(n.titles)
	dropBad(n.places)
	dropBad(n.deleted)
	dropBad(n.licenses)
	dropBad(n.collections)
	dropBad(n.whole)
	for _, titles := range n.items {
		dropBad(titles)
	}
	return n
}

// dropBad takes out what can not be an id: nothing has it, the record will be
// refused, and PostgreSQL refuses to be asked for a NUL character.
func dropBad[K ~string](ids set[K]) {
	maps.DeleteFunc(ids, func(id K, _ struct{}) bool { return ovenbird.CheckID(string(id)) != nil })
}

func (n *needs) add(r *Record) {
	switch r.Type {
	case TypeTitle:
		id := ovenbird.TitleID(r.ID)
		n.titles[id] = struct{}{}
		if r.Op == Delete {
			n.deleted[id] = struct{}{}
		}
		if r.Title != nil && r.Title.Parent != "" {
			n.places[ovenbird.TitleID(r.Title.Parent)] = struct{}{}
		}
		n.addPatched(r, "parent")
	case TypeLicense:
		n.licenses[ovenbird.LicenseID(r.ID)] = struct{}{}
		if r.License != nil {
			n.places[ovenbird.TitleID(r.License.Title)] = struct{}{}
		}
		n.addPatched(r, "title")
	case TypeCollection:
		id := ovenbird.CollectionID(r.ID)
		n.collections[id] = struct{}{}
		if r.Op != Put || !r.Expect.zero() || r.Collection != nil && r.Collection.Items != nil {
			n.whole[id] = struct{}{}
		}
	case TypeItem:
		if r.Item != nil {
			id := ovenbird.CollectionID(r.Item.Collection)
			n.collections[id] = struct{}{}
			link(n.items, id, ovenbird.TitleID(r.Item.Title))
		}
	}
}

// addPatched adds the title that a merge patch refers to under name.
func (n *needs) addPatched(r *Record, name string) {
	if r.Op != Merge {
		return
	}
	members, err := object(r.Patch)
	if id, ok := members[name].(string); ok && err == nil {
		n.places[ovenbird.TitleID(id)] = struct{}{}
	}
}

// load reads what a batch needs, in a number of queries that does not grow with
// the number of records but for the chunks that ids come in.
func load(ctx context.Context, tx *sql.Tx, n *needs) (*state, error) {
	l := &loader{reader: newReader(tx), state: newState(), needs: n}
	steps := []func(context.Context) error{l.titles, l.tombstones, l.licenses, l.places, l.deleted, l.collections}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return l.state, nil
}

type loader struct {
	*reader
	state *state
	needs *needs
}

func (l *loader) titles(ctx context.Context) error {
	err := l.reader.titles(ctx, l.state.titles, in("id", keys(l.needs.titles))...)
	for _, t := range l.state.titles {
		l.state.place[t.ID] = place{t.Kind, t.Parent}
	}
	return err
}

func (l *loader) tombstones(ctx context.Context) error {
	for _, w := range in("id", keys(l.needs.titles)) {
		err := l.each(ctx, `SELECT id, kind FROM title_tombstones`, w, func(rows *sql.Rows) error {
			var id, kind string
			err := rows.Scan(&id, &kind)
			l.state.tombstones[ovenbird.TitleID(id)] = ovenbird.Kind(kind)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *loader) licenses(ctx context.Context) error {
	return l.reader.licenses(ctx, l.state.setLicense, in("id", keys(l.needs.licenses))...)
}

// places reads where the titles hang that the batch refers to, and all above them.
func (l *loader) places(ctx context.Context) error {
	next := l.needs.places
	for _, t := range l.state.titles {
		if t.Parent != "" {
			next[t.Parent] = struct{}{}
		}
	}
	for _, license := range l.state.licenses {
		next[license.Title] = struct{}{} // a merge patch may leave it as it is
	}
	asked := make(set[ovenbird.TitleID])
	for len(next) > 0 {
		maps.DeleteFunc(next, func(id ovenbird.TitleID, _ struct{}) bool {
			_, known := l.state.place[id]
			_, before := asked[id]
			return known || before
		})
		maps.Copy(asked, next)
		above := make(set[ovenbird.TitleID])
		err := l.readPlaces(ctx, in("id", keys(next)), func(id ovenbird.TitleID, p place) {
			l.state.place[id] = p
			if p.parent != "" {
				above[p.parent] = struct{}{}
			}
		})
		if err != nil {
			return err
		}
		next = above
	}
	return nil
}

func (l *loader) readPlaces(ctx context.Context, ids []where, out func(ovenbird.TitleID, place)) error {
	for _, w := range ids {
		err := l.each(ctx, `SELECT id, kind, parent FROM titles`, w, func(rows *sql.Rows) error {
			var id, kind string
			var parent sql.NullString
			err := rows.Scan(&id, &kind, &parent)
			out(ovenbird.TitleID(id), place{ovenbird.Kind(kind), ovenbird.TitleID(parent.String)})
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// deleted reads what hangs on the titles that the batch deletes.
func (l *loader) deleted(ctx context.Context) error {
	ids := keys(l.needs.deleted)
	err := l.readPlaces(ctx, in("parent", ids), func(id ovenbird.TitleID, p place) {
		l.state.place[id] = p
		link(l.state.children, p.parent, id)
	})
	if err != nil {
		return err
	}
	for _, w := range in("title", ids) {
		err := l.each(ctx, `SELECT title, id FROM licenses`, w, func(rows *sql.Rows) error {
			var title, id string
			err := rows.Scan(&title, &id)
			link(l.state.licensed, ovenbird.TitleID(title), ovenbird.LicenseID(id))
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *loader) collections(ctx context.Context) error {
	err := l.reader.collections(ctx, l.state.collections, in("id", keys(l.needs.collections))...)
	if err != nil {
		return err
	}
	if err := l.items(ctx, l.state.setItem, in("collection", keys(l.needs.whole))...); err != nil {
		return err
	}
	for _, id := range keys(l.needs.collections) {
		if _, whole := l.needs.whole[id]; whole {
			continue
		}
		// The id is one that CheckID may not have seen yet: it goes in as an argument.
		some := in("title", keys(l.needs.items[id]))
		for i := range some {
			some[i].args = append(some[i].args, string(id))
			some[i].text += " AND collection = $" + strconv.Itoa(len(some[i].args))
		}
		if err := l.items(ctx, l.state.setItem, some...); err != nil {
			return err
		}
	}
	return nil
}

// keys returns the elements of s in order, so that equal batches run equal queries.
func keys[K ~string](s set[K]) []K { return slices.Sorted(maps.Keys(s)) }
