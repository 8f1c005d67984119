package facts

import "ovenbird/internal/ovenbird"

// Text returns a text of t for the country with bit c, by the country's locale
// chain. ok is false where no locale of the chain has the field; an empty text
// is a text.
func (v *View) Text(texts ovenbird.Texts, field ovenbird.TextField, c uint8) (text string, ok bool, same ovenbird.CountrySet) {
	edition := v.timeless.edition
	translations := texts[field]
	if len(translations) == 0 {
		return "", false, edition.Countries
	}
	if len(edition.Chains) == 1 {
		text, ok = fallback(translations, edition.Chains[0].Locales)
		return text, ok, edition.Countries
	}
	text, ok = fallback(translations, edition.chainOf(c).Locales)
	for i := range edition.Chains {
		if other, found := fallback(translations, edition.Chains[i].Locales); other == text && found == ok {
			same = same.Union(edition.Chains[i].Countries)
		}
	}
	return text, ok, same
}

// fallback returns the first translation along a chain.
func fallback(translations map[ovenbird.Locale]string, chain []ovenbird.Locale) (string, bool) {
	for _, locale := range chain {
		if text, ok := translations[locale]; ok {
			return text, true
		}
	}
	return "", false
}

// Image returns t's image of a role for the country with bit c: in the first
// locale of the country's chain that has one, else without words; and of those
// the smallest that is at least width pixels wide, else the largest.
func (v *View) Image(t *ovenbird.Title, role ovenbird.ImageRole, width int, c uint8) (*ovenbird.Image, ovenbird.CountrySet) {
	edition := v.timeless.edition
	image := chooseImage(t.Images, role, width, edition.chainOf(c).Locales)
	if !hasLocales(t.Images, role) {
		return image, edition.Countries
	}
	var same ovenbird.CountrySet
	for i := range edition.Chains {
		if chooseImage(t.Images, role, width, edition.Chains[i].Locales) == image {
			same = same.Union(edition.Chains[i].Countries)
		}
	}
	return image, same
}

func hasLocales(images []ovenbird.Image, role ovenbird.ImageRole) bool {
	for i := range images {
		if images[i].Role == role && images[i].Locale != "" {
			return true
		}
	}
	return false
}

func chooseImage(images []ovenbird.Image, role ovenbird.ImageRole, width int, chain []ovenbird.Locale) *ovenbird.Image {
	for _, locale := range chain {
		if image := bestWidth(images, role, width, locale); image != nil {
			return image
		}
	}
	return bestWidth(images, role, width, "")
}

func bestWidth(images []ovenbird.Image, role ovenbird.ImageRole, width int, locale ovenbird.Locale) *ovenbird.Image {
	var best *ovenbird.Image
	for i := range images {
		image := &images[i]
		if image.Role != role || image.Locale != locale {
			continue
		}
		if best == nil || better(image.Width, best.Width, width) {
			best = image
		}
	}
	return best
}

// better reports whether width a serves a wish better than width b.
func better(a, b, wish int) bool {
	if a >= wish && b >= wish {
		return a < b
	}
	return a > b
}
