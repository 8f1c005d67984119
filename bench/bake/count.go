package main

import (
	"context"
	"encoding/binary"

	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

// counted says how many different things a release is made of.
type counted struct {
	// Distinct is how many documents differ, as viewers get them: those that are
	// stored as they are, and lists with their cards in them.
	Distinct int `json:"distinct_documents"`
	// Objects is what is stored for that: documents, templates of lists, and cards.
	Objects int `json:"distinct_objects"`
}

// counter counts what differs.
type counter struct {
	tree      *release.Tree
	objects   map[release.Hash]bool
	documents map[uint64]bool // by the beginning of the hash of what they are made of
}

// served returns the release that is served.
func (o *oven) served(ctx context.Context) (*release.Release, error) {
	head, err := o.releases.Head(ctx)
	if err != nil {
		return nil, err
	}
	kept, _ := head.CurrentRelease()
	return o.releases.Load(ctx, kept.Ref)
}

// count counts what the release that is served is made of.
func (o *oven) count(ctx context.Context) (counted, error) {
	served, err := o.served(ctx)
	if err != nil {
		return counted{}, err
	}
	content, err := served.Content(ctx)
	if err != nil {
		return counted{}, err
	}
	c := &counter{tree: content.Tree, objects: make(map[release.Hash]bool), documents: make(map[uint64]bool)}
	lists := make(map[release.Hash][]place) // what may be a template, and where it is
	for row := range content.Tree.All() {
		for _, class := range row.Classes {
			c.objects[class.Object] = true
			if !row.IsCard() {
				lists[class.Object] = append(lists[class.Object], place{row.Edition, class.Countries})
			}
		}
	}
	hashes := make([]release.Hash, 0, len(lists))
	for hash := range lists {
		hashes = append(hashes, hash)
	}
	err = served.Objects(ctx, hashes, func(hash release.Hash, body []byte) error {
		if !release.IsTemplate(body) {
			c.documents[prefix(hash)] = true
			return nil
		}
		template, err := release.ParseTemplate(body)
		if err != nil {
			return err
		}
		return c.lists(hash, template, lists[hash])
	})
	return counted{Distinct: len(c.documents), Objects: len(c.objects)}, err
}

// place is where a template is used.
type place struct {
	edition   string
	countries ovenbird.CountrySet
}

// lists counts the lists that a template leads to.
func (c *counter) lists(hash release.Hash, template release.Template, places []place) error {
	slots := template.Cards()
	for _, at := range places {
		cards := make(map[string][]release.Class, len(slots))
		for _, slot := range slots {
			row, _ := c.tree.Get(release.Key{Edition: at.edition, Path: slot})
			cards[slot] = row.Classes
		}
		made, err := template.Lists(slots, at.countries, cards)
		if err != nil {
			return err
		}
		for _, list := range made {
			c.documents[prefix(list.Recipe(hash))] = true
		}
	}
	return nil
}

func prefix(hash release.Hash) uint64 { return binary.LittleEndian.Uint64(hash[:]) }
