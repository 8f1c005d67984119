package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"ovenbird/internal/bake/baketest"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/shape"
)

// The catalog that is served: collections, each some bytes longer than the one
// before, so that one of them comes close to any size in any coding. A page of a
// collection is a list, which an edge makes of the cards of its titles.
const (
	country     = "FI"
	application = "app0"  // as the generated program names its first
	cards       = 20      // of the longest lists, and the most that a page has
	cardLength  = 250     // about, where lists have fewer
	smallest    = 300     // bytes of the first collection's page, about
	largest     = 1 << 20 // of the last one's
	growth      = 1.03
)

// bakeSizes bakes the catalog into a bucket in a folder.
func bakeSizes(ctx context.Context, seed uint64, folder string) (err error) {
	store, done, err := open(ctx, folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	now := time.Now().UTC()
	countries := ovenbird.NewCountrySet(country, "SE", "NO", "DK", "DE", "FR", "GB", "US", "JP", "BR")
	program, err := baketest.Program(1, countries, []shape.Source{
		{Name: "collections/{collection}/{page}.json", Text: `query ($collection: ID!, $page: Int!) {
			collection(id: $collection) { name pages titles(page: $page) { id kind name synopsis } } }`},
	})
	if err != nil {
		return err
	}
	return publish(ctx, store, program, sizes(seed), now)
}

// sizes makes the catalog.
func sizes(seed uint64) *ovenbird.Snapshot {
	random := rand.New(rand.NewPCG(seed, seed)) //nolint:gosec // the same catalog for the same seed
	var titles []*ovenbird.Title
	var licenses []*ovenbird.License
	var collections []*ovenbird.Collection
	length := float64(smallest)
	for i := range sizeCount() {
		c := &ovenbird.Collection{
			ID: ovenbird.CollectionID(collectionID(i)), SortKey: collectionID(i), Published: true,
			Texts: ovenbird.Texts{ovenbird.Name: {"en": "Collection"}},
		}
		count := max(1, min(cards, int(length)/cardLength))
		for n := range count {
			id := ovenbird.TitleID(fmt.Sprintf("%s-%02d", collectionID(i), n))
			c.Items = append(c.Items, id)
			titles = append(titles, &ovenbird.Title{
				ID: id, Kind: ovenbird.Movie, SortKey: string(id), Published: true, Video: true, Texts: ovenbird.Texts{
					ovenbird.Name: {"en": prose(random, 10)}, ovenbird.Synopsis: {"en": prose(random, int(length)/count)},
				},
			})
			licenses = append(licenses, &ovenbird.License{
				ID: ovenbird.LicenseID(id), Title: id, Territories: []string{"*"}, Applications: []string{"*"}, Model: ovenbird.SVOD,
			})
		}
		collections = append(collections, c)
		length *= growth
	}
	return ovenbird.NewSnapshot(1, titles, licenses, collections)
}

// sizeCount is how many collections there are.
func sizeCount() int {
	count := 0
	for length := float64(smallest); length < largest; length *= growth {
		count++
	}
	return count
}

func collectionID(i int) string { return fmt.Sprintf("k%03d", i) }

// prose makes a text of a length in bytes, of words that compress like a
// language's: to about a third.
func prose(random *rand.Rand, length int) string {
	const letters = "eeeeeeetttttaaaaaooooiiiinnnnsssshhhrrrddllluuccmmffwwyyppggbbvk"
	var s strings.Builder
	for s.Len() < length {
		for range 1 + random.IntN(3) + random.IntN(6) {
			s.WriteByte(letters[random.IntN(len(letters))])
		}
		s.WriteByte(' ')
	}
	return s.String()[:length]
}

// find returns the address of the document whose body is closest to some bytes as
// an edge sends it in a coding.
func find(ctx context.Context, edge *server, coding string, want int) (path string, err error) {
	length := func(i int) (int, error) {
		a, err := ask(ctx, "GET", "http://"+edge.address+documentPath(i), header{"Accept-Encoding": coding})
		if err == nil {
			err = check(a, scenario{coding: coding, status: 200})
		}
		return len(a.body), err
	}
	low, high := 0, sizeCount()-1 // the lengths grow, but for what compression makes of chance
	for low < high {
		middle := (low + high) / 2
		n, err := length(middle)
		if err != nil {
			return "", err
		}
		if n < want {
			low = middle + 1
		} else {
			high = middle
		}
	}
	above, err := length(low)
	if err != nil {
		return "", err
	}
	below, err := length(max(low-1, 0))
	if err != nil {
		return "", err
	}
	if want-below < above-want {
		low--
	}
	return documentPath(max(low, 0)), nil
}

func documentPath(i int) string {
	return "/" + country + "/" + application + "/collections/" + collectionID(i) + "/1.json"
}
