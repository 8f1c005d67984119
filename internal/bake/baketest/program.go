package baketest

import (
	"fmt"
	"strconv"
	"time"

	"ovenbird/internal/bake"
	"ovenbird/internal/facts"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/shape"
)

// languages are those that catalogs have texts in beside English, with the
// countries that read them first.
var languages = []struct {
	locale    ovenbird.Locale
	countries ovenbird.CountrySet
}{
	{"es", ovenbird.NewCountrySet("ES", "MX", "AR", "CO", "CL", "PE", "VE", "EC", "GT", "BO", "DO", "PY", "SV", "NI", "CR", "PA", "UY")},
	{"fr", ovenbird.NewCountrySet("FR", "BE", "LU", "MC", "SN", "CI", "ML", "CM", "NE", "BF", "TG", "BJ", "GA", "CG")},
	{"de", ovenbird.NewCountrySet("DE", "AT", "CH", "LI")},
	{"pt", ovenbird.NewCountrySet("BR", "PT", "AO", "MZ", "CV")},
	{"it", ovenbird.NewCountrySet("IT", "SM", "VA")},
	{"nl", ovenbird.NewCountrySet("NL", "SR", "AW", "CW")},
	{"sv", ovenbird.NewCountrySet("SE", "AX")},
	{"fi", ovenbird.NewCountrySet("FI")},
	{"pl", ovenbird.NewCountrySet("PL")},
	{"ja", ovenbird.NewCountrySet("JP")},
	{"ar", ovenbird.NewCountrySet("SA", "AE", "EG", "MA", "DZ", "TN", "JO", "LB", "IQ", "KW", "QA", "BH", "OM", "YE", "LY", "SD")},
}

// systemCount is how many rating systems there are; each country goes by one.
const systemCount = 20

var ratingValues = []string{"0", "6", "12", "16", "18"}

func systemName(i int) string { return fmt.Sprintf("BOARD%02d", i) }

// Program returns a program of applications, each with the documents of one of
// sources in turn, in a locale chain for each language. Every third is for
// viewers of twelve and younger.
func Program(applications int, countries ovenbird.CountrySet, sources ...[]shape.Source) (*bake.Program, error) {
	rules := &facts.Rules{Groups: facts.StandardGroups(), Ages: make(map[ovenbird.Rating]int)}
	for system := range systemCount {
		for _, value := range ratingValues {
			age, err := strconv.Atoi(value)
			if err != nil {
				return nil, err
			}
			rules.Ages[ovenbird.Rating{System: systemName(system), Value: value}] = age
		}
	}
	p := &bake.Program{Rules: rules, Horizon: 24 * time.Hour, Site: "bench"}
	for i := range applications {
		plans, err := compile(sources[i%len(sources)])
		if err != nil {
			return nil, err
		}
		name := fmt.Sprintf("app%d", i)
		edition := &facts.Edition{
			Application: name, Countries: countries, RequiresVideo: true, MaxAge: facts.NoMaxAge,
			Chains: chains(countries), Boards: boards(countries),
		}
		if i%3 == 2 {
			edition.MaxAge = 12
		}
		p.Applications = append(p.Applications, bake.Application{Name: name, Editions: []*facts.Edition{edition}, Plans: plans})
	}
	return p, nil
}

func chains(countries ovenbird.CountrySet) []facts.Chain {
	var list []facts.Chain
	rest := countries
	for _, l := range languages {
		if here := countries.Intersect(l.countries); !here.Empty() {
			list = append(list, facts.Chain{Countries: here, Locales: []ovenbird.Locale{l.locale, "en"}})
			rest = rest.Minus(here)
		}
	}
	return append(list, facts.Chain{Countries: rest, Locales: []ovenbird.Locale{"en"}})
}

func boards(countries ovenbird.CountrySet) []facts.Board {
	list := make([]facts.Board, systemCount)
	for i := range list {
		list[i].Systems = []string{systemName(i)}
	}
	for i, country := range countries.List() {
		at := &list[i%systemCount]
		at.Countries = at.Countries.With(country)
	}
	return list
}

// compile returns the plan of each source.
func compile(sources []shape.Source) ([]*shape.Plan, error) {
	var plans []*shape.Plan
	for _, s := range sources {
		template, err := shape.ParseTemplate(s.Name)
		if err != nil {
			return nil, err
		}
		plan, err := shape.Compile(shape.Document{Template: template, Source: s, PageSize: 20, LongestPrefix: 3})
		if err != nil {
			return nil, err
		}
		plans = append(plans, plan)
	}
	return plans, nil
}
