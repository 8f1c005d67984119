package admin

import (
	"context"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"time"

	"ovenbird/internal/catalog"
	"ovenbird/internal/facts"
	"ovenbird/internal/ovenbird"
)

// PageQuery asks for a page of a list.
type PageQuery struct {
	Limit        int    `query:"limit" minimum:"1" maximum:"500" default:"100" doc:"entries on a page, at most"`
	Cursor       string `query:"cursor" maxLength:"256" doc:"the next of the page before"`
	ChangedSince int64  `query:"changed_since" minimum:"0" doc:"only what the feed of changes names after this sequence"`
}

// Entry is a record with its tag.
type entry[T any] struct {
	ETag   string    `json:"etag" doc:"for If-Match"`
	Record record[T] `json:"record"`
}

type page[T any] struct {
	Items []entry[T] `json:"items" nullable:"false"`
	Next  string     `json:"next,omitempty" doc:"cursor of the next page; absent where the list has ended"`
}

type pageOutput[T any] struct{ Body page[T] }

// A cursor is a position in a list: the last id that was looked at. It is opaque
// so that it can become something else.
const cursorPrefix = "1:"

func cursorOf(id string) string {
	if id == "" {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString([]byte(cursorPrefix + id))
}

func parseCursor(cursor string) (string, error) {
	if cursor == "" {
		return "", nil
	}
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	id, ok := strings.CutPrefix(string(text), cursorPrefix)
	if err != nil || !ok || ovenbird.CheckID(id) != nil {
		return "", problem(http.StatusUnprocessableEntity, "The cursor is none of this list.",
			FieldProblem{"query.cursor", "it is no cursor", "use the next of the page before, or leave it out to begin"})
	}
	return id, nil
}

func (in *PageQuery) page() (catalog.Page, error) {
	after, err := parseCursor(in.Cursor)
	return catalog.Page{After: after, Limit: in.Limit, ChangedAfter: in.ChangedSince}, err
}

func pageOf[T any](list catalog.Listing) *pageOutput[T] {
	out := page[T]{Items: make([]entry[T], 0, len(list.Entries)), Next: cursorOf(list.Next)}
	for _, e := range list.Entries {
		out.Items = append(out.Items, entry[T]{etag(e.Form), record[T]{e.Form}})
	}
	return &pageOutput[T]{out}
}

type titleFilter struct {
	PageQuery
	Kind        string    `query:"kind" enum:"movie,series,season,episode,clip"`
	Parent      string    `query:"parent" maxLength:"128" doc:"only what is right below this title"`
	Top         bool      `query:"top" doc:"only what has no parent"`
	Published   string    `query:"published" enum:"true,false" doc:"only what editors want shown, or only what not"`
	Genre       string    `query:"genre" maxLength:"2048"`
	Q           string    `query:"q" maxLength:"1000" doc:"words in any text, in any language; the last may be the beginning of one"`
	Country     string    `query:"country" maxLength:"2" doc:"with application: only what is visible there"`
	Application string    `query:"application" maxLength:"256" doc:"an application or an edition such as web/fi"`
	At          time.Time `query:"at" doc:"when it is visible; absent: now"`
}

func (a *API) listTitles(ctx context.Context, in *titleFilter) (*pageOutput[Title], error) {
	where, err := in.page()
	if err != nil {
		return nil, err
	}
	filter := catalog.TitleFilter{Kind: ovenbird.Kind(in.Kind), Published: truth(in.Published), Text: in.Q}
	switch {
	case in.Top && in.Parent != "":
		return nil, problem(http.StatusUnprocessableEntity, "What has a parent is not at the top: send top or parent, not both.")
	case in.Top:
		filter.Parent = new(ovenbird.TitleID)
	case in.Parent != "":
		if p := checkID("query.parent", in.Parent); p != nil {
			return nil, p
		}
		filter.Parent = new(ovenbird.TitleID(in.Parent))
	}
	if filter.Match, err = a.titleMatch(ctx, in); err != nil {
		return nil, err
	}
	list, err := a.catalog.Titles(ctx, where, filter)
	if err != nil {
		return nil, err
	}
	return pageOf[Title](list), nil
}

// titleMatch returns what decides in memory, nil where nothing has to.
func (a *API) titleMatch(ctx context.Context, in *titleFilter) (func(*ovenbird.Title) bool, error) {
	var all []func(*ovenbird.Title) bool
	if in.Genre != "" {
		all = append(all, func(t *ovenbird.Title) bool { return slices.Contains(t.Genres, in.Genre) })
	}
	if in.Country != "" || in.Application != "" || !in.At.IsZero() {
		visible, err := a.visibleIn(ctx, in.Country, in.Application, in.At)
		if err != nil {
			return nil, err
		}
		all = append(all, visible)
	}
	if all == nil {
		return nil, nil
	}
	return func(t *ovenbird.Title) bool {
		return !slices.ContainsFunc(all, func(match func(*ovenbird.Title) bool) bool { return !match(t) })
	}, nil
}

// visibleIn returns what decides whether a title is visible. The catalog may
// move on between the page and the snapshot that this judges by: a title that
// the snapshot does not have is not visible yet.
func (a *API) visibleIn(ctx context.Context, country, application string, at time.Time) (func(*ovenbird.Title) bool, error) {
	view, code, err := a.view(ctx, country, application, at)
	if err != nil {
		return nil, err
	}
	return func(t *ovenbird.Title) bool {
		known := view.Snapshot().Titles[t.ID]
		return known != nil && view.Visible(known).Has(code)
	}, nil
}

// view returns a view of the catalog as it is now, and the country.
func (a *API) view(ctx context.Context, country, application string, at time.Time) (*facts.View, ovenbird.Country, error) {
	var wrong []FieldProblem
	code, err := ovenbird.ParseCountry(country)
	if err != nil {
		wrong = append(wrong, FieldProblem{"query.country", err.Error(), "use an ISO 3166-1 alpha-2 code such as FI"})
	}
	i := slices.IndexFunc(a.cfg.Editions, func(e *facts.Edition) bool { return e.Name() == application || e.Application == application })
	if i < 0 {
		const remedy = "use one of the site, or an edition such as web/fi"
		wrong = append(wrong, FieldProblem{"query.application", "there is no such application", remedy})
	}
	if wrong != nil {
		return nil, "", problem(http.StatusUnprocessableEntity, "What is visible depends on the country and the application.", wrong...)
	}
	snapshot, err := a.snapshots.now(ctx)
	if err != nil {
		return nil, "", err
	}
	if at.IsZero() {
		at = a.now()
	}
	return facts.NewView(snapshot, a.cfg.Editions[i], a.cfg.Rules, at.UTC()), code, nil
}

func truth(s string) *bool {
	if s == "" {
		return nil
	}
	return new(s == "true")
}

type licenseFilter struct {
	PageQuery
	Title       string `query:"title" maxLength:"128" doc:"only those of this title"`
	Application string `query:"application" maxLength:"128" doc:"only those that say this application, or *"`
	Model       string `query:"model" enum:"svod,avod,tvod,est,free"`
}

func (a *API) listLicenses(ctx context.Context, in *licenseFilter) (*pageOutput[License], error) {
	where, err := in.page()
	if err != nil {
		return nil, err
	}
	if in.Title != "" {
		if p := checkID("query.title", in.Title); p != nil {
			return nil, p
		}
	}
	filter := catalog.LicenseFilter{Title: ovenbird.TitleID(in.Title)}
	if in.Application != "" || in.Model != "" {
		filter.Match = func(l *ovenbird.License) bool {
			return (in.Model == "" || string(l.Model) == in.Model) && (in.Application == "" ||
				slices.Contains(l.Applications, in.Application) || slices.Contains(l.Applications, "*"))
		}
	}
	list, err := a.catalog.Licenses(ctx, where, filter)
	if err != nil {
		return nil, err
	}
	return pageOf[License](list), nil
}

type collectionFilter struct {
	PageQuery
	Published string `query:"published" enum:"true,false" doc:"only what editors want shown, or only what not"`
	Title     string `query:"title" maxLength:"128" doc:"only those that hold this title"`
	Q         string `query:"q" maxLength:"1000" doc:"words in any text, in any language; the last may be the beginning of one"`
}

func (a *API) listCollections(ctx context.Context, in *collectionFilter) (*pageOutput[Collection], error) {
	where, err := in.page()
	if err != nil {
		return nil, err
	}
	filter := catalog.CollectionFilter{Published: truth(in.Published), Text: in.Q}
	if in.Title != "" {
		filter.Match = func(c *ovenbird.Collection) bool { return slices.Contains(c.Items, ovenbird.TitleID(in.Title)) }
	}
	list, err := a.catalog.Collections(ctx, where, filter)
	if err != nil {
		return nil, err
	}
	return pageOf[Collection](list), nil
}
