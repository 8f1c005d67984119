package edge

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

// builder makes states from releases. One goroutine uses it at a time.
type builder struct {
	press      *press
	serves     ovenbird.CountrySet // the countries whose documents are kept
	keeps      bool                // see Config.KeepAfterHorizon
	remembers  bool                // see Config.Dictionaries
	objects    interner[release.Hash, object]
	documents  interner[release.Hash, document] // by the hash of the body
	recipes    interner[release.Hash, document] // by what a list was made from
	partitions interner[partition, partition]
	// holders says in which lists of its edition a card stands.
	holders map[release.Key]map[string]bool
}

// object is what lists are made from: a template or a card.
type object struct {
	body     []byte
	template *release.Template // nil for a card
	slots    []string          // of the template, ordered, each once
}

// rowVersion is a row from an instant on.
type rowVersion struct {
	from    int64
	classes []release.Class
	ends    int64 // see release.Row
}

// build returns the state for a release, and the documents that it has and no
// state before had. With a previous state it does only what differs from that,
// and shares the rest. If it fails, nothing happened.
func (b *builder) build(ctx context.Context, previous *state, r *release.Release) (*state, []*document, error) {
	editions := r.Manifest().Editions
	if err := checkEditions(editions); err != nil {
		return nil, nil, err
	}
	began := time.Now()
	content, err := r.Content(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the content: %w", err)
	}
	reading := time.Since(began)
	if previous != nil && !sameNames(previous.manifest.Editions, editions) {
		// Rows that are the same may belong to other editions now. Documents are
		// found again by their hashes, so this is not as dear as a first time.
		previous = nil
	}
	t := &takeover{builder: b, release: r, content: content, known: make(map[release.Hash]*object)}
	tables := make(map[string]*table)
	if previous != nil {
		t.before = &previous.content
		t.old = previous.editions
		for name, ed := range previous.editions {
			tables[name] = ed.entries
		}
	}
	t.patches = patchIndex(content.Patches)
	keys := t.touched()
	if err := t.checkRows(editions, keys); err != nil {
		return nil, nil, err
	}
	made, err := t.make(ctx, keys)
	if err != nil {
		return nil, nil, err
	}
	for name, changes := range made {
		if tables[name] == nil {
			tables[name] = newTable()
		}
		tables[name] = tables[name].edit(changes)
	}
	t.updateHolders(made)
	st := newState(r.Manifest(), content, tables)
	st.outlives = b.keeps && r.Manifest().KnowsEnds()
	st.read = reading + t.reading
	for _, changes := range made {
		st.made += len(changes)
	}
	return st, t.fresh.documents, nil
}

// takeover is the work for one release.
type takeover struct {
	*builder
	release *release.Release
	before  *release.Content // of the state before; nil where there is none
	old     map[string]*edition
	content release.Content
	patches map[release.Key][]rowVersion
	// known keeps what is needed in use until the entries hold it.
	known   map[release.Hash]*object
	fresh   fresh
	reading time.Duration // spent on objects
}

// fresh collects documents that were made. Any number of goroutines may add.
type fresh struct {
	mu        sync.Mutex
	documents []*document
}

func (f *fresh) add(d *document) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.documents = append(f.documents, d)
}

// patchIndex returns the versions that patches bring, by key, in order.
func patchIndex(patches []release.Patch) map[release.Key][]rowVersion {
	index := make(map[release.Key][]rowVersion)
	for _, p := range patches {
		for _, row := range p.Rows {
			index[row.Key] = append(index[row.Key], rowVersion{p.At.UnixNano(), row.Classes, row.Ends})
		}
	}
	return index
}

// row returns the versions of a row over the time of the release.
func (t *takeover) row(key release.Key) []rowVersion {
	base, _ := t.content.Tree.Get(key)
	versions := append([]rowVersion{{classes: base.Classes, ends: base.Ends}}, t.patches[key]...)
	if key.Edition != "" && t.serves != ovenbird.Worldwide() {
		for i := range versions {
			versions[i].classes = t.served(versions[i].classes)
		}
	}
	return versions
}

// served returns the classes that are left in the countries that the edge serves.
func (b *builder) served(classes []release.Class) []release.Class {
	var left []release.Class
	for _, class := range classes {
		if here := class.Countries.Intersect(b.serves); !here.Empty() {
			left = append(left, release.Class{Countries: here, Object: class.Object})
		}
	}
	return left
}

