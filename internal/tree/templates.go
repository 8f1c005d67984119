package tree

import (
	"context"
	"maps"

	"ovenbird/internal/release"
)

// templates says of objects which are templates of lists. One that is known not
// to be one has nil.
type templates map[release.Hash]*slotted

// slotted is a template with its slots, each once, as Template.Lists wants them.
type slotted struct {
	release.Template
	slots []string
}

// learn reads the objects that the given rows lead to, where they are not known.
func (t templates) learn(ctx context.Context, from *release.Release, rows []release.Row) error {
	var missing []release.Hash
	for _, row := range rows {
		for _, class := range row.Classes {
			if _, known := t[class.Object]; !known {
				missing = append(missing, class.Object)
			}
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return from.Objects(ctx, missing, func(h release.Hash, body []byte) error {
		if !release.IsTemplate(body) {
			t[h] = nil
			return nil
		}
		parsed, err := release.ParseTemplate(body)
		if err != nil {
			return err
		}
		t[h] = &slotted{parsed, parsed.Cards()}
		return nil
	})
}

// keep forgets what a view does not need, once that has become most of it.
func (t templates) keep(v *view) {
	if len(t) < 4*v.rows.Len() {
		return
	}
	needed := make(map[release.Hash]bool, len(t))
	for _, tree := range append([]*release.Tree{v.rows}, v.ahead...) {
		for row := range tree.All() {
			for _, class := range row.Classes {
				needed[class.Object] = true
			}
		}
	}
	maps.DeleteFunc(t, func(h release.Hash, _ *slotted) bool { return !needed[h] })
}
