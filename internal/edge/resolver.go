package edge

import (
	"iter"
	"math"
	"slices"
	"strings"
	"time"

	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

// entry is what lies at an address, over the time of a release. Immutable.
type entry struct {
	surrogates []string  // the value of Surrogate-Key
	tags       []string  // the value of Cache-Tag
	versions   []version // at least one, in the order in which they come into force
	// ends is the first instant after the horizon at which it can not be said any
	// more that the last version may be shown; forever where there is none.
	ends int64
	// before is what the address led to earlier; nil where that is not known, or
	// clients are not offered dictionaries.
	before *earlier

	born  uint64        // the number of the state that it was made for
	group uint16        // see memory
	view  *release.View // that it was made of; nil where nobody will ask for what was before
}

// version is what lies at an address until an instant.
type version struct {
	from, until int64 // from the one on, before the other
	source      source
	object      release.Hash // of a list, its template
}

// earlier is what an address led to in a release before.
type earlier struct {
	view     *release.View
	versions []version
}

// forever is the end of the last version of an entry.
const forever = math.MaxInt64

// at returns what is in force at an instant, and until when it stays that.
func (e *entry) at(now int64) (v *version, until int64) {
	i := 0
	for now >= e.versions[i].until {
		i++
	}
	return &e.versions[i], e.versions[i].until
}

// weight is how many bytes the entry takes, about.
func (e *entry) weight() uint32 {
	const each, one = 96, 320
	return uint32(one + each*len(e.versions) + len(e.surrogates[0]) + len(e.tags[0]))
}

// resolver finds out what an address leads to.
type resolver struct {
	*memory
	address
	view      *release.View
	templates map[release.Hash]*template
	cards     map[string]timeline // by slot
}

// timeline is a row over the time of a release.
type timeline struct {
	first release.Version
	later []release.Version
}

func timelineOf(v *release.View, id release.KeyID) timeline {
	first, later := v.Row(id)
	return timeline{first, later}
}

// at returns the version in force at an instant.
func (t timeline) at(instant int64) release.Version {
	v := t.first
	for _, next := range t.later {
		if next.From > instant {
			break
		}
		v = next
	}
	return v
}

// all yields every version.
func (t timeline) all(yield func(release.Version) bool) {
	if !yield(t.first) {
		return
	}
	for _, v := range t.later {
		if !yield(v) {
			return
		}
	}
}

// between yields the versions in force at some time from one instant to before
// another, by when they are first.
func (t timeline) between(from, until int64) iter.Seq2[int64, release.Version] {
	return func(yield func(int64, release.Version) bool) {
		if !yield(from, t.at(from)) {
			return
		}
		for _, v := range t.later {
			if v.From > from && v.From < until && !yield(v.From, v) {
				return
			}
		}
	}
}

// ends returns when nobody knows any more that the last version may be shown.
func (t timeline) ends() int64 {
	last := t.at(forever)
	if last.Classes == nil || last.Ends == 0 {
		return forever
	}
	return time.Unix(last.Ends, 0).UnixNano()
}

// entry returns what the address leads to; nil where there is nothing at any time.
func (r *resolver) entry(st *state) (*entry, error) {
	key := r.row()
	if key.IsCard() {
		return nil, nil //nolint:nilnil // no entry is what there is to say
	}
	id := key.ID()
	versions, ends, err := r.versions(id)
	if err != nil {
		return nil, ovenbird.Errorf(ovenbird.Internal, "document %s: %w", key, err)
	}
	if len(versions) == 1 && versions[0].source == (source{}) {
		return nil, nil //nolint:nilnil // likewise
	}
	names := key.PurgeKeys()
	made := &entry{
		surrogates: []string{strings.Join(names, " ")}, tags: []string{strings.Join(names, ",")},
		versions: versions, ends: ends, born: st.number, group: group(id),
	}
	if st.remembers {
		made.view = st.view
	}
	return made, nil
}

// versions returns what a row leads to for the address, over time.
func (r *resolver) versions(id release.KeyID) (versions []version, ends int64, err error) {
	row := timelineOf(r.view, id)
	if err := r.findCards(row); err != nil {
		return nil, 0, err
	}
	instants := []int64{0}
	ends = row.ends()
	for _, v := range row.later {
		instants = append(instants, v.From)
	}
	for _, card := range r.cards {
		ends = min(ends, card.ends())
		for _, v := range card.later {
			instants = append(instants, v.From)
		}
	}
	slices.Sort(instants)
	for _, from := range slices.Compact(instants) {
		v, err := r.version(row, from)
		if err != nil {
			return nil, 0, err
		}
		last := len(versions) - 1
		if last >= 0 && versions[last].source == v.source {
			continue
		}
		if last >= 0 {
			versions[last].until = from
		}
		versions = append(versions, v)
	}
	return versions, ends, nil
}

// findCards finds the cards of all lists that the row ever leads to.
func (r *resolver) findCards(row timeline) error {
	for v := range row.all {
		h, ok := r.lookUp(v)
		if !ok {
			continue
		}
		o, err := r.object(r.view, h)
		if err != nil {
			return err
		}
		if o.template == nil {
			continue
		}
		if r.templates == nil {
			r.templates, r.cards = make(map[release.Hash]*template), make(map[string]timeline)
		}
		r.templates[h] = o.template
		for _, slot := range o.template.slots {
			if _, ok := r.cards[slot]; !ok {
				r.cards[slot] = timelineOf(r.view, r.card(slot).ID())
			}
		}
	}
	return nil
}

// card returns the key of the card that stands in a slot.
func (r *resolver) card(slot string) release.Key { return release.Key{Edition: r.edition, Path: slot} }

// lookUp returns the object that a version of a row leads to. What is for the whole
// site is the same in every country.
func (r *resolver) lookUp(v release.Version) (h release.Hash, ok bool) {
	if r.edition == "" && v.Classes != nil {
		return v.Classes.Objects()[0], true
	}
	return v.Classes.Object(r.country)
}

// version returns what the row leads to at an instant.
func (r *resolver) version(row timeline, instant int64) (version, error) {
	v := version{from: instant, until: forever}
	h, ok := r.lookUp(row.at(instant))
	if !ok {
		return v, nil
	}
	v.object = h
	if r.templates[h] == nil {
		v.source = source{hash: h}
		return v, nil
	}
	cards, err := r.cardsAt(r.templates[h], instant)
	v.source = source{release.List{Cards: cards}.Recipe(h), true}
	return v, err
}

// cardsAt returns the objects for the slots of a template at an instant.
func (r *resolver) cardsAt(t *template, instant int64) ([]release.Hash, error) {
	cards := make([]release.Hash, len(t.Slots))
	for i, slot := range t.Slots {
		card, ok := r.cards[slot]
		if !ok {
			card = timelineOf(r.view, r.card(slot).ID())
		}
		if cards[i], ok = r.lookUp(card.at(instant)); !ok {
			return nil, ovenbird.Errorf(ovenbird.Internal, "it holds card %s, which does not exist in %s",
				r.card(slot), ovenbird.CountryAt(r.country))
		}
	}
	return cards, nil
}

// document returns the document of a version.
func (r *resolver) document(v *version) (*document, error) {
	if !v.source.list {
		return r.object(r.view, v.object)
	}
	return r.memory.document(v.source, func() ([]byte, error) { return r.list(v) })
}

// list puts the cards of a list in their places.
func (r *resolver) list(v *version) ([]byte, error) {
	o, err := r.object(r.view, v.object)
	if err != nil {
		return nil, err
	}
	cards, err := r.cardsAt(o.template, v.from)
	if err != nil {
		return nil, err
	}
	if (release.List{Cards: cards}).Recipe(v.object) != v.source.hash {
		return nil, ovenbird.Errorf(ovenbird.Internal, "its cards are not what they were when it was looked up")
	}
	bodies, size := make([][]byte, len(cards)), o.template.size
	for i, h := range cards {
		card, err := r.object(r.view, h)
		if err != nil {
			return nil, err
		}
		if card.template != nil {
			return nil, ovenbird.Errorf(ovenbird.Internal, "card %s has slots: only documents hold cards", r.card(o.template.Slots[i]))
		}
		bodies[i] = card.body
		size += len(card.body)
	}
	slot := 0
	return o.template.Render(make([]byte, 0, size), func(string) ([]byte, bool) {
		slot++
		return bodies[slot-1], true
	})
}

// earlier returns what the address led to before it led to what made has: as old
// says, which was kept, or otherwise the release before.
func (r *resolver) earlier(st *state, old, made *entry) (*earlier, error) {
	if old != nil && old.view != nil {
		if slices.Equal(old.versions, made.versions) {
			return old.before, nil
		}
		return &earlier{old.view, old.versions}, nil
	}
	if st.before == nil {
		return nil, nil //nolint:nilnil // the first release has none before it
	}
	past := &resolver{memory: r.memory, view: st.before, address: r.address}
	versions, _, err := past.versions(r.row().ID())
	if err != nil || slices.Equal(versions, made.versions) {
		return nil, err
	}
	return &earlier{st.before, versions}, nil
}
