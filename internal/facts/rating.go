package facts

import (
	"slices"

	"ovenbird/internal/ovenbird"
)

// manyRatings is of how many titles a view remembers the ratings. Nearly all that asks
// for them is made of one family after the other.
const manyRatings = 2000

// rated is what a title is rated in some countries.
type rated struct {
	countries ovenbird.CountrySet
	rating    ovenbird.Rating // zero where it has none there
	age       int
	mapped    bool
}

// Rating returns t's rating for the country with bit c: the first of the
// country's rating systems in which t, or its nearest ancestor with any rating,
// has one. age is what the site maps it to; mapped is false where it does not.
func (v *View) Rating(t *ovenbird.Title, c uint8) (r ovenbird.Rating, age int, mapped bool, same ovenbird.CountrySet) {
	for _, found := range v.timeless.ratingsOf(t) {
		if found.countries.HasIndex(c) {
			return found.rating, found.age, found.mapped, found.countries
		}
	}
	return ovenbird.Rating{}, 0, false, v.timeless.edition.Countries
}

// ratingsOf divides the edition's countries by what t, or its nearest ancestor
// with any rating, is rated there. It is empty where none has one.
func (s *timeless) ratingsOf(t *ovenbird.Title) []rated {
	for t != nil && len(t.Ratings) == 0 {
		t = s.snapshot.Parent(t)
	}
	if t == nil {
		return nil
	}
	if found, ok := s.ratings[t.ID]; ok {
		return found
	}
	found := []rated{{countries: s.edition.Countries}}
	for i := range s.edition.Boards {
		board := &s.edition.Boards[i]
		rating, here := pick(t.Ratings, board.Systems), board.Countries.Intersect(s.edition.Countries)
		if rating == (ovenbird.Rating{}) || here.Empty() {
			continue
		}
		found[0].countries = found[0].countries.Minus(here)
		at := slices.IndexFunc(found, func(r rated) bool { return r.rating == rating })
		if at < 0 {
			age, mapped := s.rules.Ages[rating]
			at, found = len(found), append(found, rated{rating: rating, age: age, mapped: mapped})
		}
		found[at].countries = found[at].countries.Union(here)
	}
	if len(s.ratings) >= manyRatings {
		clear(s.ratings)
	}
	s.ratings[t.ID] = found
	return found
}

// pick returns the rating of the first of the systems that has one.
func pick(ratings []ovenbird.Rating, systems []string) ovenbird.Rating {
	for _, system := range systems {
		for _, r := range ratings {
			if r.System == system {
				return r
			}
		}
	}
	return ovenbird.Rating{}
}

// suitable returns the edition's countries in which t's rating suits its MaxAge.
// A rating that is missing or unmapped suits nobody but an edition without limit.
func (s *timeless) suitable(t *ovenbird.Title) ovenbird.CountrySet {
	if s.edition.MaxAge == NoMaxAge {
		return s.edition.Countries
	}
	var set ovenbird.CountrySet
	for _, r := range s.ratingsOf(t) {
		if r.mapped && r.age <= s.edition.MaxAge {
			set = set.Union(r.countries)
		}
	}
	return set
}
