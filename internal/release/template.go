package release

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// Template is a list document whose entries are cards of the same edition: the
// literals in turn with the cards in the slots. A slot is the path of a card's
// row, which is resolved for the country for which the list is made.
type Template struct {
	Literals []string // one more than there are slots
	Slots    []string
}

// IsTemplate reports whether an object is a template, not a document as it is.
func IsTemplate(body []byte) bool { return len(body) > 0 && body[0] == tagTemplate }

// Encode returns t as an object.
func (t Template) Encode() []byte {
	if len(t.Literals) != len(t.Slots)+1 {
		panic(fmt.Sprintf("release: a template with %d literals and %d slots", len(t.Literals), len(t.Slots)))
	}
	size := 1 + binary.MaxVarintLen32
	for _, texts := range [][]string{t.Literals, t.Slots} {
		for _, text := range texts {
			size += binary.MaxVarintLen32 + len(text)
		}
	}
	b := append(make([]byte, 0, size), tagTemplate)
	b = binary.AppendUvarint(b, uint64(len(t.Slots)))
	for i, slot := range t.Slots {
		b = appendText(b, t.Literals[i])
		b = appendText(b, slot)
	}
	return appendText(b, t.Literals[len(t.Slots)])
}

// ParseTemplate reads what Encode wrote.
func ParseTemplate(body []byte) (Template, error) {
	// One copy for all strings of the template.
	all := string(body)
	d := decoder{rest: body}
	text := func() string {
		n := d.count(1)
		start := len(all) - len(d.rest)
		d.take(n)
		return all[start : start+n]
	}
	d.tag(tagTemplate)
	t := Template{Slots: make([]string, d.count(2))}
	t.Literals = make([]string, len(t.Slots)+1)
	for i := range t.Slots {
		t.Literals[i] = text()
		t.Slots[i] = text()
	}
	t.Literals[len(t.Slots)] = text()
	if err := d.end(); err != nil {
		return Template{}, fmt.Errorf("reading a template: %w", err)
	}
	return t, nil
}

// Render appends the document to b, with the bytes that card returns for each
// slot in turn. It stops at the first slot for which card reports false, and
// returns that slot's path as an error.
func (t Template) Render(b []byte, card func(slot string) ([]byte, bool)) ([]byte, error) {
	for i, slot := range t.Slots {
		body, ok := card(slot)
		if !ok {
			return nil, fmt.Errorf("slot %q leads to no card", strings.TrimPrefix(slot, cardMark))
		}
		b = append(b, t.Literals[i]...)
		b = append(b, body...)
	}
	return append(b, t.Literals[len(t.Slots)]...), nil
}
