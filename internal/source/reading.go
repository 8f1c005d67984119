package source

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"ovenbird/internal/catalog"
	"ovenbird/internal/importer"
	"ovenbird/internal/ovenbird"
)

// identity identifies a record by its type and id.
type identity [16]byte

func identityOf(kind catalog.RecordType, id string) identity {
	sum := sha256.Sum256([]byte(string(kind) + " " + id))
	return identity(sum[:16])
}

// key is what a record is about, as it stands in the tables of owners.
type key struct {
	Type catalog.RecordType
	ID   string // of an item: collection/title
}

func keyOf(r *catalog.Record) key {
	if r.Type == catalog.TypeItem && r.Item != nil {
		return key{r.Type, r.Item.Collection + "/" + r.Item.Title}
	}
	return key{r.Type, r.ID}
}

func (k key) identity() identity { return identityOf(k.Type, k.ID) }

// Refusal is a row or a record that can not be used. What was there stays.
type Refusal struct {
	Query  string `json:"query,omitzero"`
	Row    int64  `json:"row,omitzero"`    // of a query's result, or the line of a feed, from 1; 0 where it is about a record
	Record string `json:"record,omitzero"` // which, when known
	Reason string `json:"reason"`
}

// String formats r for people.
func (r Refusal) String() string {
	text := r.Reason
	if r.Record != "" {
		text = r.Record + ": " + text
	}
	if r.Row > 0 {
		text = fmt.Sprintf("%s, row %d: %s", r.Query, r.Row, text)
	}
	return text
}

// keptRefusals is how many refusals are kept to be shown; the others are counted.
const keptRefusals = 20

// rowBytes is the longest row that is taken.
const rowBytes = 4 << 20

// reading is all that one read of a source gave: its records in a temporary
// file, and in memory 16 bytes or so of each, by which it is judged.
type reading struct {
	limit      int // of rows
	columns    map[string][]Column
	validators Validators
	warnings   []string
	digest     digest // of the records
	rows       int64
	records    int64
	refused    int64
	refusals   []Refusal
	// content has every record that was read by the hash of what it says; 0 for
	// those that were refused, about which nothing is known.
	content map[identity]uint64
	// blind are the types of refused records whose ids are not known: any record
	// of these types may be among them.
	blind map[catalog.RecordType]bool
	file  *os.File
	out   *bufio.Writer
}

func newReading(dir string, limit int) (*reading, error) {
	file, err := temporary(dir)
	if err != nil {
		return nil, err
	}
	return &reading{
		limit: limit, columns: make(map[string][]Column), content: make(map[identity]uint64),
		blind: make(map[catalog.RecordType]bool), file: file, out: bufio.NewWriter(file),
	}, nil
}

// warn notes what works, and is probably not what was meant; "" is nothing.
func (r *reading) warn(what string) {
	if what != "" {
		r.warnings = append(r.warnings, what)
	}
}

func (r *reading) close() error { return r.file.Close() }

// row counts a row; it is an error where there are too many.
func (r *reading) row() error {
	r.rows++
	if r.rows > int64(r.limit) {
		return ovenbird.Errorf(ovenbird.Invalid, "it has more than %d rows; ask for less, or raise rows", r.limit)
	}
	return nil
}

// take takes the records of a row of a table.
func (r *reading) take(query string, number int64, texts []string, table *importer.Table) error {
	if err := r.row(); err != nil {
		return err
	}
	size := 0
	for i, text := range texts {
		size += len(text)
		if !utf8.ValidString(text) {
			r.refuseRow(query, number, fmt.Errorf("field %d is not valid UTF-8", i+1))
			return nil
		}
	}
	if size > rowBytes {
		r.refuseRow(query, number, fmt.Errorf("the row is longer than %d bytes", rowBytes))
		return nil
	}
	for record, err := range table.Records(texts) {
		if err != nil {
			r.refuse(query, number, &record, err)
		} else if err := r.add(query, number, &record); err != nil {
			return err
		}
	}
	return nil
}

// add takes a record. One that contradicts another is refused, and so is that:
// which of them comes first is up to the database.
func (r *reading) add(query string, row int64, record *catalog.Record) error {
	subject := keyOf(record)
	who := subject.identity()
	if record.Op != "" && record.Op != catalog.Put {
		r.refuse(query, row, record, fmt.Errorf("a source says what there is; take op %s out", record.Op))
		return nil
	}
	line, err := record.MarshalJSON()
	if err != nil {
		return fmt.Errorf("write down %s: %w", record, err)
	}
	sum := sha256.Sum256(line)
	content := binary.LittleEndian.Uint64(sum[:]) | 1 // never 0
	switch before, known := r.content[who]; {
	case known && before == content:
		return nil
	case known && before != 0:
		r.refuse(query, row, record, errors.New("it is there twice, and not the same; keep one of the two"))
		return nil
	case known:
		return nil // refused already
	}
	r.content[who] = content
	r.digest.add(sum)
	r.records++
	entry, err := json.Marshal(spooled{subject.Type, subject.ID, line})
	if err != nil {
		return fmt.Errorf("write down %s: %w", record, err)
	}
	if _, err := r.out.Write(append(entry, '\n')); err != nil {
		return fmt.Errorf("write down %s: %w", record, err)
	}
	return nil
}

// refuse notes what can not be used. What was there of it stays.
func (r *reading) refuse(query string, row int64, record *catalog.Record, reason error) {
	r.refused++
	refusal := Refusal{Query: query, Row: row, Reason: reason.Error()}
	subject := keyOf(record)
	if subject.ID == "" {
		r.blind[subject.Type] = true
		refusal.Record = string(subject.Type)
	} else {
		r.content[subject.identity()] = 0
		refusal.Record = record.String()
	}
	r.note(refusal)
}

func (r *reading) note(refusal Refusal) {
	if len(r.refusals) < keptRefusals {
		r.refusals = append(r.refusals, refusal)
	}
}

// all are the types of records.
var all = []catalog.RecordType{catalog.TypeItem, catalog.TypeLicense, catalog.TypeTitle, catalog.TypeCollection}

// refuseRow notes a row that can not be read: it might have given any record.
func (r *reading) refuseRow(query string, row int64, reason error) {
	r.refused++
	for _, kind := range all {
		r.blind[kind] = true
	}
	r.note(Refusal{Query: query, Row: row, Reason: reason.Error()})
}

// spooled is a record as it stands in the file.
type spooled struct {
	Type   catalog.RecordType `json:"type"`
	ID     string             `json:"id"`
	Record jsontext.Value     `json:"record"`
}

// each passes on the records that were not refused, in order.
func (r *reading) each(do func(key, jsontext.Value) error) error {
	if err := r.out.Flush(); err != nil {
		return fmt.Errorf("write down what was read: %w", err)
	}
	if _, err := r.file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read what was written down: %w", err)
	}
	lines := jsontext.NewDecoder(bufio.NewReaderSize(r.file, 1<<20))
	for {
		var entry spooled
		if err := json.UnmarshalDecode(lines, &entry); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read what was written down: %w", err)
		}
		subject := key{entry.Type, entry.ID}
		if r.content[subject.identity()] == 0 {
			continue
		}
		if err := do(subject, entry.Record); err != nil {
			return err
		}
	}
}
