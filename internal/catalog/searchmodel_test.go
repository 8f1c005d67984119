package catalog_test

import (
	"cmp"
	"slices"
	"strings"

	"ovenbird/internal/ovenbird"
	"ovenbird/internal/words"
)

// lookThrough is what Search does, by plain loops over everything.
func lookThrough(titles map[string]ovenbird.Texts, question string) []string {
	chunks := words.Phrases(question, 64)
	if len(chunks) == 0 {
		return nil
	}
	type hit struct {
		id   string
		rank int
	}
	var hits []hit
	for id, texts := range titles {
		var names, all [][]string
		for field, byLocale := range texts {
			for _, text := range byLocale {
				all = append(all, words.Terms(text))
				if field == ovenbird.Name {
					names = append(names, words.Terms(text))
				}
			}
		}
		switch {
		case allIn(names, chunks, true):
			hits = append(hits, hit{id, 1})
		case allIn(names, chunks, false):
			hits = append(hits, hit{id, 2})
		case allIn(all, chunks, true):
			hits = append(hits, hit{id, 3})
		case allIn(all, chunks, false):
			hits = append(hits, hit{id, 4})
		}
	}
	slices.SortFunc(hits, func(a, b hit) int { return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.id, b.id)) })
	var ids []string
	for _, h := range hits {
		ids = append(ids, h.id)
	}
	return ids
}

func allIn(texts [][]string, chunks []words.Phrase, whole bool) bool {
	for i, chunk := range chunks {
		begins := i == len(chunks)-1 && !whole
		if !slices.ContainsFunc(texts, func(terms []string) bool { return chunkIn(terms, chunk, begins) }) {
			return false
		}
	}
	return true
}

func chunkIn(terms []string, chunk words.Phrase, begins bool) bool {
	for i := range terms {
		if chunk.Joined != "" && (terms[i] == chunk.Joined || begins && strings.HasPrefix(terms[i], chunk.Joined)) {
			return true
		}
		n := 0
		for n < len(chunk.Words) && i+n < len(terms) {
			last := n == len(chunk.Words)-1
			if terms[i+n] != chunk.Words[n] && (!last || !begins || !strings.HasPrefix(terms[i+n], chunk.Words[n])) {
				break
			}
			n++
		}
		if n == len(chunk.Words) {
			return true
		}
	}
	return false
}
