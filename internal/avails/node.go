package avails

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"ovenbird/internal/ovenbird"
)

// node is an element with what is in it. Names are without namespaces: those
// change with every version of the format, the names do not.
type node struct {
	name     string
	space    string
	attrs    []xml.Attr
	text     string // of itself, without the spaces around it
	line     int
	start    int64 // bytes in the input
	end      int64
	children []*node
}

// child returns the first child of a name, or nil. A nil node has none.
func (n *node) child(name string) *node {
	if n == nil {
		return nil
	}
	for _, c := range n.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

// all returns the children of a name.
func (n *node) all(name string) []*node {
	var list []*node
	if n == nil {
		return nil
	}
	for _, c := range n.children {
		if c.name == name {
			list = append(list, c)
		}
	}
	return list
}

// value returns the text of the first child of a name, "" where there is none.
func (n *node) value(name string) string {
	if c := n.child(name); c != nil {
		return c.text
	}
	return ""
}

// attr returns an attribute, "" where there is none.
func (n *node) attr(name string) string {
	if n == nil {
		return ""
	}
	for _, a := range n.attrs {
		if a.Name.Local == name {
			return strings.TrimSpace(a.Value)
		}
	}
	return ""
}

// document reads elements from XML and keeps the text of the one being read.
type document struct {
	name   string
	tokens *xml.Decoder
	tape   *tape
	limit  int
}

// maxDepth is how deep elements may lie in each other. Avails need nine.
const maxDepth = 64

func newDocument(name string, in io.Reader, limit int) *document {
	tape := &tape{in: in}
	return &document{name: name, tokens: xml.NewDecoder(tape), tape: tape, limit: limit}
}

// next returns the next start or end of an element, io.EOF at the end.
func (d *document) next() (xml.Token, error) {
	for {
		token, err := d.tokens.Token()
		if err != nil {
			return nil, d.explain(err)
		}
		switch token.(type) {
		case xml.StartElement, xml.EndElement:
			return token, nil
		}
	}
}

// line returns the line that was read last.
func (d *document) line() int {
	line, _ := d.tokens.InputPos()
	return line
}

// explain gives an error of the XML its place. What is broken here makes all
// that follows unreadable.
func (d *document) explain(err error) error {
	if err == io.EOF { //nolint:errorlint // the decoder returns it as it is
		return err
	}
	if d.tape.err != nil {
		return d.tape.err
	}
	message := strings.TrimPrefix(err.Error(), "XML syntax error on line ")
	if _, after, ok := strings.Cut(message, ": "); ok && message != err.Error() {
		message = after
	}
	remedy := "what stands before is imported"
	if strings.Contains(message, "CharsetReader") {
		message, remedy = "the file is not UTF-8", "save it as UTF-8"
	}
	return ovenbird.ErrorAt(ovenbird.Place{File: d.name, Line: d.line()}, "malformed XML: %s; %s", message, remedy)
}

// element reads the rest of an element whose start was read.
func (d *document) element(start xml.StartElement, depth int) (*node, error) {
	n := &node{name: start.Name.Local, space: start.Name.Space, attrs: start.Copy().Attr, line: d.line()}
	if depth > maxDepth {
		return nil, ovenbird.ErrorAt(ovenbird.Place{File: d.name, Line: n.line},
			"elements lie more than %d deep; this is no Avails file", maxDepth)
	}
	var text strings.Builder
	for {
		token, err := d.tokens.Token()
		if err != nil {
			return nil, d.explain(noEOF(err))
		}
		if len(d.tape.kept) > d.limit {
			return nil, ovenbird.ErrorAt(ovenbird.Place{File: d.name, Line: n.line},
				"this %s is longer than %d bytes; split it", n.name, d.limit)
		}
		switch t := token.(type) {
		case xml.StartElement:
			begin := d.tape.startOf(d.tokens.InputOffset())
			child, err := d.element(t, depth+1)
			if err != nil {
				return nil, err
			}
			child.start, child.end = begin, d.tokens.InputOffset()
			n.children = append(n.children, child)
		case xml.EndElement:
			n.text = strings.TrimSpace(text.String())
			return n, nil
		case xml.CharData:
			text.Write(t)
		}
	}
}

func noEOF(err error) error {
	if err == io.EOF { //nolint:errorlint // the decoder returns it as it is
		return io.ErrUnexpectedEOF
	}
	return err
}

// tape passes on what it reads and keeps it until it is cut, so that a
// transaction can be quoted as it was.
type tape struct {
	in   io.Reader
	kept []byte
	from int64 // offset of kept
	err  error // of reading, other than the end
}

func (t *tape) Read(p []byte) (int, error) {
	n, err := t.in.Read(p)
	t.kept = append(t.kept, p[:n]...)
	if err != nil && !errors.Is(err, io.EOF) {
		t.err = err
	}
	return n, err
}

// startOf returns where the tag starts whose end is at offset.
func (t *tape) startOf(end int64) int64 {
	for i := min(end-t.from, int64(len(t.kept))) - 1; i >= 0; i-- {
		if t.kept[i] == '<' {
			return t.from + i
		}
	}
	return end
}

// text returns what stands between two offsets.
func (t *tape) text(start, end int64) string {
	start, end = max(start-t.from, 0), min(end-t.from, int64(len(t.kept)))
	if start >= end {
		return ""
	}
	return string(t.kept[start:end])
}

// cut forgets what stands before offset.
func (t *tape) cut(offset int64) {
	n := min(offset-t.from, int64(len(t.kept)))
	t.kept = append(t.kept[:0], t.kept[n:]...)
	t.from += n
}
