package catalog

import (
	_ "embed"

	"github.com/go-json-experiment/json/jsontext"

	"ovenbird/internal/ovenbird"
)

// RecordType says what a Record writes.
type RecordType string

// The record types.
const (
	TypeTitle      RecordType = "title"
	TypeLicense    RecordType = "license"
	TypeCollection RecordType = "collection"
	TypeItem       RecordType = "collection_item" // one title's place in a collection
)

// Op says what a Record does.
type Op string

// The operations.
const (
	Put    Op = "put"    // the complete record: what is absent gets its zero value
	Merge  Op = "merge"  // a JSON Merge Patch (RFC 7396) to the record, which must exist
	Delete Op = "delete" // nothing happens where there is nothing
)

// Record is one write to the catalog: a line of an import file. For Put the
// fields of its type are set and the others nil; for Merge, Patch is; for
// Delete only Type and ID are, and Item for a collection item.
type Record struct {
	Type RecordType
	ID   string // of the title, license or collection; "" for a collection item
	Op   Op     // "" means Put
	// Expect is what has to be there before; no part of the line of a file.
	Expect Expectation

	Title      *TitleRecord
	License    *LicenseRecord
	Collection *CollectionRecord
	Item       *ItemRecord
	Patch      jsontext.Value // a JSON object without type, id and op
}

// String names what r writes, for messages.
func (r *Record) String() string {
	if r.Type == TypeItem && r.Item != nil {
		return string(r.Type) + " " + r.Item.id()
	}
	return string(r.Type) + " " + r.ID
}

// TitleRecord is what an import says about a title. Each field is the one of
// the same name in ovenbird.Title, not yet checked.
type TitleRecord struct {
	Kind           ovenbird.Kind  `json:"kind,omitzero"`
	Parent         string         `json:"parent,omitzero"`
	SortKey        string         `json:"sort_key,omitzero"`
	Number         string         `json:"number,omitzero"`
	Special        bool           `json:"special,omitzero"`
	Published      *bool          `json:"published,omitzero"` // nil means true
	Video          *bool          `json:"video,omitzero"`     // nil means true
	Year           int            `json:"year,omitzero"`
	RuntimeSeconds int64          `json:"runtime_seconds,omitzero"`
	Added          string         `json:"added,omitzero"` // RFC 3339, or a date alone: midnight UTC
	Genres         []string       `json:"genres,omitempty"`
	Cast           []string       `json:"cast,omitempty"`
	Directors      []string       `json:"directors,omitempty"`
	Origins        []string       `json:"origins,omitempty"` // country codes
	Texts          *TitleTexts    `json:"texts,omitzero"`
	Images         []ImageRecord  `json:"images,omitempty"`
	Ratings        []RatingRecord `json:"ratings,omitempty"`
}

// Translations is one text by BCP 47 language tag.
type Translations map[string]string

// TitleTexts are the texts of a title.
type TitleTexts struct {
	Name          Translations `json:"name,omitempty"`
	Synopsis      Translations `json:"synopsis,omitempty"`
	ShortSynopsis Translations `json:"short_synopsis,omitempty"`
	Tagline       Translations `json:"tagline,omitempty"`
}

// ImageRecord is one picture of a title at one size in pixels.
type ImageRecord struct {
	Role   ovenbird.ImageRole `json:"role"`
	URL    string             `json:"url"`
	Width  int                `json:"width"`
	Height int                `json:"height"`
	Locale string             `json:"locale,omitzero"`
}

// RatingRecord is an age rating as a board gave it.
type RatingRecord struct {
	System string `json:"system"`
	Value  string `json:"value"`
}

// LicenseRecord is what an import says about a license.
type LicenseRecord struct {
	Title        string         `json:"title,omitzero"`
	Territories  []string       `json:"territories,omitempty"`
	Exclude      []string       `json:"exclude,omitempty"`
	Applications []string       `json:"applications,omitempty"`
	Start        *string        `json:"start,omitzero"` // RFC 3339 or a date alone; nil: it has always begun
	End          *string        `json:"end,omitzero"`   // the first instant outside; nil: it never comes
	Model        ovenbird.Model `json:"model,omitzero"`
}

// CollectionRecord is what an import says about a collection.
type CollectionRecord struct {
	SortKey   string           `json:"sort_key,omitzero"`
	Published *bool            `json:"published,omitzero"` // nil means true
	Texts     *CollectionTexts `json:"texts,omitzero"`
	Items     []string         `json:"items,omitzero"` // in order; nil leaves the items as they are
}

// CollectionTexts are the texts of a collection.
type CollectionTexts struct {
	Name     Translations `json:"name,omitempty"`
	Synopsis Translations `json:"synopsis,omitempty"`
}

// ItemRecord puts one title in a collection. Items are shown ordered by
// position, bytewise, then by title.
type ItemRecord struct {
	Collection string `json:"collection"`
	Title      string `json:"title"`
	Position   string `json:"position,omitzero"`
}

// id names the item in the feed. Ids of titles and collections contain no slash.
func (i ItemRecord) id() string { return i.Collection + "/" + i.Title }

//go:embed record.schema.json
var recordSchema []byte

// RecordSchema returns the published JSON Schema (draft 2020-12) of one line of
// an import file.
func RecordSchema() []byte { return recordSchema }
