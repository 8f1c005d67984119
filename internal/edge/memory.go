package edge

import (
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/maypok86/otter/v2"

	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

// memory keeps what was asked for ready for the next one who asks, within a number
// of bytes, whatever the release is: what addresses lead to, and documents with
// their codings. What is not there is made of the view of a release.
//
// It outlives releases. Documents are named by what they are made of, so they are
// never out of date. What an address leads to is: each entry belongs to one of
// stampCount groups, by its row, and when the row changes with a release, the number
// of that release becomes its group's. Taking a release over costs what it changes,
// then, however much is kept.
type memory struct {
	press     *press
	entries   *otter.Cache[address, *entry] // nil: nothing is kept
	documents *otter.Cache[source, *document]
	stamps    [stampCount]atomic.Uint64 // numbers of states
	counts    struct{ entries, documents, codings, damages atomic.Int64 }

	mu sync.Mutex
	// latest is the number of the state that is served, or just about to be.
	latest uint64
	// holders says which groups have lists with a card. It may say too much.
	holders map[release.KeyID][]uint16
	noted   map[holding]bool
}

const stampCount = 1 << 16

// holding is that the cards of a template stand in lists of a group.
type holding struct {
	group    uint16
	template release.Hash
}

// address is a document's path in an edition and a country.
type address struct {
	edition string
	path    string
	country uint8
}

func (a address) row() release.Key { return release.Key{Edition: a.edition, Path: a.path} }

// group returns which stamp tells whether entries of a row are out of date.
func group(row release.KeyID) uint16 { return binary.BigEndian.Uint16(row[:]) }

// source names what a document is made of: an object, or the recipe of a list. The
// zero value is no document.
type source struct {
	hash release.Hash
	list bool
}

// entryShare is the share of the memory that is for entries, one in so many.
const entryShare = 4

// newMemory returns a memory of so many bytes; of 0, it keeps nothing.
func newMemory(bytes int64) (*memory, error) {
	p, err := newPress()
	if err != nil {
		return nil, err
	}
	m := &memory{press: p, holders: make(map[release.KeyID][]uint16), noted: make(map[holding]bool)}
	if bytes <= 0 {
		return m, nil
	}
	m.entries, err = otter.New(&otter.Options[address, *entry]{
		MaximumWeight: uint64(bytes / entryShare),
		Weigher:       func(a address, e *entry) uint32 { return uint32(len(a.path)) + e.weight() },
	})
	if err == nil {
		m.documents, err = otter.New(&otter.Options[source, *document]{
			MaximumWeight: uint64(bytes - bytes/entryShare),
			Weigher:       func(_ source, d *document) uint32 { return d.weight() },
		})
	}
	if err != nil {
		return nil, ovenbird.Errorf(ovenbird.Internal, "preparing the edge's memory: %w", err)
	}
	return m, nil
}

// fresh reports whether an entry is what its address leads to in a state.
func (m *memory) fresh(e *entry, st *state) bool {
	return e.born <= st.number && e.born >= st.oldest && m.stamps[e.group].Load() <= e.born
}

// entry returns what lies at an address, over the time of the state's release; nil
// where there is nothing at any time.
func (m *memory) entry(st *state, at address) (*entry, error) {
	var old *entry
	if m.entries != nil {
		if e, ok := m.entries.GetIfPresent(at); ok {
			if m.fresh(e, st) {
				return e, nil
			}
			old = e
		}
	}
	r := &resolver{memory: m, view: st.view, address: at}
	made, err := r.entry(st)
	if err != nil || made == nil {
		return nil, err
	}
	m.counts.entries.Add(1)
	if st.remembers {
		if made.before, err = r.earlier(st, old, made); err != nil {
			return nil, err
		}
	}
	if m.entries != nil && m.note(st, r, made.group) {
		at.path = strings.Clone(at.path) // it may be part of a request
		m.entries.Set(at, made)
	}
	return made, nil
}

// note remembers which cards stand in the lists that r has resolved. It reports
// false where a release that is newer than the state's may have changed one of
// them unseen.
func (m *memory) note(st *state, r *resolver, place uint16) bool {
	if len(r.templates) == 0 {
		return true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for hash, template := range r.templates {
		if m.noted[holding{place, hash}] {
			continue
		}
		m.noted[holding{place, hash}] = true
		for _, slot := range template.slots {
			card := r.card(slot).ID()
			m.holders[card] = append(m.holders[card], place)
		}
	}
	return m.latest == st.number
}

// mostHoldings is how many templates with lists are remembered before all lists
// are forgotten, so that what is remembered of old ones goes.
const mostHoldings = 1 << 16

// supersede makes what a release changes out of date. From now on nobody keeps what
// belongs to the state before, and next must be served. It returns how many rows of
// documents are out of date, as far as is known.
func (m *memory) supersede(next *state, changes []release.Changed) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.latest = next.number
	if len(m.noted) > mostHoldings {
		next.oldest = next.number
		clear(m.noted)
		clear(m.holders)
	}
	outdated := 0
	for _, c := range changes {
		m.stamps[group(c.ID)].Store(next.number)
		if !c.Key.IsCard() {
			outdated++
		}
		for _, list := range m.holders[c.ID] {
			if m.stamps[list].Swap(next.number) != next.number {
				outdated++
			}
		}
	}
	return outdated
}

// object returns an object of a release: a document or a card, or a template.
func (m *memory) object(v *release.View, h release.Hash) (*document, error) {
	return m.document(source{hash: h}, func() ([]byte, error) { return v.Object(h) })
}

// document returns what is made of a source, made now or before.
func (m *memory) document(from source, read func() ([]byte, error)) (*document, error) {
	if m.documents != nil {
		if d, ok := m.documents.GetIfPresent(from); ok {
			return d, nil
		}
	}
	body, err := read()
	if err != nil {
		return nil, err
	}
	d := &document{memory: m, source: from, body: body}
	if release.IsTemplate(body) {
		if d.template, err = newTemplate(body); err != nil {
			return nil, ovenbird.Errorf(ovenbird.Internal, "object %s: %w", from.hash, err)
		}
		d.body = nil
	} else if err := checkDocument(from.hash, body); err != nil {
		return nil, err
	}
	m.counts.documents.Add(1)
	m.keep(d)
	return d, nil
}

// keep keeps a document, with what has been made of it up to now.
func (m *memory) keep(d *document) {
	if m.documents != nil {
		m.documents.Set(d.source, d)
	}
}

// used returns how many bytes are kept, about.
func (m *memory) used() uint64 {
	if m.entries == nil {
		return 0
	}
	return m.entries.WeightedSize() + m.documents.WeightedSize()
}

// template is a list document before its cards are in it.
type template struct {
	release.Template
	slots []string // ordered, each once
	size  int      // bytes
}

func newTemplate(body []byte) (*template, error) {
	parsed, err := release.ParseTemplate(body)
	if err != nil {
		return nil, fmt.Errorf("reading a template: %w", err)
	}
	return &template{parsed, parsed.Cards(), len(body)}, nil
}

// checkDocument refuses what is no document.
func checkDocument(h release.Hash, body []byte) error {
	if len(body) == 0 || body[0] != '{' && body[0] != '[' {
		return ovenbird.Errorf(ovenbird.Internal, "object %s: it is neither a document nor a template", h)
	}
	return nil
}
