package catalog

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"ovenbird/internal/ovenbird"
)

// ParseRecord decodes one line of an import file. It refuses what the schema
// refuses (unknown and duplicate keys, wrong types, null where nothing can be
// absent) with an Invalid error whose Place holds the column; whether ids,
// countries and references mean anything is for Apply to say.
func ParseRecord(line []byte) (Record, error) {
	var head struct {
		Type RecordType `json:"type"`
		Op   Op         `json:"op"`
	}
	if err := json.Unmarshal(line, &head); err != nil {
		return Record{}, explain(line, err)
	}
	r := Record{Type: head.Type, Op: head.Op}
	if r.Op == "" {
		r.Op = Put
	}
	var err error
	switch r.Op {
	case Put:
		err = r.decodePut(line)
	case Merge:
		err = r.decodeMerge(line)
	case Delete:
		err = r.decodeDelete(line)
	default:
		err = unknownOp(r.Op)
	}
	if err != nil {
		return Record{}, err
	}
	if r.ID == "" && r.Type != TypeItem {
		return Record{}, ovenbird.Errorf(ovenbird.Invalid, `a %s needs an "id"`, r.Type)
	}
	return r, nil
}

// header is what stands in every line beside the fields of its type.
type header struct {
	Type RecordType `json:"type"`
	ID   string     `json:"id,omitzero"`
	Op   Op         `json:"op,omitzero"`
}

type (
	titleLine struct {
		header
		TitleRecord
	}
	licenseLine struct {
		header
		LicenseRecord
	}
	collectionLine struct {
		header
		CollectionRecord
	}
	itemLine struct {
		Type RecordType `json:"type"`
		Op   Op         `json:"op,omitzero"`
		ItemRecord
	}
)

func (r *Record) decodePut(line []byte) error {
	switch r.Type {
	case TypeTitle:
		v, err := decode[titleLine](line, putOptions)
		r.ID, r.Title = v.ID, &v.TitleRecord
		return err
	case TypeLicense:
		v, err := decode[licenseLine](line, putOptions)
		r.ID, r.License = v.ID, &v.LicenseRecord
		return err
	case TypeCollection:
		v, err := decode[collectionLine](line, putOptions)
		r.ID, r.Collection = v.ID, &v.CollectionRecord
		return err
	case TypeItem:
		v, err := decode[itemLine](line, putOptions)
		r.Item = &v.ItemRecord
		return err
	default:
		return unknownType(r.Type)
	}
}

// decodeMerge checks the patch against the fields of its type, in which any
// member may be null, and keeps it as it is.
func (r *Record) decodeMerge(line []byte) error {
	var err error
	switch r.Type {
	case TypeTitle:
		_, err = decode[titleLine](line, mergeOptions)
	case TypeLicense:
		_, err = decode[licenseLine](line, mergeOptions)
	case TypeCollection:
		_, err = decode[collectionLine](line, mergeOptions)
	case TypeItem:
		return ovenbird.Errorf(ovenbird.Invalid, "a collection_item can not be merged; put it")
	default:
		return unknownType(r.Type)
	}
	if err != nil {
		return err
	}
	var members map[string]jsontext.Value
	if err := json.Unmarshal(line, &members); err != nil {
		return explain(line, err)
	}
	if err := json.Unmarshal(members["id"], &r.ID); err != nil {
		return ovenbird.Errorf(ovenbird.Invalid, `a %s needs an "id"`, r.Type)
	}
	for _, name := range []string{"type", "id", "op"} {
		delete(members, name)
	}
	r.Patch, err = json.Marshal(members, json.Deterministic(true))
	return err
}

func (r *Record) decodeDelete(line []byte) error {
	switch r.Type {
	case TypeTitle, TypeLicense, TypeCollection:
		v, err := decode[header](line, putOptions)
		r.ID = v.ID
		return err
	case TypeItem:
		v, err := decode[itemLine](line, putOptions)
		r.Item = &v.ItemRecord
		return err
	default:
		return unknownType(r.Type)
	}
}

func unknownOp(op Op) error {
	return ovenbird.Errorf(ovenbird.Invalid, "op is %q; use put, merge or delete", op)
}

