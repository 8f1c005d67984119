package bake

import (
	"ovenbird/internal/facts"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
	"ovenbird/internal/shape"
)

// subject is what rows are made of together, and made again when it changes.
type subject struct {
	of shape.Key // ByTitle stands for the family of a title at the top
	id string    // of the title or collection, the prefix, or the template of an unkeyed document
}

// stage is where rows are made: an edition as of an instant.
type stage struct {
	view     *facts.View
	renderer *shape.Renderer
}

func newStage(view *facts.View) *stage { return &stage{view, shape.NewRenderer(view)} }

// kitchen makes the rows of kin. Any number of goroutines may use it, each with
// stages of its own.
type kitchen struct {
	plans   map[shape.Key][]*shape.Plan
	cards   []*shape.Card
	listed  map[ovenbird.TitleID]int // see sight
	objects objects
}

func newKitchen(plans []*shape.Plan, listed map[ovenbird.TitleID]int, sink objects) *kitchen {
	k := &kitchen{plans: make(map[shape.Key][]*shape.Plan), listed: listed, objects: sink}
	known := make(map[string]bool)
	for _, plan := range plans {
		key := plan.Template().Key()
		k.plans[key] = append(k.plans[key], plan)
		for _, card := range plan.Cards() {
			if !known[card.ID()] {
				known[card.ID()] = true
				k.cards = append(k.cards, card)
			}
		}
	}
	return k
}

// longestPrefix is how many characters the edition's longest search prefix has.
func (k *kitchen) longestPrefix() int { return longestPrefix(k.plans[shape.ByPrefix]) }

func longestPrefix(plans []*shape.Plan) int {
	longest := 0
	for _, plan := range plans {
		if plan.Template().Key() == shape.ByPrefix {
			longest = max(longest, plan.LongestPrefix())
		}
	}
	return longest
}

// all returns every subject of the edition.
func (k *kitchen) all(view *facts.View) []subject {
	var subjects []subject
	snapshot := view.Snapshot()
	for id := range snapshot.Titles {
		if snapshot.Root(id) == id {
			subjects = append(subjects, subject{shape.ByTitle, string(id)})
		}
	}
	for id := range snapshot.Collections {
		subjects = append(subjects, subject{shape.ByCollection, string(id)})
	}
	for _, plan := range k.plans[shape.Unkeyed] {
		subjects = append(subjects, subject{shape.Unkeyed, plan.Template().String()})
	}
	if longest := k.longestPrefix(); longest > 0 {
		for _, prefix := range view.Prefixes(longest) {
			subjects = append(subjects, subject{shape.ByPrefix, prefix})
		}
	}
	return subjects
}

// rows makes the rows of a subject, which name no edition. A subject that is no more has none.
func (k *kitchen) rows(s subject, on *stage) ([]release.Row, error) {
	switch s.of {
	case shape.ByTitle:
		return k.familyRows(ovenbird.TitleID(s.id), on)
	case shape.ByCollection:
		return k.collectionRows(ovenbird.CollectionID(s.id), on)
	case shape.ByPrefix:
		return k.documentRows(k.plans[shape.ByPrefix], shape.Keys{Prefix: s.id}, on)
	default:
		for _, plan := range k.plans[shape.Unkeyed] {
			if plan.Template().String() == s.id {
				return k.documentRows([]*shape.Plan{plan}, shape.Keys{}, on)
			}
		}
		return nil, nil
	}
}

func (k *kitchen) familyRows(root ovenbird.TitleID, on *stage) ([]release.Row, error) {
	snapshot := on.view.Snapshot()
	if snapshot.Titles[root] == nil || snapshot.Root(root) != root {
		return nil, nil
	}
	var rows []release.Row
	for _, id := range snapshot.Family(root) {
		documents, err := k.documentRows(k.plans[shape.ByTitle], shape.Keys{Title: id}, on)
		if err != nil {
			return nil, err
		}
		cards, err := k.cardRows(snapshot.Titles[id], on)
		if err != nil {
			return nil, err
		}
		rows = append(append(rows, documents...), cards...)
	}
	return rows, nil
}

func (k *kitchen) collectionRows(id ovenbird.CollectionID, on *stage) ([]release.Row, error) {
	rows, err := k.documentRows(k.plans[shape.ByCollection], shape.Keys{Collection: id}, on)
	if err != nil {
		return nil, err
	}
	for _, plan := range k.plans[shape.ByPage] {
		for page := 1; ; page++ {
			made, err := k.documentRows([]*shape.Plan{plan}, shape.Keys{Collection: id, Page: page}, on)
			if err != nil {
				return nil, err
			}
			if len(made) == 0 {
				break
			}
			rows = append(rows, made...)
		}
	}
	return rows, nil
}

// documentRows renders one document of each of the plans.
func (k *kitchen) documentRows(plans []*shape.Plan, keys shape.Keys, on *stage) ([]release.Row, error) {
	var rows []release.Row
	for _, plan := range plans {
		var classes []release.Class
		for countries, output := range on.renderer.Document(plan, keys, on.view.Edition().Countries) {
			hash, err := k.objects.Add(encode(output))
			if err != nil {
				return nil, err
			}
			classes = append(classes, release.Class{Countries: countries, Object: hash})
		}
		if len(classes) > 0 {
			key := release.Key{Path: plan.Template().Expand(keys)}
			rows = append(rows, release.NewRow(key, classes))
		}
	}
	return rows, nil
}

// cardRows renders the cards of a title that a list can hold: one at the top,
// or one that stands in a collection.
func (k *kitchen) cardRows(t *ovenbird.Title, on *stage) ([]release.Row, error) {
	if t.Parent != "" && k.listed[t.ID] == 0 {
		return nil, nil
	}
	var rows []release.Row
	for _, card := range k.cards {
		countries := on.view.Edition().Countries
		if card.Preview() {
			countries = opening(on.view, t)
		}
		var classes []release.Class
		for set, body := range on.renderer.Card(card, t.ID, countries) {
			hash, err := k.objects.Add(body)
			if err != nil {
				return nil, err
			}
			classes = append(classes, release.Class{Countries: set, Object: hash})
		}
		if len(classes) > 0 {
			key := release.Key{Path: release.CardPath(card.ID(), t.ID)}
			rows = append(rows, release.NewRow(key, classes))
		}
	}
	return rows, nil
}

// opening returns the countries where t is not available but will be, however
// far ahead: where a list may announce it.
func opening(v *facts.View, t *ovenbird.Title) ovenbird.CountrySet {
	var found ovenbird.CountrySet
	for _, moment := range v.Openings(t, endOfTime) {
		found = found.Union(moment.Countries)
	}
	return found
}

// encode returns the object for an output: the document itself, or a template
// where it has slots for cards.
func encode(output *shape.Output) []byte {
	if len(output.Slots) == 0 {
		return output.Body
	}
	template := release.Template{
		Literals: make([]string, 0, len(output.Slots)+1),
		Slots:    make([]string, 0, len(output.Slots)),
	}
	body, start := string(output.Body), 0 // one copy for all literals
	for _, slot := range output.Slots {
		template.Literals = append(template.Literals, body[start:slot.Offset])
		template.Slots = append(template.Slots, release.CardPath(slot.Card.ID(), slot.Title))
		start = slot.Offset
	}
	template.Literals = append(template.Literals, body[start:])
	return template.Encode()
}
