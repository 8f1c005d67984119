package baketest

import (
	"ovenbird/internal/bake"
	"ovenbird/internal/release"
	"ovenbird/internal/shape"
)

// Sources returns the documents of an application of the worldwide service that
// the project is made for: one that shows until when a title is there (ends), or
// one that does not.
func Sources(ends bool) []shape.Source {
	until := ""
	if ends {
		until = "availability { end }"
	}
	return []shape.Source{
		{Name: "home.json", Text: `{ collections(first: 20) { id name titles(first: 20) {
			id kind name shortSynopsis image(role: POSTER, width: 300) { url } } } }`},
		{Name: "titles/{title}.json", Text: `query ($title: ID!) { title(id: $title) {
			id kind name synopsis year runtime genres cast(first: 5) directors rating { system value age } ` + until + `
			image(role: HERO, width: 1920) { url width height }
			seasons { id number episodes { id number name shortSynopsis } } } }`},
		{Name: "collections/{collection}/{page}.json", Text: `query ($collection: ID!, $page: Int!) {
			collection(id: $collection) { name pages titleCount titles(page: $page) {
				id kind name shortSynopsis image(role: POSTER, width: 300) { url } } } }`},
		{Name: "leaving.json", Text: `{ leaving(days: 7, first: 20) { leaves title { id name } } }`},
		{Name: "search/{prefix}.json", Text: `query ($prefix: String!) { search(prefix: $prefix, first: 10) { id name } }`},
	}
}

// Editions returns what a release of a program must say of its editions for an
// edge to serve them.
func Editions(p *bake.Program) []release.Edition {
	var list []release.Edition
	for _, application := range p.Applications {
		for _, edition := range application.Editions {
			list = append(list, release.Edition{
				Name: edition.Name(), Application: edition.Application, Countries: edition.Countries.List(),
			})
		}
	}
	return list
}
