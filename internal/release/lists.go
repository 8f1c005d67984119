package release

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
)

// Lists knows which cards stand in the lists of a release. The zero value knows
// of no release. It is for one goroutine at a time.
//
// Only templates say what stands in a list, so the first release is read
// whole, and of the next ones the rows that differ.
type Lists struct {
	content *Content
	slots   map[Key][]string  // by list: the paths of all its cards, at whatever instant
	names   map[string]string // of slots, so that each is in memory once
}

// Follow brings l up to date with a release. If it fails, nothing happened.
func (l *Lists) Follow(ctx context.Context, r *Release) error {
	content, err := r.Content(ctx)
	if err != nil {
		return err
	}
	if l.slots == nil {
		l.slots, l.names = make(map[Key][]string), make(map[string]string)
	}
	documents := l.touched(content)
	slots, err := l.read(ctx, r, content, documents)
	if err != nil {
		return fmt.Errorf("reading what stands in lists: %w", err)
	}
	for key := range documents {
		delete(l.slots, key)
	}
	maps.Copy(l.slots, slots)
	l.content = &content
	return nil
}

// touched returns the keys of the documents whose slots may not be those that l has.
func (l *Lists) touched(next Content) map[Key]bool {
	keys := make(map[Key]bool)
	patches := next.Patches
	if l.content == nil {
		for row := range next.Tree.All() {
			keys[row.Key] = true
		}
	} else {
		for change := range l.content.Tree.Diff(next.Tree) {
			keys[change.Key] = true
		}
		patches = slices.Concat(patches, l.content.Patches)
	}
	for _, p := range patches {
		for _, row := range p.Rows {
			keys[row.Key] = true
		}
	}
	maps.DeleteFunc(keys, func(k Key, _ bool) bool { return k.IsCard() })
	return keys
}

// read returns the slots of those documents that are lists.
func (l *Lists) read(ctx context.Context, r *Release, content Content, documents map[Key]bool) (map[Key][]string, error) {
	holders := make(map[Hash][]Key)
	look := func(row Row) {
		for _, class := range row.Classes {
			holders[class.Object] = append(holders[class.Object], row.Key)
		}
	}
	for key := range documents {
		row, _ := content.Tree.Get(key)
		look(row)
	}
	for _, p := range content.Patches {
		for _, row := range p.Rows {
			if documents[row.Key] {
				look(row)
			}
		}
	}
	slots := make(map[Key][]string)
	err := r.Objects(ctx, slices.Collect(maps.Keys(holders)), func(h Hash, body []byte) error {
		if !IsTemplate(body) {
			return nil
		}
		t, err := ParseTemplate(body)
		if err != nil {
			return r.damaged("object %s: %v", h, err)
		}
		l.intern(t.Slots)
		for _, key := range holders[h] {
			slots[key] = append(slots[key], t.Slots...)
		}
		return nil
	})
	for key, all := range slots {
		slices.Sort(all)
		slots[key] = slices.Clip(slices.Compact(all))
	}
	return slots, err
}

// intern replaces each string by the one that is kept of it.
func (l *Lists) intern(slots []string) {
	for i, s := range slots {
		kept, ok := l.names[s]
		if !ok {
			kept = strings.Clone(s)
			l.names[kept] = kept
		}
		slots[i] = kept
	}
}

// holding yields the lists in which any of the cards stands.
func (l *Lists) holding(cards map[Key]bool) iter.Seq[Key] {
	return func(yield func(Key) bool) {
		for list, slots := range l.slots {
			if slices.ContainsFunc(slots, func(s string) bool { return cards[Key{list.Edition, s}] }) && !yield(list) {
				return
			}
		}
	}
}
