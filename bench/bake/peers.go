package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"syscall"
	"time"

	"ovenbird/internal/release"
)

// compared is another program that renders documents of the release, all at once,
// on all processors. Both rates are of documents that differ, each counted once:
//
//   - ours is distinct_documents by cold_seconds, from asking for a bake of a catalog
//     in a database until the release is durable on the disk, packed and compressed;
//     who may see what, in which language and with which rating, is worked out, and
//     lists are stored as templates and cards;
//   - a peer's is -documents of them, drawn from the same release, by the time in
//     which it writes them, one uncompressed file each, and one sync after the last
//     makes all of them as durable as ours are (seconds_until_durable; without it,
//     seconds). It is given each document's fields as they come out and decides nothing.
//
// Every document of a peer is compared with ours: as JSON it says the same.
type compared struct {
	Peer      string  `json:"peer"`
	Documents int     `json:"documents"` // that it rendered
	Seconds   float64 `json:"seconds"`   // until it has ended, and its files may be in memory alone
	Durable   float64 `json:"seconds_until_durable"`
	Rate      float64 `json:"documents_per_second"`
	Ours      float64 `json:"our_documents_per_second"`
	Ratio     float64 `json:"ratio"` // ours by its
}

// String writes the comparison for people.
func (c *compared) String() string {
	return fmt.Sprintf("beside %-12s %.0f documents a second, it %.0f (%d in %.2f s, %.2f s until durable): %.1f times as many\n",
		c.Peer, c.Ours, c.Rate, c.Documents, c.Seconds, c.Durable, c.Ratio)
}

// peer renders documents into a folder, and returns how long it took and which
// file has which.
type peer func(ctx context.Context, dir string, documents []document) (time.Duration, func(i int) string, error)

// document is one document of the release.
type document struct {
	kind string // of which shape it is: the first part of its path
	body []byte
}

// compare has the peers render documents of the release.
func (o *oven) compare(ctx context.Context, z size, f *figures) error {
	if len(z.peers) == 0 {
		return nil
	}
	documents, err := o.draw(ctx, z)
	if err != nil {
		return err
	}
	for _, name := range z.peers {
		render := map[string]peer{"hugo": hugo, "naive": naive}[name]
		if render == nil {
			return fmt.Errorf("there is no peer %q: use hugo or naive", name)
		}
		c := &compared{Peer: name, Documents: len(documents)}
		if err := o.rendered(ctx, c, render, documents); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		c.Rate, c.Ours = float64(c.Documents)/c.Durable, float64(f.Distinct)/f.ColdSeconds
		c.Ratio = c.Ours / c.Rate
		f.Peers = append(f.Peers, c)
	}
	f.PeerRatio = f.Peers[0].Ratio
	return nil
}

// rendered has a peer render documents, and compares each with what it is to say.
func (o *oven) rendered(ctx context.Context, c *compared, render peer, documents []document) error {
	dir := filepath.Join(o.dir, c.Peer)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	took, file, err := render(ctx, dir, documents)
	if err != nil {
		return err
	}
	start := time.Now()
	syscall.Sync()
	c.Seconds, c.Durable = took.Seconds(), (took + time.Since(start)).Seconds()
	for i, d := range documents {
		made, err := os.ReadFile(file(i))
		if err != nil {
			return err
		}
		var got, want any
		if err := errors.Join(json.Unmarshal(made, &got), json.Unmarshal(d.body, &want)); err != nil {
			return err
		}
		if !reflect.DeepEqual(got, want) {
			return fmt.Errorf("it says\n%s\nrather than\n%s", made, d.body)
		}
	}
	return nil
}

// draw returns documents of the release, as viewers get them, in random order and
// each once.
func (o *oven) draw(ctx context.Context, z size) ([]document, error) {
	served, err := o.served(ctx)
	if err != nil {
		return nil, err
	}
	content, err := served.Content(ctx)
	if err != nil {
		return nil, err
	}
	addresses := make(map[release.Hash]string)
	kinds := make(map[release.Hash]string)
	for row := range content.Tree.All() {
		if row.IsCard() {
			continue
		}
		for _, class := range row.Classes {
			addresses[class.Object] = fmt.Sprintf("/%s/%s/%s", class.Countries.List()[0], row.Edition, row.Path)
			kinds[class.Object] = kindOf(row.Path)
		}
	}
	all := make([]release.Hash, 0, len(addresses))
	for hash := range addresses {
		all = append(all, hash)
	}
	slices.SortFunc(all, func(a, b release.Hash) int { return bytes.Compare(a[:], b[:]) })
	random := rand.New(rand.NewPCG(z.seed, 3)) //nolint:gosec // the same documents for the same seed
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	var documents []document
	for _, hash := range all[:min(z.documents, len(all))] {
		status, body, err := o.own().ask(ctx, addresses[hash])
		if err != nil || status != 200 {
			return nil, fmt.Errorf("%s: %d, %w", addresses[hash], status, err)
		}
		documents = append(documents, document{kinds[hash], []byte(body)})
	}
	return documents, nil
}

// kindOf returns which of the documents of baketest.Sources has a path.
func kindOf(path string) string {
	first, _, _ := bytes.Cut([]byte(path), []byte("/"))
	return string(bytes.TrimSuffix(first, []byte(".json")))
}
