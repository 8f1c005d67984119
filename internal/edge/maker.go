package edge

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

// maker makes one entry: the documents of a row over the time of a release.
type maker struct {
	*takeover
	key   release.Key
	row   []rowVersion
	cards map[string][]rowVersion // by slot
	parts map[*object]bool
}

// fill makes the versions of e.
func (m *maker) fill(e *entry) error {
	m.parts = make(map[*object]bool)
	instants := m.instants()
	for i, from := range instants {
		v, err := m.version(from)
		if err != nil {
			return err
		}
		v.until = forever
		if i+1 < len(instants) {
			v.until = instants[i+1]
		}
		if last := len(e.versions) - 1; last >= 0 && e.versions[last].same(v) {
			e.versions[last].until = v.until
			continue
		}
		e.versions = append(e.versions, v)
	}
	e.ends = m.ends()
	for part := range m.parts {
		e.parts = append(e.parts, part)
	}
	return nil
}

func (v *version) same(other version) bool {
	return v.partition == other.partition && slices.Equal(v.documents, other.documents)
}

// instants returns when the entry may change, the beginning included.
func (m *maker) instants() []int64 {
	var all []int64
	for _, v := range m.row {
		all = append(all, v.from)
	}
	for _, card := range m.cards {
		for _, v := range card {
			all = append(all, v.from)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// ends returns when nobody knows any more that the last version may be shown: the
// earliest end of what is left of the row and its cards.
func (m *maker) ends() int64 {
	end := lastEnd(m.row)
	for _, card := range m.cards {
		end = min(end, lastEnd(card))
	}
	return end
}

func lastEnd(row []rowVersion) int64 {
	last := row[len(row)-1]
	if len(last.classes) == 0 || last.ends == 0 {
		return forever
	}
	return time.Unix(last.ends, 0).UnixNano()
}

// classesAt returns the classes in force at an instant.
func classesAt(row []rowVersion, instant int64) []release.Class {
	i := len(row) - 1
	for i > 0 && row[i].from > instant {
		i--
	}
	return row[i].classes
}

// version makes the documents in force at an instant.
func (m *maker) version(instant int64) (version, error) {
	var v version
	var division partition
	add := func(countries ovenbird.CountrySet, d *document) {
		class := slices.Index(v.documents, d)
		if class < 0 {
			class = len(v.documents)
			v.documents = append(v.documents, d)
		}
		for i := range countries.Indexes {
			division[i] = uint8(class + 1)
		}
	}
	for _, class := range classesAt(m.row, instant) {
		o := m.known[class.Object]
		if o.template == nil {
			add(class.Countries, m.document(class.Object, o.body))
			continue
		}
		if err := m.lists(class, o, instant, add); err != nil {
			return version{}, err
		}
	}
	if m.key.Edition == "" && len(v.documents) > 0 {
		if len(v.documents) > 1 {
			return version{}, fmt.Errorf("it is for the whole site, but differs between countries")
		}
		add(ovenbird.Worldwide(), v.documents[0])
	}
	v.partition = m.partitions.put(division, &division)
	return v, nil
}

// document returns the document with a body, made now or before.
func (m *maker) document(hash release.Hash, body []byte) *document {
	if d := m.documents.get(hash); d != nil {
		return d
	}
	d := m.documents.put(hash, m.press.document(body))
	m.fresh.add(d)
	return d
}

// lists makes the lists of a class whose object is a template.
func (m *maker) lists(class release.Class, o *object, instant int64, add func(ovenbird.CountrySet, *document)) error {
	cards := make(map[string][]release.Class, len(m.cards))
	for _, slot := range o.slots {
		cards[slot] = classesAt(m.cards[slot], instant)
	}
	lists, err := o.template.Lists(o.slots, class.Countries, cards)
	if err != nil {
		return err
	}
	m.parts[o] = true
	for _, l := range lists {
		for _, card := range l.Cards {
			m.parts[m.known[card]] = true
		}
		d, err := m.list(l, class.Object, o.template)
		if err != nil {
			return err
		}
		add(l.Countries, d)
	}
	return nil
}

// list returns a list with its cards in place, made now or before.
func (m *maker) list(l release.List, hash release.Hash, template *release.Template) (*document, error) {
	recipe := l.Recipe(hash)
	if d := m.recipes.get(recipe); d != nil {
		return d, nil
	}
	slot := 0
	body, err := template.Render(nil, func(string) ([]byte, bool) {
		card := m.known[l.Cards[slot]]
		slot++
		return card.body, card.template == nil
	})
	if err != nil {
		return nil, err
	}
	return m.recipes.put(recipe, m.document(release.HashOf(body), body)), nil
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