func unknownType(t RecordType) error {
	if t == "" {
		return ovenbird.Errorf(ovenbird.Invalid, `a record needs a "type": title, license, collection or collection_item`)
	}
	return ovenbird.Errorf(ovenbird.Invalid, "type is %q; use title, license, collection or collection_item", t)
}

func decode[T any](line []byte, opts json.Options) (T, error) {
	var v T
	if err := json.Unmarshal(line, &v, opts); err != nil {
		return v, explain(line, err)
	}
	return v, nil
}

var (
	putOptions   = json.JoinOptions(json.RejectUnknownMembers(true), json.WithUnmarshalers(json.UnmarshalFromFunc(nullsInPut)))
	mergeOptions = json.JoinOptions(json.RejectUnknownMembers(true), json.WithUnmarshalers(json.UnmarshalFromFunc(nullsInMerge)))
)

var errNull = errors.New("it may not be null: leave it out")

// nullsInPut lets null stand only where a license has no start or no end.
// Elsewhere it would quietly become a zero value.
func nullsInPut(dec *jsontext.Decoder, _ any) error {
	if dec.PeekKind() == 'n' {
		if p := dec.StackPointer(); p != "/start" && p != "/end" {
			return errNull
		}
	}
	return json.SkipFunc
}

// nullsInMerge lets null stand for a member, which it removes, but not inside a
// list: a merge patch replaces lists whole.
func nullsInMerge(dec *jsontext.Decoder, _ any) error {
	if dec.PeekKind() != 'n' {
		return json.SkipFunc
	}
	for depth := range dec.StackDepth() + 1 {
		if kind, _ := dec.StackIndex(depth); kind == '[' {
			return errNull
		}
	}
	switch dec.StackPointer() {
	case "/type", "/id", "/op":
		return errNull
	}
	return json.SkipFunc
}

// explain turns an error of the JSON package into one that an editor can act on.
func explain(line []byte, err error) error {
	out := &ovenbird.Error{Code: ovenbird.Invalid, Err: err}
	if e, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		out.Place.Column = column(line, e.ByteOffset)
		switch {
		case errors.Is(e.Err, jsontext.ErrDuplicateName):
			out.Message = "the key " + name(e.JSONPointer) + " stands there twice; remove one"
		case !utf8.Valid(line):
			out.Message = "malformed JSON: " + e.Err.Error() + "; save the file as UTF-8"
		default:
			out.Message = "malformed JSON: " + e.Err.Error() + "; check quotes, commas and brackets around here"
		}
		return out
	}
	e, ok := errors.AsType[*json.SemanticError](err)
	if !ok {
		out.Message = "malformed record: " + err.Error()
		return out
	}
	out.Place.Column = column(line, e.ByteOffset)
	switch {
	case errors.Is(e.Err, json.ErrUnknownName):
		out.Message = "unknown key " + name(e.JSONPointer) + "; remove it, or take one of those in docs/import.md"
	case errors.Is(e.Err, errNull):
		out.Message = name(e.JSONPointer) + ": " + errNull.Error()
	default:
		out.Message = name(e.JSONPointer) + ": expected " + expected(e.GoType) + ", found " + found(e)
	}
	return out
}

// column turns a byte offset into a column, counted in characters from 1.
func column(line []byte, offset int64) int {
	offset = min(max(offset, 0), int64(len(line)))
	// The offset is where the JSON package stopped, often just before the separator.
	rest := line[offset:]
	skipped := len(rest) - len(bytes.TrimLeft(rest, " \t\r\n:,"))
	return utf8.RuneCount(line[:int(offset)+skipped]) + 1
}

func name(p jsontext.Pointer) string {
	if p == "" {
		return "the record"
	}
	var parts []string
	for token := range p.Tokens() {
		parts = append(parts, token)
	}
	return `"` + strings.Join(parts, ".") + `"`
}

func expected(t reflect.Type) string {
	if t == nil {
		return "something else"
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Slice:
		return "a list"
	case reflect.Map:
		return `texts by locale such as {"en": "…"}`
	default:
		return "an object"
	}
}

func found(e *json.SemanticError) string {
	switch e.JSONKind {
	case '"':
		return "a string"
	case 't', 'f':
		return "true or false"
	case '0':
		return "the number " + string(e.JSONValue)
	case '[':
		return "a list"
	case '{':
		return "an object"
	default:
		return e.JSONKind.String()
	}
}
