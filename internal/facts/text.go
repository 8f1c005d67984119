package facts

import (
	"slices"

	"ovenbird/internal/ovenbird"
)

// Wording is what a text says in some countries.
type Wording struct {
	Text      string
	Countries ovenbird.CountrySet
}

// Wordings returns what a text says by the countries' locale chains. The countries
// are disjoint; where no locale of the chain has the text, there is none. An empty
// text is a text.
func (v *View) Wordings(texts ovenbird.Texts, field ovenbird.TextField) []Wording {
	translations := texts[field]
	if len(translations) == 0 {
		return nil
	}
	var wordings []Wording
	for i := range v.timeless.edition.Chains {
		chain := &v.timeless.edition.Chains[i]
		text, ok := fallback(translations, chain.Locales)
		if !ok {
			continue
		}
		at := slices.IndexFunc(wordings, func(w Wording) bool { return w.Text == text })
		if at < 0 {
			at, wordings = len(wordings), append(wordings, Wording{Text: text})
		}
		wordings[at].Countries = wordings[at].Countries.Union(chain.Countries)
	}
	return wordings
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
