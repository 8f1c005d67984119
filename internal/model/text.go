package model

import (
	"slices"
	"strings"

	"ovenbird/internal/ovenbird"
)

// Chain returns the locales in which texts of a variation are looked for, in
// order: the viewer's language, the country's locales, the site's default;
// without those that are held back in the country or in the application.
func (m *Model) Chain(v Variation) []ovenbird.Locale {
	country := m.country(v.Country)
	var held []ovenbird.Locale
	held = append(held, country.Holdback...)
	if a := m.application(v.Application); a != nil {
		held = append(held, a.Holdback...)
	}
	var chain []ovenbird.Locale
	try := func(locale ovenbird.Locale) {
		if locale != "" && !slices.Contains(chain, locale) && !heldBack(held, locale) {
			chain = append(chain, locale)
		}
	}
	try(v.Language)
	for _, locale := range country.Locales {
		try(locale)
	}
	try(m.site.DefaultLocale)
	return chain
}

// heldBack reports whether a locale is one of those held back, or a more specific
// form of one, as de-AT is of de.
func heldBack(held []ovenbird.Locale, locale ovenbird.Locale) bool {
	for _, h := range held {
		if locale == h || strings.HasPrefix(string(locale), string(h)+"-") {
			return true
		}
	}
	return false
}

// Text returns a text as the variation has it. ok is false where no locale of its
// chain has the field; an empty text is a text.
func (s *Sight) Text(texts ovenbird.Texts, field ovenbird.TextField) (text string, ok bool) {
	for _, locale := range s.chain {
		if text, ok := texts[field][locale]; ok {
			return text, true
		}
	}
	return "", false
}

// image returns a title's image of a role: in the first locale of the chain that
// has one, else without words. Of those it is the smallest that is at least width
// pixels wide, else the widest; and of equals the first.
func (s *Sight) image(t *ovenbird.Title, role ovenbird.ImageRole, width int) *ovenbird.Image {
	for _, locale := range append(slices.Clip(s.chain), "") {
		var wide, narrow *ovenbird.Image // the smallest that is wide enough; the widest of all
		for i := range t.Images {
			image := &t.Images[i]
			if image.Role != role || image.Locale != locale {
				continue
			}
			if image.Width >= width && (wide == nil || image.Width < wide.Width) {
				wide = image
			}
			if narrow == nil || image.Width > narrow.Width {
				narrow = image
			}
		}
		if wide != nil {
			return wide
		}
		if narrow != nil {
			return narrow
		}
	}
	return nil
}