// touched returns the keys of everything that may differ from the state before:
// rows, and lists that hold a card whose row differs.
func (t *takeover) touched() map[release.Key]bool {
	keys := make(map[release.Key]bool)
	if t.before == nil {
		for row := range t.content.Tree.All() {
			keys[row.Key] = true
		}
		for key := range t.patches {
			keys[key] = true
		}
		return keys
	}
	for change := range t.before.Tree.Diff(t.content.Tree) {
		keys[change.Key] = true
	}
	earlier := patchIndex(t.before.Patches)
	for key, versions := range earlier {
		if !slices.EqualFunc(versions, t.patches[key], sameVersion) {
			keys[key] = true
		}
	}
	for key := range t.patches {
		if _, ok := earlier[key]; !ok {
			keys[key] = true
		}
	}
	for key := range maps.Clone(keys) {
		for list := range t.holders[key] {
			keys[release.Key{Edition: key.Edition, Path: list}] = true
		}
	}
	return keys
}

func sameVersion(a, b rowVersion) bool {
	return a.from == b.from && a.ends == b.ends && slices.Equal(a.classes, b.classes)
}

// checkEditions refuses editions that addresses could not tell apart.
func checkEditions(editions []release.Edition) error {
	names := make(map[string]bool)
	for _, e := range editions {
		want := e.Application
		if e.Language != "" {
			want += "/" + e.Language
		}
		if e.Name == "" || e.Name != want || names[e.Name] {
			return ovenbird.Errorf(ovenbird.Internal,
				"edition %q of application %q in language %q is named wrongly or listed twice", e.Name, e.Application, e.Language)
		}
		names[e.Name] = true
		for _, country := range slices.Concat(e.Countries, e.DefaultCountries) {
			if parsed, err := ovenbird.ParseCountry(string(country)); err != nil || parsed != country {
				return ovenbird.Errorf(ovenbird.Internal, "edition %s covers %q, which this program does not know", e.Name, country)
			}
		}
	}
	return nil
}

func sameNames(a, b []release.Edition) bool {
	return slices.EqualFunc(a, b, func(a, b release.Edition) bool { return a.Name == b.Name })
}

// checkRows refuses a release with rows that no address leads to.
func (t *takeover) checkRows(editions []release.Edition, keys map[release.Key]bool) error {
	names := map[string]bool{"": true}
	for _, e := range editions {
		names[e.Name] = true
	}
	for key := range keys {
		if names[key.Edition] {
			continue
		}
		for _, version := range t.row(key) {
			if len(version.classes) > 0 {
				return ovenbird.Errorf(ovenbird.Internal, "row %s belongs to an edition that the manifest does not list", key)
			}
		}
	}
	return nil
}

// make returns the entries for keys, by edition and path; nil where there is
// nothing any more.
func (t *takeover) make(ctx context.Context, keys map[release.Key]bool) (map[string]map[string]*entry, error) {
	if err := t.read(ctx, keys); err != nil {
		return nil, err
	}
	cards, err := t.cardsOf(keys)
	if err != nil {
		return nil, err
	}
	if err := t.read(ctx, cards); err != nil {
		return nil, err
	}
	documents := make([]release.Key, 0, len(keys))
	for key := range keys {
		if !key.IsCard() {
			documents = append(documents, key)
		}
	}
	entries := make([]*entry, len(documents))
	err = parallel(ctx, len(documents), func(i int) error {
		e, err := t.entry(documents[i])
		entries[i] = e
		return err
	})
	if err != nil {
		return nil, err
	}
	made := make(map[string]map[string]*entry)
	for i, key := range documents {
		if made[key.Edition] == nil {
			made[key.Edition] = make(map[string]*entry)
		}
		made[key.Edition][key.Path] = entries[i]
	}
	return made, nil
}

// read makes the objects of all versions of the given rows known.
func (t *takeover) read(ctx context.Context, keys map[release.Key]bool) error {
	var missing []release.Hash
	asked := make(map[release.Hash]bool)
	for key := range keys {
		for _, version := range t.row(key) {
			for _, class := range version.classes {
				h := class.Object
				if !asked[h] && !t.have(h) {
					missing = append(missing, h)
				}
				asked[h] = true
			}
		}
	}
	if len(missing) == 0 {
		return nil
	}
	began := time.Now()
	defer func() { t.reading += time.Since(began) }()
	return t.release.Objects(ctx, missing, func(h release.Hash, body []byte) error {
		o, err := newObject(body)
		if err != nil {
			return ovenbird.Errorf(ovenbird.Internal, "object %s: %w", h, err)
		}
		t.known[h] = t.objects.put(h, o)
		return nil
	})
}

