package tree

import (
	"net/url"
	"slices"
	"time"

	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

// Report is what a publisher did.
type Report struct {
	Release string    `json:"release"`
	At      time.Time `json:"at"`    // the instant as of which the tree is
	Whole   bool      `json:"whole"` // every file was looked at
	Written int64     `json:"written"`
	Kept    int64     `json:"kept"` // files that were looked at and were right
	Deleted int64     `json:"deleted"`
	// Expired says that the release has run out: what may have ended was taken away.
	Expired bool `json:"expired,omitempty"`
	// Next is when there will be something to write, if no release comes before.
	Next time.Time `json:"next,omitzero"`

	changes []change
	layout  *layout
	swept   []string
}

// Purge is what a CDN has to forget: files that were written or deleted.
type Purge struct {
	// Key is the one of an edge's Surrogate-Key headers that names the documents; ""
	// where no release of now knows them.
	Key string `json:"key,omitempty"`
	// Addresses are theirs, for CDNs that purge by address; "*" at the end of one
	// stands for everything below.
	Addresses []string `json:"addresses"`
}

// Purges returns what a CDN has to forget after the run, in the order of keys. Where
// every file was looked at that is whole editions.
func (r *Report) Purges() []Purge {
	var purges []Purge
	if r.Whole {
		purges = r.editions()
	} else {
		for _, c := range r.changes {
			keys := c.key.PurgeKeys()
			p := Purge{Key: keys[len(keys)-1]}
			for country := range c.write.Union(c.gone).Indexes {
				for _, name := range r.layout.names(c.key, country) {
					p.Addresses = append(p.Addresses, address(name))
				}
			}
			purges = append(purges, p)
		}
	}
	if len(r.swept) > 0 {
		var gone Purge
		for _, name := range r.swept {
			if _, _, coded := uncoded(name); !coded {
				gone.Addresses = append(gone.Addresses, address(name))
			}
		}
		purges = append(purges, gone)
	}
	return purges
}

// editions are the purges of everything.
func (r *Report) editions() []Purge {
	var names []string
	for name := range r.layout.offers {
		names = append(names, name)
	}
	slices.Sort(names)
	var purges []Purge
	for _, name := range names {
		p := Purge{Key: release.Key{Edition: name}.PurgeKeys()[0]}
		if name == "" {
			for _, c := range r.changes {
				if c.key.Edition == "" {
					p.Addresses = append(p.Addresses, address(c.key.Path))
				}
			}
		} else {
			o := r.layout.offers[name]
			for country := range o.countries.Indexes {
				prefix := string(ovenbird.CountryAt(country)) + "/"
				p.Addresses = append(p.Addresses, address(prefix+name+"/")+"*")
				if o.defaults.HasIndex(country) {
					p.Addresses = append(p.Addresses, address(prefix+o.Application+"/")+"*")
				}
			}
		}
		purges = append(purges, p)
	}
	return purges
}

func address(name string) string { return (&url.URL{Path: "/" + name}).EscapedPath() }
