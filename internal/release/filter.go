package release

import "encoding/binary"

// filter says which objects a pack certainly does not hold, without a look at
// its table: a release has dozens of packs, and of nearly all objects that are
// looked for, each holds none. It is a Bloom filter whose bits for one object lie
// in one word, so that asking costs one access to memory.
type filter []uint64

// Two bytes for each object, of which four bits are set: about one object in a
// hundred is looked for in vain.
const filterBits = 16

func newFilter(entries []entry) filter {
	f := make(filter, max(1, (len(entries)*filterBits+63)/64))
	for i := range entries {
		word, bits := f.place(&entries[i].hash)
		f[word] |= bits
	}
	return f
}

// place returns the word of an object, and its bits in that. Hashes are uniform,
// so any of their bytes will do.
func (f filter) place(h *Hash) (word int, bits uint64) {
	word = int(uint64(binary.BigEndian.Uint32(h[8:])) * uint64(len(f)) >> 32)
	return word, 1<<(h[12]&63) | 1<<(h[13]&63) | 1<<(h[14]&63) | 1<<(h[15]&63)
}

// mayHold reports whether the pack may hold an object; if not, it does not.
func (f filter) mayHold(h *Hash) bool {
	word, bits := f.place(h)
	return f[word]&bits == bits
}
