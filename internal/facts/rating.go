package facts

import "ovenbird/internal/ovenbird"

// Rating returns t's rating for the country with bit c: the first of the
// country's rating systems in which t, or its nearest ancestor with any rating,
// has one. age is what the site maps it to; mapped is false where it does not.
func (v *View) Rating(t *ovenbird.Title, c uint8) (r ovenbird.Rating, age int, mapped bool, same ovenbird.CountrySet) {
	ratings := v.timeless.ratings(t)
	edition := v.timeless.edition
	r, same = ovenbird.Rating{}, edition.Countries
	if len(ratings) == 0 {
		return r, 0, false, same
	}
	rest := edition.Countries
	for i := range edition.Boards {
		board := &edition.Boards[i]
		if board.Countries.HasIndex(c) {
			r = pick(ratings, board.Systems)
		}
		rest = rest.Minus(board.Countries)
	}
	same = ovenbird.CountrySet{}
	if r == (ovenbird.Rating{}) {
		same = rest
	}
	for i := range edition.Boards {
		if pick(ratings, edition.Boards[i].Systems) == r {
			same = same.Union(edition.Boards[i].Countries)
		}
	}
	age, mapped = v.timeless.rules.Ages[r]
	return r, age, mapped, same.Intersect(edition.Countries)
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

// ratings returns t's ratings, or its nearest ancestor's that has any.
func (s *timeless) ratings(t *ovenbird.Title) []ovenbird.Rating {
	for ; t != nil; t = s.snapshot.Parent(t) {
		if len(t.Ratings) > 0 {
			return t.Ratings
		}
	}
	return nil
}

// suitable returns the edition's countries in which t's rating suits its MaxAge.
// A rating that is missing or unmapped suits nobody but an edition without limit.
func (s *timeless) suitable(t *ovenbird.Title) ovenbird.CountrySet {
	if s.edition.MaxAge == NoMaxAge {
		return s.edition.Countries
	}
	var set ovenbird.CountrySet
	ratings := s.ratings(t)
	for i := range s.edition.Boards {
		board := &s.edition.Boards[i]
		if age, mapped := s.rules.Ages[pick(ratings, board.Systems)]; mapped && age <= s.edition.MaxAge {
			set = set.Union(board.Countries)
		}
	}
	return set.Intersect(s.edition.Countries)
}
