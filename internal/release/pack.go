package release

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sort"
)

// A pack is, in this order: packMagic, a nonce, frames (each holds one object, or
// several, one after the other), the table of objects, a manifest or nothing, and
// the footer. Numbers are big endian. docs/release-format.md says it in full.
const (
	packMagic   = "OVBPACK1"
	packEnd     = "OVBPEND2"
	packEndOne  = "OVBPEND1" // of packs with one object to a frame, whose entries do not say where in it
	packNonce   = 16
	packHeader  = len(packMagic) + packNonce
	entrySize   = len(Hash{}) + 8 + 4 + 4 + 4 + 1
	entryOne    = entrySize - 4
	packFooter  = 8 + 4 + 4 + len(Hash{}) + len(packEnd)
	maxObject   = 64 << 20 // bytes of one object
	packsPrefix = "packs/"
)

// PackKey returns the key in the bucket of the pack with a hash.
func PackKey(pack Hash) string {
	name := pack.String()
	return packsPrefix + name[:2] + "/" + name + ".pack"
}

// entry says where in a pack an object lies.
type entry struct {
	hash   Hash
	offset int64  // of the frame
	stored uint32 // bytes of the frame
	at     uint32 // where the object begins in what the frame decompresses to
	raw    uint32 // bytes of the object
	coding byte
}

// end returns where the frame ends.
func (e entry) end() int64 { return e.offset + int64(e.stored) }

// pack is what a reader keeps of a pack in memory: everything but the frames.
// Immutable.
type pack struct {
	hash     Hash
	size     int64
	entries  []entry // ordered by hash
	filter   filter  // of entries
	manifest []byte  // empty where there is none
}

// find returns the entry of an object.
func (p *pack) find(h Hash) (entry, bool) {
	if !p.filter.mayHold(&h) {
		return entry{}, false
	}
	// Hashes are uniform, so the first guess by their first four bytes is good:
	// it narrows the search to a few entries around.
	n := len(p.entries)
	guess := int(uint64(binary.BigEndian.Uint32(h[:4])) * uint64(n) >> 32)
	low, high := guess, guess
	for step := 8; low > 0 && compareHashes(&p.entries[low].hash, &h) > 0; step *= 2 {
		low = max(0, low-step)
	}
	for step := 8; high < n && compareHashes(&p.entries[high].hash, &h) < 0; step *= 2 {
		high = min(n, high+step)
	}
	i := low + sort.Search(high-low, func(i int) bool { return compareHashes(&p.entries[low+i].hash, &h) >= 0 })
	if i < n && p.entries[i].hash == h {
		return p.entries[i], true
	}
	return entry{}, false
}

// packBuilder gathers the bytes of one pack.
type packBuilder struct {
	body    []byte
	entries []entry
}

func newPackBuilder() *packBuilder {
	b := &packBuilder{body: []byte(packMagic)}
	// The nonce makes every pack an object of its own in the bucket. Without it
	// a writer could take an old pack that nobody needs, and that is about to be
	// collected, for the one it has just written.
	var nonce [packNonce]byte
	_, _ = rand.Read(nonce[:]) // never fails
	b.body = append(b.body, nonce[:]...)
	return b
}

// add appends a frame with its objects, which know their places in it.
func (b *packBuilder) add(frame []byte, coding byte, objects []entry) {
	for _, e := range objects {
		e.offset, e.stored, e.coding = int64(len(b.body)), uint32(len(frame)), coding
		b.entries = append(b.entries, e)
	}
	b.body = append(b.body, frame...)
}

// size is how many bytes the pack will have, without a manifest.
func (b *packBuilder) size() int { return len(b.body) + len(b.entries)*entrySize + packFooter }