// have reports whether an object is in memory, and keeps it there.
func (t *takeover) have(h release.Hash) bool {
	if t.known[h] != nil {
		return true
	}
	o := t.objects.get(h)
	if o == nil {
		d := t.documents.get(h)
		if d == nil {
			return false
		}
		o = t.objects.put(h, &object{body: d.made[identity].Load().body})
	}
	t.known[h] = o
	return true
}

func newObject(body []byte) (*object, error) {
	if release.IsTemplate(body) {
		template, err := release.ParseTemplate(body)
		if err != nil {
			return nil, err
		}
		return &object{template: &template, slots: template.Cards()}, nil
	}
	if len(body) == 0 || body[0] != '{' && body[0] != '[' {
		return nil, fmt.Errorf("it is neither a document nor a template")
	}
	return &object{body: body}, nil
}

// cardsOf returns the keys of all cards in the lists among keys.
func (t *takeover) cardsOf(keys map[release.Key]bool) (map[release.Key]bool, error) {
	cards := make(map[release.Key]bool)
	for key := range keys {
		for _, slot := range t.slots(key) {
			card := release.Key{Edition: key.Edition, Path: slot}
			if key.IsCard() || !card.IsCard() {
				return nil, ovenbird.Errorf(ovenbird.Internal,
					"row %s has a slot for %s: only documents hold cards, and nothing else", key, card)
			}
			cards[card] = true
		}
	}
	return cards, nil
}

// slots returns the slots of all templates of a row, ordered, each once.
func (t *takeover) slots(key release.Key) []string {
	all := make(map[string]bool)
	for _, version := range t.row(key) {
		for _, class := range version.classes {
			for _, slot := range t.known[class.Object].slots {
				all[slot] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// entry makes the entry of a row; nil where it has no document at any time.
func (t *takeover) entry(key release.Key) (*entry, error) {
	m := maker{
		takeover: t,
		key:      key,
		row:      t.row(key),
		cards:    make(map[string][]rowVersion),
	}
	keys := key.PurgeKeys()
	e := &entry{
		surrogates: []string{strings.Join(keys, " ")}, tags: []string{strings.Join(keys, ",")}, cards: t.slots(key),
	}
	for _, slot := range e.cards {
		m.cards[slot] = t.row(release.Key{Edition: key.Edition, Path: slot})
	}
	if err := m.fill(e); err != nil {
		return nil, ovenbird.Errorf(ovenbird.Internal, "document %s: %w", key, err)
	}
	if len(e.versions) == 1 && len(e.versions[0].documents) == 0 {
		return nil, nil //nolint:nilnil // no entry is what there is to say
	}
	if t.remembers {
		e.before = t.earlier(key)
	}
	return e, nil
}

// earlier returns what a path led to in the state before; nil if to nothing.
func (t *takeover) earlier(key release.Key) *entry {
	ed := t.old[key.Edition]
	if ed == nil {
		return nil
	}
	e := ed.entries.get(key.Path)
	if e == nil {
		return nil
	}
	return &entry{versions: e.versions} // and not what was before that
}

// updateHolders notes which lists hold which cards from now on.
func (t *takeover) updateHolders(made map[string]map[string]*entry) {
	if t.before == nil {
		t.holders = make(map[release.Key]map[string]bool)
	}
	for name, changes := range made {
		for path, e := range changes {
			if ed := t.old[name]; ed != nil {
				t.forget(name, path, ed.entries.get(path))
			}
			if e == nil {
				continue
			}
			for _, slot := range e.cards {
				card := release.Key{Edition: name, Path: slot}
				if t.holders[card] == nil {
					t.holders[card] = make(map[string]bool)
				}
				t.holders[card][path] = true
			}
		}
	}
}

// forget removes a list from the holders of its cards.
func (t *takeover) forget(name, path string, e *entry) {
	if e == nil {
		return
	}
	for _, slot := range e.cards {
		card := release.Key{Edition: name, Path: slot}
		delete(t.holders[card], path)
		if len(t.holders[card]) == 0 {
			delete(t.holders, card)
		}
	}
}
