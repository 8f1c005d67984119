package release

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"ovenbird/internal/ovenbird"
)

// partition is how a row divides the countries, without the objects. Very many
// rows divide them alike, so a partition is an object of its own.
type partition struct {
	hash    Hash
	body    []byte // the object
	classes []ovenbird.CountrySet
}

// partitions interns the partitions of a tree and of all trees edited from it.
type partitions struct {
	mu     sync.RWMutex
	bySets map[string]*partition // by the classes' bits
	byHash map[Hash]*partition
}

func newPartitions() *partitions {
	return &partitions{bySets: make(map[string]*partition), byHash: make(map[Hash]*partition)}
}

// of returns the partition of a row, which has classes.
func (p *partitions) of(row Row) *partition {
	if row.division != nil {
		return row.division
	}
	return p.find(row.Classes)
}

func (p *partitions) find(classes []Class) *partition {
	var space [64 * 32]byte
	key := space[:0]
	for _, c := range classes {
		for _, word := range c.Countries {
			key = binary.NativeEndian.AppendUint64(key, word)
		}
	}
	p.mu.RLock()
	known := p.bySets[string(key)]
	p.mu.RUnlock()
	if known != nil {
		return known
	}
	sets := make([]ovenbird.CountrySet, len(classes))
	for i, c := range classes {
		sets[i] = c.Countries
	}
	body := encodePartition(sets)
	found := &partition{hash: HashOf(body), body: body, classes: sets}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bySets[string(key)] = found
	p.byHash[found.hash] = found
	return found
}

// get returns the partition with a hash, or nil where it is not known yet.
func (p *partitions) get(h Hash) *partition {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.byHash[h]
}

// learn adds a partition as it was read from the bucket.
func (p *partitions) learn(h Hash, body []byte) error {
	sets, err := decodePartition(body)
	if err != nil {
		return fmt.Errorf("partition %s: %w", h, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.byHash[h] = &partition{hash: h, body: body, classes: sets}
	return nil
}

// encodePartition writes countries as codes, because bits may move when the
// table of countries changes.
func encodePartition(sets []ovenbird.CountrySet) []byte {
	size := 1 + binary.MaxVarintLen16
	for _, set := range sets {
		size += binary.MaxVarintLen16 + 2*set.Len()
	}
	b := append(make([]byte, 0, size), tagPartition)
	b = binary.AppendUvarint(b, uint64(len(sets)))
	for _, set := range sets {
		b = binary.AppendUvarint(b, uint64(set.Len()))
		for country := range set.Indexes {
			b = append(b, ovenbird.CountryAt(country)...)
		}
	}
	return b
}

func decodePartition(body []byte) ([]ovenbird.CountrySet, error) {
	d := decoder{rest: body}
	d.tag(tagPartition)
	sets := make([]ovenbird.CountrySet, d.count(2))
	for i := range sets {
		for codes := string(d.take(2 * d.count(2))); codes != ""; codes = codes[2:] {
			code := codes[:2]
			country, err := ovenbird.ParseCountry(code)
			if err != nil || string(country) != code {
				d.fail("country %q is not known to this version of the program", code)
				break
			}
			sets[i] = sets[i].With(country)
		}
	}
	if err := d.end(); err != nil {
		return nil, err
	}
	classes := make([]Class, len(sets))
	for i, set := range sets {
		classes[i].Countries = set
	}
	if err := checkClasses(classes); err != nil {
		return nil, err
	}
	if !bytes.Equal(encodePartition(sets), body) {
		return nil, errors.New("countries out of order")
	}
	return sets, nil
}
