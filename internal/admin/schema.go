package admin

import (
	"maps"
	"reflect"
	"slices"

	"github.com/danielgtaylor/huma/v2"
)

// The types below describe records for the OpenAPI document and for checking
// what comes in; the values themselves travel as the JSON that the catalog
// writes and reads. A test holds them against the published schema of records.

// Title is a movie, series, season, episode or clip.
type Title struct {
	Type           string       `json:"type,omitzero" enum:"title" doc:"always title; may be left out"`
	ID             string       `json:"id,omitzero" maxLength:"128" doc:"the one of the address; may be left out"`
	Kind           string       `json:"kind" enum:"movie,series,season,episode,clip" doc:"stays for ever"`
	Parent         string       `json:"parent,omitzero" maxLength:"128" doc:"of a season its series, of an episode its season or series"`
	SortKey        string       `json:"sort_key,omitzero" maxLength:"2048" doc:"orders siblings, bytewise"`
	Number         string       `json:"number,omitzero" maxLength:"2048" doc:"as shown"`
	Special        bool         `json:"special,omitzero" doc:"an episode outside the numbering"`
	Published      bool         `json:"published,omitzero" doc:"absent in a PUT: true"`
	Video          bool         `json:"video,omitzero" doc:"whether its video is ready to play; absent in a PUT: true"`
	Year           int          `json:"year,omitzero" minimum:"0" maximum:"9999" doc:"of first release; absent when unknown"`
	RuntimeSeconds int64        `json:"runtime_seconds,omitzero" minimum:"0" maximum:"2592000"`
	Added          string       `json:"added,omitzero" doc:"RFC 3339, or a date alone: midnight UTC" example:"2026-01-31"`
	Genres         []string     `json:"genres,omitempty" nullable:"false" maxItems:"1000"`
	Cast           []string     `json:"cast,omitempty" nullable:"false" maxItems:"1000"`
	Directors      []string     `json:"directors,omitempty" nullable:"false" maxItems:"1000"`
	Origins        []string     `json:"origins,omitempty" nullable:"false" maxItems:"1000" doc:"codes of the countries that made it"`
	Texts          *TitleTexts  `json:"texts,omitempty"`
	Images         []TitleImage `json:"images,omitempty" nullable:"false" maxItems:"1000"`
	Ratings        []Rating     `json:"ratings,omitempty" nullable:"false" maxItems:"1000"`
}

// TitleTexts are the texts of a title, each by BCP 47 language tag.
type TitleTexts struct {
	Name          map[string]string `json:"name,omitempty" example:"{\"en\":\"Sintel\"}"`
	Synopsis      map[string]string `json:"synopsis,omitempty"`
	ShortSynopsis map[string]string `json:"short_synopsis,omitempty"`
	Tagline       map[string]string `json:"tagline,omitempty"`
}

// TitleImage is one picture of a title at one size.
type TitleImage struct {
	Role   string `json:"role" enum:"poster,hero,still,logo"`
	URL    string `json:"url" minLength:"1" maxLength:"2048" doc:"http, https, or a relative path"`
	Width  int    `json:"width" minimum:"1" doc:"pixels"`
	Height int    `json:"height" minimum:"1" doc:"pixels"`
	Locale string `json:"locale,omitzero" doc:"of the words on it; absent when there are none"`
}

// Rating is an age rating as a board gave it.
type Rating struct {
	System string `json:"system" minLength:"1" example:"FSK"`
	Value  string `json:"value" minLength:"1" example:"6"`
}

// License is the right to show a title: where, in which applications, when.
type License struct {
	Type         string   `json:"type,omitzero" enum:"license" doc:"always license; may be left out"`
	ID           string   `json:"id,omitzero" maxLength:"128" doc:"the one of the address; may be left out"`
	Title        string   `json:"title" maxLength:"128"`
	Territories  []string `json:"territories" nullable:"false" minItems:"1" maxItems:"1000" doc:"countries, groups of the site, or *"`
	Exclude      []string `json:"exclude,omitempty" nullable:"false" maxItems:"1000" doc:"exclusion beats inclusion within a license"`
	Applications []string `json:"applications" nullable:"false" minItems:"1" maxItems:"1000" doc:"names of applications, or * for all"`
	Start        *string  `json:"start,omitzero" nullable:"true" doc:"RFC 3339 or a date; null or absent: it has always begun"`
	End          *string  `json:"end,omitzero" nullable:"true" doc:"the first instant outside; null or absent: it never comes"`
	Model        string   `json:"model" enum:"svod,avod,tvod,est,free"`
}

// Collection is an editors' list of titles.
type Collection struct {
	Type      string           `json:"type,omitzero" enum:"collection" doc:"always collection; may be left out"`
	ID        string           `json:"id,omitzero" maxLength:"128" doc:"the one of the address; may be left out"`
	SortKey   string           `json:"sort_key,omitzero" maxLength:"2048" doc:"orders collections, bytewise"`
	Published bool             `json:"published,omitzero" doc:"absent in a PUT: true"`
	Texts     *CollectionTexts `json:"texts,omitempty"`
	Items     []string         `json:"items,omitempty" nullable:"false" maxItems:"100000" doc:"titles in order; absent in a PUT: they stay"`
}

// CollectionTexts are the texts of a collection, each by BCP 47 language tag.
type CollectionTexts struct {
	Name     map[string]string `json:"name,omitempty"`
	Synopsis map[string]string `json:"synopsis,omitempty"`
}

// record is a T as JSON.
type record[T any] struct{ json []byte }

// Schema is that of T.
func (record[T]) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[T](), true, "")
}

// MarshalJSON returns the JSON that r is.
func (r record[T]) MarshalJSON() ([]byte, error) { return r.json, nil }

// UnmarshalJSON keeps the JSON as it is.
func (r *record[T]) UnmarshalJSON(b []byte) error {
	r.json = slices.Clone(b)
	return nil
}

// patch is a JSON Merge Patch (RFC 7396) to a T.
type patch[T any] struct{ json []byte }

// Schema is that of T, but nothing is required and every member may be null.
func (patch[T]) Schema(r huma.Registry) *huma.Schema {
	t := reflect.TypeFor[T]()
	name := t.Name() + "Patch"
	if r.Map()[name] == nil {
		s := patchSchema(r, r.Schema(t, false, ""))
		s.Nullable = false
		s.Description = "A JSON Merge Patch (RFC 7396): what is absent stays, what is null goes."
		delete(s.Properties, "type")
		delete(s.Properties, "id")
		s.PrecomputeMessages()
		r.Map()[name] = s
	}
	return &huma.Schema{Ref: "#/components/schemas/" + name}
}

// patchSchema derives the schema of a patch from that of what it is applied to.
// Lists are replaced whole, so what is in them stays as it is.
func patchSchema(r huma.Registry, of *huma.Schema) *huma.Schema {
	if of.Ref != "" {
		of = r.SchemaFromRef(of.Ref)
	}
	s := *of
	s.Nullable, s.Required, s.Examples = true, nil, nil
	if of.Enum != nil {
		s.Enum = append(slices.Clone(of.Enum), nil)
	}
	s.Properties = maps.Clone(of.Properties)
	for name, property := range s.Properties {
		s.Properties[name] = patchSchema(r, property)
	}
	if more, ok := of.AdditionalProperties.(*huma.Schema); ok {
		s.AdditionalProperties = patchSchema(r, more)
	}
	return &s
}

// UnmarshalJSON keeps the JSON as it is.
func (p *patch[T]) UnmarshalJSON(b []byte) error {
	p.json = slices.Clone(b)
	return nil
}
