package site

import (
	"slices"
	"testing"

	"ovenbird/internal/ovenbird"
)

func TestNoChainHoldsWhatIsHeldBack(t *testing.T) {
	files := edited(t, contentFile, "DE: {locales: [de],", "DE: {locales: [de], holdback: [en, fi],")
	c := mustLoad(t, files).Content
	for _, e := range c.Editions() {
		for _, chain := range e.Chains {
			if chain.Countries.Has("DE") && !slices.Equal(chain.Locales, []ovenbird.Locale{"de"}) {
				t.Errorf("the chain of %s in DE is %v, want de alone", e.Name(), chain.Locales)
			}
			if chain.Countries.Has("FI") && !slices.Contains(chain.Locales, "en") {
				t.Errorf("the chain of %s in FI is %v, without en", e.Name(), chain.Locales)
			}
		}
	}
	if germany, _ := c.Country("DE"); !slices.Equal(germany.Locales, []ovenbird.Locale{"de"}) {
		t.Errorf("DE speaks %v, want de alone: en is the default locale, and held back", germany.Locales)
	}
}

func TestAHoldbackCoversMoreSpecificLocales(t *testing.T) {
	for locale, want := range map[ovenbird.Locale]bool{"de": true, "de-AT": true, "den": false, "en": false} {
		if got := heldBack([]ovenbird.Locale{"de"}, locale); got != want {
			t.Errorf("holding back de holds %s back: %v, want %v", locale, got, want)
		}
	}
	if heldBack([]ovenbird.Locale{"pt-BR"}, "pt") {
		t.Error("holding back pt-BR holds pt back")
	}
}
