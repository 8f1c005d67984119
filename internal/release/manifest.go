package release

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"ovenbird/internal/ovenbird"
)

// The versions of what docs/release-format.md says about releases. Since the
// second, rows say when they end; since the third, packs have several objects to a
// frame. This program reads all and writes the last.
const (
	formatVersion = 3
	oldestFormat  = 1
	headFormat    = 1 // the head's own, in which nothing has changed
)

// Ref says where a release lies: its id and the pack with its manifest.
type Ref struct {
	ID   string `json:"id"`
	Pack Hash   `json:"pack"`
}

// Meta is what the maker of a release says about it, beside the content.
type Meta struct {
	AsOf            time.Time // the instant of the tree
	HorizonEnd      time.Time // the patches are complete up to here
	CreatedAt       time.Time
	CatalogSequence int64  // of the snapshot it was made from
	Site            string // hash of the site's configuration
	Editions        []Edition
}

// Edition is an application in one of the languages it offers, as edges need to
// know it.
type Edition struct {
	Name        string `json:"name"` // the first segments of an address after the country
	Application string `json:"application"`
	Language    string `json:"language,omitempty"` // "" where the application offers no choice
	// Countries are those that the edition covers.
	Countries []ovenbird.Country `json:"countries"`
	// DefaultCountries are those where a viewer who asks for no language gets
	// this edition.
	DefaultCountries []ovenbird.Country `json:"default_countries,omitempty"`
}

// Counts sums a release up.
type Counts struct {
	Documents int   `json:"documents"` // that viewers can ask for as of AsOf, over all countries
	Rows      int   `json:"rows"`
	Objects   int   `json:"objects"` // in the packs, those of earlier releases included
	Bytes     int64 `json:"bytes"`   // that the packs occupy, but for this manifest
	Swept     int64 `json:"swept"`   // Bytes of the last release up to this one that left garbage behind
}

// Manifest describes a release. It lies in the last pack written for it.
type Manifest struct {
	Format          int        `json:"format"`
	ID              string     `json:"id"`
	Parent          string     `json:"parent,omitempty"` // id of the release it follows; "" for the first
	Root            Hash       `json:"root"`
	Tree            Hash       `json:"tree"`
	Patches         []PatchRef `json:"patches"`
	AsOf            time.Time  `json:"as_of"`
	HorizonEnd      time.Time  `json:"horizon_end"`
	CreatedAt       time.Time  `json:"created_at"`
	CatalogSequence int64      `json:"catalog_sequence"`
	Site            string     `json:"site"`
	Counts          Counts     `json:"counts"`
	Editions        []Edition  `json:"editions"`
	Packs           []Hash     `json:"packs"` // all it needs, beside the one that the manifest lies in
}

func newManifest(parent string, tree Hash, patches []PatchRef, meta Meta) Manifest {
	m := Manifest{
		Format:          formatVersion,
		Parent:          parent,
		Root:            rootOf(tree, patches),
		Tree:            tree,
		Patches:         patches,
		AsOf:            meta.AsOf.UTC(),
		HorizonEnd:      meta.HorizonEnd.UTC(),
		CreatedAt:       meta.CreatedAt.UTC(),
		CatalogSequence: meta.CatalogSequence,
		Site:            meta.Site,
		Editions:        append([]Edition{}, meta.Editions...), // a list in JSON, even where it is empty
		Packs:           []Hash{},
	}
	m.ID = m.deriveID()
	return m
}

// KnowsEnds reports whether the rows of the release say when they end. In one
// that an earlier program made, they do not, and nothing is known.
func (m Manifest) KnowsEnds() bool { return m.Format > oldestFormat }

// deriveID returns an id that sorts by time and differs between any two
// releases that differ in more than how they are stored.
func (m Manifest) deriveID() string {
	h := HashOf(fmt.Appendf(nil, "%s %s %d %d %d %d %s", m.Root, m.Parent,
		m.AsOf.UnixNano(), m.HorizonEnd.UnixNano(), m.CreatedAt.UnixNano(), m.CatalogSequence, m.Site))
	return m.AsOf.Format("20060102T150405Z") + "-" + hex.EncodeToString(h[:4])
}

func (m Manifest) encode() ([]byte, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return nil, ovenbird.Errorf(ovenbird.Internal, "encoding the manifest of release %s: %w", m.ID, err)
	}
	return body, nil
}

// parseManifest reads the manifest of the release that ref names.
func parseManifest(ref Ref, body []byte) (Manifest, error) {
	if len(body) == 0 {
		return Manifest{}, ovenbird.Errorf(ovenbird.Internal, "pack %s holds no manifest of release %s", ref.Pack, ref.ID)
	}
	var m Manifest
	if err := json.Unmarshal(body, &m); err != nil {
		return Manifest{}, ovenbird.Errorf(ovenbird.Internal, "reading the manifest of release %s: %w", ref.ID, err)
	}
	switch {
	case m.Format < oldestFormat || m.Format > formatVersion:
		return Manifest{}, ovenbird.Errorf(ovenbird.Internal,
			"release %s is in format %d, this program reads up to %d: run the version that wrote it", ref.ID, m.Format, formatVersion)
	case m.ID != ref.ID:
		return Manifest{}, ovenbird.Errorf(ovenbird.Internal, "pack %s holds the manifest of release %s, not of %s", ref.Pack, m.ID, ref.ID)
	case m.Root != rootOf(m.Tree, m.Patches):
		return Manifest{}, ovenbird.Errorf(ovenbird.Internal, "the manifest of release %s does not agree with its root", ref.ID)
	}
	return m, nil
}

func equalEditions(a, b []Edition) bool {
	return slices.EqualFunc(a, b, func(x, y Edition) bool {
		return x.Name == y.Name && x.Application == y.Application && x.Language == y.Language &&
			slices.Equal(x.Countries, y.Countries) && slices.Equal(x.DefaultCountries, y.DefaultCountries)
	})
}
