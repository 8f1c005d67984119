package baketest

import (
	"fmt"
	"time"

	"ovenbird/internal/bake"
	"ovenbird/internal/facts"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/shape"
)

// Program returns a program of applications alike, each with the documents of
// sources, in three locale chains.
func Program(applications int, countries ovenbird.CountrySet, sources []shape.Source) (*bake.Program, error) {
	plans, err := compile(sources)
	if err != nil {
		return nil, err
	}
	p := &bake.Program{Rules: &facts.Rules{Groups: facts.StandardGroups()}, Horizon: 24 * time.Hour, Site: "bench"}
	for i := range applications {
		name := fmt.Sprintf("app%d", i)
		nordic := countries.Intersect(ovenbird.NewCountrySet("SE", "FI", "AX"))
		german := countries.Intersect(ovenbird.NewCountrySet("DE", "AT", "CH"))
		edition := &facts.Edition{Application: name, Countries: countries, RequiresVideo: true, MaxAge: facts.NoMaxAge}
		for _, chain := range []facts.Chain{
			{Countries: nordic, Locales: []ovenbird.Locale{"sv", "en"}},
			{Countries: german, Locales: []ovenbird.Locale{"de", "en"}},
			{Countries: countries.Minus(nordic).Minus(german), Locales: []ovenbird.Locale{"en"}},
		} {
			if !chain.Countries.Empty() {
				edition.Chains = append(edition.Chains, chain)
			}
		}
		p.Applications = append(p.Applications, bake.Application{Name: name, Editions: []*facts.Edition{edition}, Plans: plans})
	}
	return p, nil
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
