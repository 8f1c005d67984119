package model

import (
	"bytes"
	"sort"
	"strconv"
)

// Documents returns every document that a viewer can ask for, by path, as it has
// to be. What is not among them does not exist.
func (s *Sight) Documents() map[string][]byte {
	documents := make(map[string][]byte)
	shapes := s.model.shapes[s.Variation.Application]
	for i := range shapes {
		for _, k := range s.keysOf(&shapes[i].document) {
			r := &rendering{&shapes[i], s, k}
			documents[shapes[i].document.address(k)] = Encode(r.body())
		}
	}
	return documents
}

// keysOf lists the keys for which a kind of document exists.
func (s *Sight) keysOf(d *Document) []keys {
	var list []keys
	switch {
	case d.keyed("title"):
		for _, t := range s.model.everything {
			if s.Visible(t.ID) {
				list = append(list, keys{"title": string(t.ID)})
			}
		}
	case d.keyed("page"):
		for _, c := range s.model.collections {
			if !s.Shown(c) {
				continue
			}
			items := s.items(c, byPosition)
			for page := 1; len(pageOf(items, page, d.PageSize)) > 0; page++ {
				list = append(list, keys{"collection": string(c.ID), "page": strconv.Itoa(page)})
			}
		}
	case d.keyed("collection"):
		for _, c := range s.model.collections {
			if s.Shown(c) {
				list = append(list, keys{"collection": string(c.ID)})
			}
		}
	case d.keyed("prefix"):
		for _, prefix := range s.Prefixes(d.LongestPrefix) {
			list = append(list, keys{"prefix": prefix})
		}
	default:
		list = append(list, keys{})
	}
	return list
}

// Difference is a document that is not as it has to be. A nil body means that
// there is no such document.
type Difference struct {
	Path            string
	Expected, Found []byte
}

// Compare says how the documents that a viewer is given differ from what they have
// to be, ordered by path.
func (s *Sight) Compare(found map[string][]byte) []Difference {
	var differences []Difference
	expected := s.Documents()
	for path, body := range expected {
		if given, ok := found[path]; !ok || !bytes.Equal(given, body) {
			differences = append(differences, Difference{path, body, given})
		}
	}
	for path, body := range found {
		if _, ok := expected[path]; !ok {
			differences = append(differences, Difference{path, nil, body})
		}
	}
	sort.Slice(differences, func(i, j int) bool { return differences[i].Path < differences[j].Path })
	return differences
}
