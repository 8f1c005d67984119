package site

import (
	"bytes"
	"encoding/json"

	"ovenbird/internal/facts"
	"ovenbird/internal/ovenbird"
)

// VariationsPath is the address of the one document that no variation has: what
// a client needs to find its way.
const VariationsPath = "variations.json"

// The body of variations.json. Its names are those of GraphQL answers, like the
// other documents'.
type variationsBody struct {
	Site         siteBody          `json:"site"`
	Countries    []countryBody     `json:"countries"`
	Applications []applicationBody `json:"applications"`
}

type siteBody struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

type countryBody struct {
	Code      ovenbird.Country  `json:"code"`
	Name      string            `json:"name"`
	Languages []ovenbird.Locale `json:"languages"`
}

type applicationBody struct {
	Name      string             `json:"name"`
	Title     string             `json:"displayName"`
	MaxAge    *int               `json:"maxAge"` // null for everyone
	Countries []ovenbird.Country `json:"countries"`
	Editions  []editionBody      `json:"editions"`
	Documents []documentBody     `json:"documents"`
}

type editionBody struct {
	Name     string           `json:"name"`
	Language *ovenbird.Locale `json:"language"` // null where there is no choice
}

type documentBody struct {
	Path          string `json:"path"`
	PageSize      int    `json:"pageSize,omitempty"`
	LongestPrefix int    `json:"longestPrefix,omitempty"`
}

// Variations returns the body of variations.json: countries with their names and
// languages; applications with their editions, countries and documents.
func (s *Site) Variations() []byte {
	body := variationsBody{Site: siteBody{s.Name, s.Description}}
	for _, c := range s.Content.Countries {
		body.Countries = append(body.Countries, countryBody{c.Code, c.Code.Name(), c.Locales})
	}
	for i := range s.Content.Applications {
		body.Applications = append(body.Applications, describe(&s.Content.Applications[i]))
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		panic("site: a document of plain values does not encode: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func describe(a *Application) applicationBody {
	body := applicationBody{Name: a.Name, Title: a.DisplayName, Countries: a.Countries.List()}
	if a.MaxAge != facts.NoMaxAge {
		body.MaxAge = &a.MaxAge
	}
	for _, e := range a.Editions {
		edition := editionBody{Name: e.Name()}
		if e.Language != "" {
			edition.Language = &e.Language
		}
		body.Editions = append(body.Editions, edition)
	}
	for _, d := range a.Documents {
		body.Documents = append(body.Documents, documentBody{d.Template().String(), d.PageSize(), d.LongestPrefix()})
	}
	return body
}
