package release

import (
	"context"
	"fmt"
	"slices"

	"ovenbird/internal/ovenbird"
)

// Verify reads everything that the release refers to, and fails on the first
// thing that is not as it should be: an object that is missing or has another
// hash, a root that does not follow from the rows, a slot that leads to no card
// in some country, at any instant of the release.
func (r *Release) Verify(ctx context.Context) error {
	// A release of its own, so that nothing is taken from memory.
	fresh, err := r.store.Load(ctx, r.ref)
	if err != nil {
		return err
	}
	content, err := fresh.Content(ctx)
	if err != nil {
		return fmt.Errorf("verifying: %w", err)
	}
	v := verifier{release: fresh, slots: make(map[Hash][]string)}
	if err := v.readAll(ctx, content); err != nil {
		return fmt.Errorf("verifying: %w", err)
	}
	return v.checkContent(content)
}

type verifier struct {
	release *Release
	slots   map[Hash][]string // of each template
}

// readAll reads every object that the content refers to and remembers the
// slots of templates.
func (v *verifier) readAll(ctx context.Context, content Content) error {
	var all []Hash
	marked := make(map[Hash]struct{})
	for h := range content.reachable() {
		if _, ok := marked[h]; !ok {
			marked[h] = struct{}{}
			all = append(all, h)
		}
	}
	return v.release.Objects(ctx, all, func(h Hash, body []byte) error {
		if !IsTemplate(body) {
			return nil
		}
		t, err := ParseTemplate(body)
		if err != nil {
			return v.release.damaged("object %s: %v", h, err)
		}
		v.slots[h] = t.Slots
		return nil
	})
}

func (v *verifier) checkContent(content Content) error {
	var rows []Row
	for row := range content.Tree.All() {
		rows = append(rows, row)
	}
	// Built anew, because a row at the wrong place would never be found.
	if root := NewTree(rows).Root(); root != v.release.manifest.Tree {
		return v.release.damaged("its rows make the tree %s, not %s", root, v.release.manifest.Tree)
	}
	if err := v.checkSlots(content.Tree); err != nil {
		return err
	}
	for _, p := range content.Patches {
		content.Tree = content.Tree.Edit(slices.Clone(p.Rows))
		if err := v.checkSlots(content.Tree); err != nil {
			return fmt.Errorf("from %s on: %w", p.At, err)
		}
	}
	return nil
}

// checkSlots makes sure that every slot leads to a card wherever its list is shown.
func (v *verifier) checkSlots(tree *Tree) error {
	cards := make(map[Key]ovenbird.CountrySet) // countries of those looked up so far
	for row := range tree.All() {
		for _, class := range row.Classes {
			for _, slot := range v.slots[class.Object] {
				key := Key{Edition: row.Edition, Path: slot}
				countries, ok := cards[key]
				if !ok {
					card, _ := tree.Get(key)
					countries = card.Countries()
					cards[key] = countries
				}
				if without := class.Countries.Minus(countries); !without.Empty() {
					return v.release.damaged("list %s has slot %s, which leads to no card in %s", row.Key, key, without)
				}
			}
		}
	}
	return nil
}