// finish completes the pack. The builder can not be used after it.
func (b *packBuilder) finish(manifest []byte) (*pack, []byte) {
	slices.SortFunc(b.entries, func(x, y entry) int { return compareHashes(&x.hash, &y.hash) })
	start := len(b.body)
	body := b.body
	for _, e := range b.entries {
		body = append(body, e.hash[:]...)
		body = binary.BigEndian.AppendUint64(body, uint64(e.offset))
		body = binary.BigEndian.AppendUint32(body, e.stored)
		body = binary.BigEndian.AppendUint32(body, e.at)
		body = binary.BigEndian.AppendUint32(body, e.raw)
		body = append(body, e.coding)
	}
	body = append(body, manifest...)
	sum := HashOf(body[start:])
	body = binary.BigEndian.AppendUint64(body, uint64(start))
	body = binary.BigEndian.AppendUint32(body, uint32(len(b.entries)))
	body = binary.BigEndian.AppendUint32(body, uint32(len(manifest)))
	body = append(body, sum[:]...)
	body = append(body, packEnd...)
	return &pack{hash: HashOf(body), size: int64(len(body)), entries: b.entries, filter: newFilter(b.entries), manifest: manifest}, body
}

// footer says where the table and the manifest of a pack lie.
type footer struct {
	table    int64 // offset
	count    int
	manifest int // bytes, right after the table
	entry    int // bytes of an entry of the table
	sum      Hash
}

// parseFooter reads the last packFooter bytes of a pack of the given size.
func parseFooter(b []byte, size int64) (footer, error) {
	if len(b) != packFooter {
		return footer{}, errors.New("it is too short for a pack")
	}
	entry := entrySize
	switch string(b[len(b)-len(packEnd):]) {
	case packEnd:
	case packEndOne:
		entry = entryOne
	default:
		return footer{}, errors.New("it does not end like a pack")
	}
	f := footer{
		entry:    entry,
		table:    int64(binary.BigEndian.Uint64(b)),
		count:    int(binary.BigEndian.Uint32(b[8:])),
		manifest: int(binary.BigEndian.Uint32(b[12:])),
		sum:      Hash(b[16:48]),
	}
	if f.table < int64(packHeader) || f.table > size || f.table+f.length()+int64(packFooter) != size {
		return footer{}, errors.New("its footer does not agree with its size")
	}
	return f, nil
}

// length returns how many bytes table and manifest have.
func (f footer) length() int64 { return int64(f.count)*int64(f.entry) + int64(f.manifest) }

// parsePack reads the table and the manifest that the footer speaks of.
func parsePack(hash Hash, size int64, f footer, b []byte) (*pack, error) {
	if int64(len(b)) != f.length() || HashOf(b) != f.sum {
		return nil, errors.New("its table or manifest is damaged")
	}
	p := &pack{hash: hash, size: size, entries: make([]entry, f.count), manifest: b[f.count*f.entry:]}
	for i := range p.entries {
		p.entries[i] = parseEntry(b[i*f.entry : (i+1)*f.entry])
		if err := p.entries[i].check(f.table); err != nil {
			return nil, err
		}
		if i > 0 && compareHashes(&p.entries[i-1].hash, &p.entries[i].hash) >= 0 {
			return nil, errors.New("its table is out of order")
		}
	}
	p.filter = newFilter(p.entries)
	return p, nil
}

// parseEntry reads an entry of either length.
func parseEntry(b []byte) entry {
	e := entry{
		hash: Hash(b[:32]), offset: int64(binary.BigEndian.Uint64(b[32:])), stored: binary.BigEndian.Uint32(b[40:]),
		coding: b[len(b)-1],
	}
	b = b[44 : len(b)-1]
	if len(b) == 8 {
		e.at = binary.BigEndian.Uint32(b)
	}
	e.raw = binary.BigEndian.Uint32(b[len(b)-4:])
	return e
}

func (e entry) check(frames int64) error {
	switch {
	case e.offset < int64(packHeader) || e.offset > frames || e.end() > frames:
		return fmt.Errorf("object %s lies outside of it", e.hash)
	case e.raw > maxObject || e.at > maxObject || e.coding > codingZstd || (e.coding == codingRaw && e.at+e.raw > e.stored):
		return fmt.Errorf("object %s is stored in a way this program does not know", e.hash)
	}
	return nil
}
